//! Names and sizes in lines for people.

/// A name as it can stand in a line: quoted and escaped unless it is plain.
pub fn shown(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"');
    if plain { name.to_owned() } else { format!("{name:?}") }
}

/// A number of bytes with a binary unit: `1.50 MiB`.
pub fn shown_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut number = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if number < 1024.0 {
            break;
        }
        (number, unit) = (number / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{number:.2} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stay_on_one_line() {
        assert_eq!(shown("tenant__a:b/c"), "tenant__a:b/c");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown("a\nb"), "\"a\\nb\"");
    }

    #[test]
    fn bytes_have_the_largest_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536 << 10, "1.50 MiB"),
            (u64::MAX, "16.00 EiB"),
        ] {
            assert_eq!(shown_bytes(bytes), text);
        }
    }
}

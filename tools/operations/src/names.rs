//! Names and sizes in lines for people.

/// A name as it can stand in a line: quoted and escaped unless it is plain.
pub fn shown(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| is_visible(c) && c != ' ' && c != '"');
    if plain { name.to_owned() } else { format!("{name:?}") }
}

/// Whether a character is seen where it stands: no control character, none that turns the line around, no blank but the
/// space.
pub(crate) fn is_visible(letter: char) -> bool {
    if letter.is_ascii() {
        return !letter.is_ascii_control();
    }
    // Behind a letter, marks that are drawn over it are not escaped.
    format!("a{letter}").escape_debug().nth(2).is_none()
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
        assert_eq!(shown("a\u{202e}b\u{200b}"), "\"a\\u{202e}b\\u{200b}\"");
        assert_eq!(shown("e\u{301}株"), "e\u{301}株");
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

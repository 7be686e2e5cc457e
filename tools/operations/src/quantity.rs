//! Sizes, rates and times as people write them: one grammar for all of them.
//!
//! A size is a number with a unit of 1000 (`kB`, `MB`, `GB`, `TB`) or 1024 bytes (`KiB`, `MiB`, `GiB`, `TiB`), or with `B`. A time
//! is a number of seconds, or has a unit: `ms`, `s`, `m`, `h`, `d`. A blank may stand before the unit.

use std::time::Duration;

const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

const TIMES: [(&str, f64); 6] =
    [("", 1.0), ("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

/// Parses bytes: `50MB`, `64 MiB`, `800B`. A number alone is refused: some would take it for bytes and some for megabytes.
///
/// # Errors
/// What is wrong with it.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = parts(text);
    let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(
            "write a number and one of the units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB: 50MB".to_owned()
        );
    };
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    size.ok_or_else(|| "write a whole number before the unit: 50MB".to_owned())
}

/// Parses bytes per second: a size above 0, `/s` behind it or not.
///
/// # Errors
/// What is wrong with it.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let rate = parse_size(text.strip_suffix("/s").unwrap_or(text))?;
    if rate > 0 { Ok(rate) } else { Err("nothing can be done at that rate".to_owned()) }
}

/// Parses a time above 0: `10`, `0.5s`, `500ms`, `5m`, `2h`, `30d`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || "write seconds, or a number with one of ms, s, m, h, d: 10, 500ms, 5m".to_owned();
    let (number, unit) = parts(text);
    let (_, factor) = TIMES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * factor;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if time.is_zero() { Err("it must be more than 0".to_owned()) } else { Ok(time) }
}

/// The number, and the unit behind it.
fn parts(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in [("50MB", 50_000_000), ("64 MiB", 64 << 20), ("2kB", 2000), ("7B", 7), ("0B", 0)]
        {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
        for text in ["", "7", "MB", "-1B", "1.5MB", "1mb", "99999999999999999999B", "99999999999999GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(parse_rate("50MB/s"), Ok(50_000_000));
        assert!(parse_rate("0MB").is_err() && parse_rate("50").is_err());
    }

    #[test]
    fn times_are_seconds_or_have_units() {
        for (text, ms) in [
            ("2", 2_000),
            ("0.05", 50),
            ("500ms", 500),
            ("1.5s", 1_500),
            ("5 m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "0", "0ms", "-1", "soon", "1y", "1e300", "inf", "NaN"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}

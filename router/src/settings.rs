//! Numbers and times from configuration variables. A value that cannot be meant is refused, never replaced.

use std::time::Duration;

use epistemic_protocol::ConfigError;

/// A whole number; empty counts as unset.
pub(crate) fn number(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<u32>, ConfigError> {
    parsed(lookup, name, |text| text.parse().map_err(|_| "it is not a whole number from 0 on"))
}

/// Seconds with an optional fraction; empty counts as unset.
pub(crate) fn seconds(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<Duration>, ConfigError> {
    parsed(lookup, name, |text| {
        let seconds = text.parse::<f64>().map_err(|_| "it is not a number of seconds")?;
        Duration::try_from_secs_f64(seconds).map_err(|_| "it is not a time that can be waited")
    })
}

/// As [`seconds`], and 0 is refused.
pub(crate) fn limit(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<Duration>, ConfigError> {
    match seconds(lookup, name)? {
        Some(Duration::ZERO) => {
            let reason = "nothing can be done within 0 s, and calls without a limit are not offered";
            Err(ConfigError::Setting { name, text: "0".to_owned(), reason })
        }
        limit => Ok(limit),
    }
}

/// On or off; off when it is not set.
pub(crate) fn switch(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<bool, ConfigError> {
    Ok(switched(lookup, name)?.unwrap_or(false))
}

/// On or off, or not set.
pub(crate) fn switched(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<bool>, ConfigError> {
    parsed(lookup, name, |text| match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("write 1 or 0"),
    })
}

fn parsed<T>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, ConfigError> {
    let Some(text) = lookup(name).filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    parse(text.trim()).map(Some).map_err(|reason| ConfigError::Setting { name, text, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_with_its_name() {
        let set = |text: &'static str| move |_: &str| Some(text.to_owned());
        assert_eq!(number(&set(" 7 "), "N").unwrap(), Some(7));
        assert_eq!(seconds(&set("1.5"), "N").unwrap(), Some(Duration::from_millis(1500)));
        assert_eq!(seconds(&set(" "), "N").unwrap(), None);
        assert_eq!(number(&|_: &str| None, "N").unwrap(), None);
        for text in ["-1", "five", "1.5", "0x5", "5 s"] {
            let message = number(&set(text), "ENGINE_BREAKER_THRESHOLD").unwrap_err().to_string();
            assert!(message.contains("ENGINE_BREAKER_THRESHOLD") && message.contains(text), "{message}");
        }
        for text in ["-1", "soon", "NaN", "inf", "1e300", "-0.1"] {
            assert!(seconds(&set(text), "N").is_err(), "{text}");
        }
        assert!(switch(&set("1"), "N").unwrap() && !switch(&set("0"), "N").unwrap());
        assert!(!switch(&set(""), "N").unwrap() && switch(&set("yes"), "N").is_err());
        assert!(limit(&set("0.0"), "N").is_err());
        assert_eq!(seconds(&set("0"), "N").unwrap(), Some(Duration::ZERO));
    }
}

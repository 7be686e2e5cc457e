//! The weakest token that a client sends, whatever a server says.

use epistemic_protocol::ConfigError;

/// Variable with the client's own minimum: 1 or 2.
pub const MIN_AUTH_VAR: &str = "EPISTEMIC_GRAPH_MIN_AUTH";

/// Variable that says whether clients with a name sign by themselves: 1, the default, or 0.
pub const SIGN_VAR: &str = "EPISTEMIC_GRAPH_SIGN";

/// The weakest token that requests carry. A client that knows who it is signs in any case where the server takes it; this says
/// what it does where the server does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinAuth {
    /// One over the id of a request, if a server takes no other: whoever is on the way and says that it does not, gets one.
    #[default]
    ById,
    /// One over all of a request, or the client's certificate; there is no other way in.
    Signed,
}

impl MinAuth {
    /// What a text says: `1` or `2`.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] for another text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        match text.trim() {
            "1" => Ok(Self::ById),
            "2" => Ok(Self::Signed),
            other => Err(ConfigError::Setting {
                name: MIN_AUTH_VAR,
                text: other.to_owned(),
                reason: "write 1 or 2, the weakest version of tokens that is sent",
            }),
        }
    }

    /// What [`MIN_AUTH_VAR`] says through `lookup`; 1 when it is unset or empty.
    ///
    /// # Errors
    /// As [`MinAuth::parse`].
    pub fn resolve(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        match lookup(MIN_AUTH_VAR).filter(|text| !text.trim().is_empty()) {
            Some(text) => Self::parse(&text),
            None => Ok(Self::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_are_taken() {
        let of = |text: &str| MinAuth::resolve(|name| (name == MIN_AUTH_VAR).then(|| text.to_owned()));
        assert_eq!(
            (of("").unwrap(), of("1").unwrap(), of(" 2 ").unwrap()),
            (MinAuth::ById, MinAuth::ById, MinAuth::Signed)
        );
        for text in ["0", "3", "signed", "2.0"] {
            assert!(of(text).unwrap_err().to_string().contains(MIN_AUTH_VAR), "{text}");
        }
    }
}

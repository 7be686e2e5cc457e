//! Whether shards are reached by TLS, as the environment says it.

use std::path::PathBuf;

use epistemic_protocol::ConfigError;
use epistemic_tls::{ClientTls, Identity};

/// Variable that makes clients use TLS for every `tcp://` endpoint: `require`, or `off`.
pub const TLS_VAR: &str = "EPISTEMIC_GRAPH_TLS";
/// Variable with the PEM file of the CAs that shards are trusted for.
pub const TLS_CA_VAR: &str = "EPISTEMIC_GRAPH_TLS_CA";
/// Variable with the PEM file of this client's certificate, for shards that ask for one.
pub const TLS_CERT_VAR: &str = "EPISTEMIC_GRAPH_TLS_CERT";
/// Variable with the PEM file of its private key, of mode 0600.
pub const TLS_KEY_VAR: &str = "EPISTEMIC_GRAPH_TLS_KEY";

/// TLS as the variables that are read through `lookup` describe it: [`TLS_VAR`], [`TLS_CA_VAR`], [`TLS_CERT_VAR`],
/// [`TLS_KEY_VAR`]; none when it is off. Files are read later, when a connection is made. Empty values count as unset.
///
/// # Errors
/// [`ConfigError::Setting`] for another mode, no CA, or half of a certificate and its key.
pub fn tls_from(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<ClientTls>, ConfigError> {
    let text = |name| lookup(name).filter(|text| !text.is_empty());
    let file = |name| text(name).map(PathBuf::from);
    let setting = |name, text: &str, reason| ConfigError::Setting { name, text: text.to_owned(), reason };
    match text(TLS_VAR).as_deref() {
        None | Some("off") => return Ok(None),
        Some("require") => {}
        Some(other) => return Err(setting(TLS_VAR, other, "write require or off")),
    }
    let Some(ca) = file(TLS_CA_VAR) else {
        return Err(setting(
            TLS_CA_VAR,
            "",
            "with TLS, name the file of the CAs that shards are trusted for",
        ));
    };
    let identity = match (file(TLS_CERT_VAR), file(TLS_KEY_VAR)) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some(Identity { cert, key }),
        (None, Some(_)) => return Err(setting(TLS_CERT_VAR, "", "a key needs its certificate")),
        (Some(_), None) => return Err(setting(TLS_KEY_VAR, "", "a certificate needs its key")),
    };
    Ok(Some(ClientTls::new(ca, identity)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<bool, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
        };
        tls_from(lookup).map(|tls| tls.is_some()).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_off_until_it_is_required_and_halves_are_refused() {
        assert_eq!(of(&[]), Ok(false));
        assert_eq!(of(&[(TLS_CA_VAR, "/ca")]), Ok(false), "a CA alone switches nothing");
        assert_eq!(of(&[(TLS_VAR, "off"), (TLS_CA_VAR, "/ca")]), Ok(false));
        assert_eq!(of(&[(TLS_VAR, "require"), (TLS_CA_VAR, "/ca")]), Ok(true));
        for (variables, named) in [
            (vec![(TLS_VAR, "1")], "require or off"),
            (vec![(TLS_VAR, "require")], TLS_CA_VAR),
            (vec![(TLS_VAR, "require"), (TLS_CA_VAR, "/ca"), (TLS_CERT_VAR, "/c")], TLS_KEY_VAR),
            (vec![(TLS_VAR, "require"), (TLS_CA_VAR, "/ca"), (TLS_KEY_VAR, "/k")], TLS_CERT_VAR),
        ] {
            let error = of(&variables).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}

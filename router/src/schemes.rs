//! Schemes that were forgotten in an endpoint list.

use std::path::Path;

use epistemic_protocol::ConfigError;
use epistemic_protocol::placement::{Endpoint, EndpointList};

/// Refuses an endpoint without a scheme that is an address: any text without a scheme is a socket path, and `HOST:PORT`
/// is more likely a forgotten `tcp://`, unless a socket has this name. Looks at the file system.
///
/// # Errors
/// [`ConfigError::NoScheme`].
pub fn must_have_schemes(list: &EndpointList) -> Result<(), ConfigError> {
    for endpoint in list.as_slice() {
        let meant = format!("tcp://{endpoint}");
        let is_address = endpoint.is_local() && Endpoint::parse(&meant).is_ok();
        if is_address && !Path::new(endpoint.as_str()).exists() {
            return Err(ConfigError::NoScheme { endpoint: endpoint.as_str().to_owned(), meant });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use epistemic_protocol::ErrorCode;

    use super::*;

    #[test]
    fn a_forgotten_scheme_is_found_unless_a_socket_has_the_name() {
        let check = |text: &str| must_have_schemes(&EndpointList::parse(text).unwrap());
        assert_eq!(check("tcp://a:1,unix:///b,/c,name.sock"), Ok(()));
        let error = check("tcp://a:1,localhost:9101").unwrap_err();
        assert_eq!(error.code(), ErrorCode::EndpointMalformed);
        assert_eq!(
            error.to_string(),
            "endpoint 'localhost:9101' has no scheme and no socket has this name: write tcp://localhost:9101"
        );
    }
}

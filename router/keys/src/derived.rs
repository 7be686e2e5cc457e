//! Secrets of tenants that are made of one root secret, so that nobody has to distribute them to the shards.

use epistemic_protocol::placement::tenant_graph_name;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::SecretText;

/// Begins what a derived secret is bound to.
const INFO: &str = "eg-tenant-key-v1";

/// Why a tenant cannot have a derived key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "tenant '{}' cannot have a derived key: write it as in the names of its graphs, in small letters, digits and . - _, \
     without _ at an end and without two of them in a row, which would be another tenant's",
    .0.escape_debug()
)]
pub struct TenantError(String);

/// Whether the tenant is written as in the names of its graphs, and no other tenant's graphs begin as its own do.
///
/// # Errors
/// It is not.
pub fn check_tenant(tenant: &str) -> Result<(), TenantError> {
    let is_slug = tenant_graph_name(Some(tenant), "").is_ok_and(|name| name == format!("tenant__{tenant}__"));
    if is_slug && !tenant.is_empty() && !tenant.contains("__") {
        Ok(())
    } else {
        Err(TenantError(tenant.to_owned()))
    }
}

/// The secret of a tenant: 64 lower-case hexadecimal digits of HKDF-SHA256 of the bytes of the root, without salt, with
/// `eg-tenant-key-v1` and the tenant as info.
#[must_use]
pub fn tenant_secret(root: &str, tenant: &str) -> SecretText {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(None, root.as_bytes())
        .expand_multi_info(&[INFO.as_bytes(), tenant.as_bytes()], key.as_mut_slice());
    expanded.expect("32 bytes are no more than HKDF gives");
    SecretText::new(hex::encode(key.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Python: `hmac` used as RFC 5869 says.
    #[test]
    fn a_secret_is_that_of_root_and_tenant() {
        let of = |root, tenant| tenant_secret(root, tenant).expose().to_owned();
        assert_eq!(
            of("0123456789abcdef", "acme"),
            "a9a57c342b4eaa36f12f3ed1a2b85031c98b2f117a6d0623739d9a07d3368bf7"
        );
        assert_ne!(of("0123456789abcdef", "acme"), of("0123456789abcdef", "acm"));
        assert_ne!(of("0123456789abcdef", "acme"), of("0123456789abcdeg", "acme"));
    }

    #[test]
    fn a_tenant_is_written_as_its_graphs_are() {
        for good in ["acme", "a", "a.b-c_d", "0"] {
            assert_eq!(check_tenant(good), Ok(()), "{good}");
        }
        for bad in ["", "Acme", "acme_", "_acme", "a__b", "a*", "a b", "ä", "{tenant}", "a/b"] {
            assert!(check_tenant(bad).is_err(), "{bad}");
        }
    }
}

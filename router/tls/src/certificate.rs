//! What a certificate says, beside what is verified in a handshake.

use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// When it ends, in Unix seconds.
pub(crate) fn not_after(der: &[u8]) -> Result<u64, String> {
    let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
    Ok(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
}

/// The first URI among its alternative names: whom it stands for.
pub(crate) fn uri(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let (_, names) = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok()??;
    names.0.into_iter().find_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DnsName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_after = rcgen::date_time_ymd(2033, 5, 18);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn its_end_and_its_first_uri_are_read() {
        let dns = || SanType::DnsName("a.example".try_into().unwrap());
        let uri_of = |text: &str| SanType::URI(text.try_into().unwrap());
        let both = certificate(vec![dns(), uri_of("spiffe://a/b"), uri_of("spiffe://c")]);
        assert_eq!(not_after(&both), Ok(1_999_987_200));
        assert_eq!(uri(&both).as_deref(), Some("spiffe://a/b"));
        assert_eq!(uri(&certificate(vec![dns()])), None);
        assert_eq!(uri(&certificate(vec![])), None);
        assert!(not_after(b"no certificate").is_err() && uri(b"no certificate").is_none());
    }
}

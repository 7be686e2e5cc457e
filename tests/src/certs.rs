//! A CA and what it signs, in a temporary folder.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType,
};
use tempfile::TempDir;

use crate::gateway::private_file;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A CA. Its folder is removed when it is dropped.
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key, of mode 0600.
    pub key: PathBuf,
}

impl Pair {
    /// The flags of a server.
    pub fn flags(&self) -> [&Path; 4] {
        [Path::new("--tls-cert"), &self.cert, Path::new("--tls-key"), &self.key]
    }

    /// Puts the contents of another pair in the place of this one, each file by a rename.
    pub fn replace_by(&self, other: &Pair) -> Result<()> {
        for (from, to) in [(&other.cert, &self.cert), (&other.key, &self.key)] {
            let new = to.with_extension("new");
            private_file(&new, &fs_err::read_to_string(from)?)?;
            fs_err::rename(new, to)?;
        }
        Ok(())
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Authority> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Authority { folder: TempDir::new()?, issuer };
        fs_err::write(authority.ca(), authority.issuer.pem())?;
        Ok(authority)
    }

    /// Its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Its own certificate, as text.
    pub fn ca_text(&self) -> Result<String> {
        Ok(self.ca().to_str().context("temporary paths are UTF-8")?.to_owned())
    }

    /// A server of these names and addresses, for a month.
    pub fn server(&self, name: &str, hosts: &[&str]) -> Result<Pair> {
        self.server_until(name, hosts, SystemTime::now() + 30 * DAY)
    }

    /// A server whose certificate ends at a time.
    pub fn server_until(&self, name: &str, hosts: &[&str], end: SystemTime) -> Result<Pair> {
        let names = hosts.iter().map(|host| match host.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => Ok(SanType::DnsName((*host).try_into()?)),
        });
        self.sign(name, names.collect::<Result<_>>()?, ExtendedKeyUsagePurpose::ServerAuth, end)
    }

    /// A client whose certificate stands for a principal.
    pub fn client(&self, name: &str, principal: &str) -> Result<Pair> {
        let names = vec![SanType::URI(principal.try_into()?)];
        self.sign(name, names, ExtendedKeyUsagePurpose::ClientAuth, SystemTime::now() + 30 * DAY)
    }

    fn sign(
        &self,
        name: &str,
        names: Vec<SanType>,
        usage: ExtendedKeyUsagePurpose,
        end: SystemTime,
    ) -> Result<Pair> {
        let mut params = CertificateParams::default();
        // OpenSSL takes a certificate with the name of its issuer for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = names;
        params.extended_key_usages = vec![usage];
        params.not_before = (SystemTime::now() - 60 * DAY).into();
        params.not_after = end.into();
        let key = KeyPair::generate()?;
        let path = |extension: &str| self.folder.path().join(format!("{name}.{extension}"));
        let pair = Pair { cert: path("pem"), key: path("key") };
        fs_err::write(&pair.cert, params.signed_by(&key, &self.issuer)?.pem())?;
        private_file(&pair.key, &key.serialize_pem())?;
        Ok(pair)
    }
}

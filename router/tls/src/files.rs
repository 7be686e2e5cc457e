//! Certificates and keys in PEM files.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A larger file is none of ours, and would be read for ever if it never ended.
const MOST_BYTES: u64 = 16 << 20;

/// A certificate and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM: the certificate, then those that lead from it to the CA.
    pub cert: PathBuf,
    /// PEM, of mode 0600 or stricter.
    pub key: PathBuf,
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("TLS file '{}' cannot be used: {reason}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl FileError {
    pub(crate) fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// All certificates of a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let refuse = |reason: &dyn ToString| FileError::new(path, reason.to_string());
    let pem = read(open(path)?, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| refuse(&error))?;
    if all.is_empty() { Err(refuse(&"there is no certificate in it")) } else { Ok(all) }
}

/// The first private key of a file that its owner alone may use.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    // What is read is what was checked, whatever becomes of the name meanwhile.
    let file = open(path)?;
    let metadata = file.metadata().map_err(|error| FileError::new(path, error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let reason = format!("its mode {mode:04o} lets others than the owner use it, run chmod 600");
        return Err(FileError::new(path, reason));
    }
    let pem = read(file, path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| FileError::new(path, error))
}

/// The certificates of a file as those that others are trusted for.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| FileError::new(path, error))?;
    }
    Ok(roots)
}

fn open(path: &Path) -> Result<fs_err::File, FileError> {
    fs_err::File::open(path).map_err(|error| FileError::new(path, error))
}

fn read(file: fs_err::File, path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| FileError::new(path, error))?;
    Ok(bytes)
}

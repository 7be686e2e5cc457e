//! The shared secret and the token it signs requests with.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use epistemic_protocol::{ConfigError, TokenKey};
use epistemic_signing::Key as SigningKey;

use crate::signer::Signer;

/// Variable with the secret that all shards and clients share.
pub const SECRET_VAR: &str = "GRAPH_SERVICE_AUTH_SECRET";

/// The text of a file that its owner alone may use, without the line break at its end. Blocks.
///
/// # Errors
/// Why not: the file cannot be read, is no UTF-8, or is open to group or others.
pub fn read_private_file(path: &Path) -> Result<String, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut file = fs_err::File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("its mode {mode:04o} lets others than the owner use it, run chmod 600"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

/// The shared secret, and how requests show it: by a token over their id, or signed, with claims of who asks. Only keyed
/// hash state is kept, and it never shows itself in `Debug`.
#[derive(Clone)]
pub struct Secret {
    by_id: Option<TokenKey>,
    signing: Option<SigningKey>,
    signer: Option<Signer>,
}

impl Secret {
    /// The secret `text`, whose UTF-8 bytes are the key. Empty text gives [`Secret::none`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self::none();
        }
        Self { by_id: Some(TokenKey::new(text)), signing: Some(SigningKey::new(text)), signer: None }
    }

    /// No secret: requests carry an empty token, which only a server run with `--allow-insecure` takes.
    #[must_use]
    pub fn none() -> Self {
        Self { by_id: None, signing: None, signer: None }
    }

    /// The secret in [`SECRET_VAR`]. Requests are signed when [`crate::CONTEXT_VAR`] has claims.
    ///
    /// # Errors
    /// [`ConfigError::NoSecret`] when it is unset, empty or not UTF-8; [`ConfigError::Setting`] for claims that are none.
    pub fn from_env() -> Result<Self, ConfigError> {
        let text =
            std::env::var(SECRET_VAR).ok().filter(|text| !text.is_empty()).ok_or(ConfigError::NoSecret)?;
        Self::with_claims(&text)
    }

    /// The secret in a file, without the line break at its end. Requests are signed when [`crate::CONTEXT_VAR`] has claims. Blocks.
    ///
    /// # Errors
    /// [`ConfigError::SecretFile`] when the file cannot be read, is open to group or others, or is empty;
    /// [`ConfigError::Setting`] for claims that are none.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let refuse = |reason: String| ConfigError::SecretFile { path: path.to_owned(), reason };
        let secret = read_private_file(path).map_err(refuse)?;
        if secret.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        Self::with_claims(&secret)
    }

    /// The secret `text`. Requests are signed when [`crate::CONTEXT_VAR`] has claims.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] for claims that are none.
    pub fn with_claims(text: &str) -> Result<Self, ConfigError> {
        let signer = Signer::context_from_env()?.map(|context| Signer::new(text, context));
        Ok(Self { signer, ..Self::new(text) })
    }

    /// Present when requests are to be signed.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Signs as `principal`, with no claims of a deployment; none without a secret.
    #[must_use]
    pub fn signer_of(&self, principal: &str) -> Option<Signer> {
        self.signing.as_ref().map(|key| Signer::of(key.clone(), principal))
    }

    /// The token of a request: lowercase hex of HMAC-SHA256 over the decimal text of its id.
    #[must_use]
    pub fn token(&self, id: u64) -> String {
        self.by_id.as_ref().map_or_else(String::new, |key| key.token(id))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.by_id.is_some() { "Secret(hidden)" } else { "Secret(none)" })
    }
}

#[cfg(test)]
mod tests {
    use fs_err::os::unix::fs::OpenOptionsExt;

    use super::*;

    /// Value of Python's `hmac.new(b"s3cret", b"5", sha256).hexdigest()`.
    #[test]
    fn the_token_is_that_of_the_python_client() {
        let token = "a02400e5cecee1bdb876d47b30edb849a6431212dfcb46fbfc941144f0fe4e50";
        assert_eq!(Secret::new("s3cret").token(5), token);
        assert_eq!(Secret::new("").token(5), "");
    }

    #[test]
    fn debug_hides_it() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "Secret(hidden)");
    }

    #[test]
    fn a_file_must_belong_to_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, mode, text| {
            let path = dir.path().join(name);
            drop(fs_err::OpenOptions::new().create_new(true).write(true).mode(mode).open(&path).unwrap());
            fs_err::write(&path, text).unwrap();
            path
        };
        let good = write("good", 0o600, "s3cret\n");
        assert_eq!(Secret::from_file(&good).unwrap().token(5), Secret::new("s3cret").token(5));
        for (path, reason) in [
            (write("group", 0o640, "s3cret"), "chmod 600"),
            (write("world", 0o604, "s3cret"), "chmod 600"),
            (write("empty", 0o600, "\n"), "empty"),
            (dir.path().join("absent"), "No such file"),
        ] {
            let message = Secret::from_file(&path).unwrap_err().to_string();
            assert!(message.contains(reason) && message.contains(path.to_str().unwrap()), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}

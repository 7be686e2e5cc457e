//! Tokens over the id of a request (`docs/reference-protocol.md` section 3): lowercase hex of HMAC-SHA256 over the decimal text of the id.

use std::fmt;
use std::io::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Bytes of a token.
const TOKEN: usize = 64;

/// The shared secret as the key of tokens. Only keyed hash state is kept, so that no token hashes the key again.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// The secret, which may have any length; its UTF-8 bytes are the key.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length"))
    }

    /// The token of request `id`.
    #[must_use]
    pub fn token(&self, id: u64) -> String {
        self.sign(id).into_iter().map(char::from).collect()
    }

    /// Whether `token` is the token of request `id`. Takes the same time for all wrong tokens of the right
    /// length; allocates nothing.
    #[must_use]
    pub fn verify(&self, id: u64, token: &str) -> bool {
        self.sign(id).as_slice().ct_eq(token.as_bytes()).into()
    }

    fn sign(&self, id: u64) -> [u8; TOKEN] {
        let mut digits = [0; 20];
        let mut free = digits.as_mut_slice();
        write!(free, "{id}").expect("20 bytes hold every u64");
        let unused = free.len();
        let mac = self.0.clone().chain_update(&digits[..digits.len() - unused]);
        let mut token = [0; TOKEN];
        hex::encode_to_slice(mac.finalize().into_bytes(), &mut token).expect("64 digits for 32 bytes");
        token
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Python's `hmac.new(b"s3cret", b"5", sha256).hexdigest()`.
    #[test]
    fn tokens_are_those_of_the_python_client() {
        let token = "a02400e5cecee1bdb876d47b30edb849a6431212dfcb46fbfc941144f0fe4e50";
        let key = TokenKey::new("s3cret");
        assert_eq!(key.token(5), token);
        assert!(
            key.verify(5, token)
                && !key.verify(6, token)
                && !key.verify(5, &token[1..])
                && !key.verify(5, "")
        );
        assert!(key.verify(u64::MAX, &key.token(u64::MAX)));
        assert!(!TokenKey::new("other").verify(5, token) && TokenKey::new("").token(5).len() == TOKEN);
        assert_eq!(format!("{key:?}"), "TokenKey(hidden)");
    }
}

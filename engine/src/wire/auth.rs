//! Authentication tokens (wire.md section 3): lowercase hex of HMAC-SHA256 over the decimal text of the id.

use std::fmt;
use std::io::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Bytes of a token.
const TOKEN: usize = 64;

/// Checks tokens against one secret, or accepts every token when the server runs insecurely.
#[derive(Clone)]
pub struct Authenticator {
    /// The state after the key; cloned for each check, so that no check hashes the key again.
    keyed: Option<Hmac<Sha256>>,
}

impl Authenticator {
    /// Accepts the tokens made with `secret`, which may have any length.
    pub fn with_secret(secret: &str) -> Self {
        let keyed = Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        Self { keyed: Some(keyed) }
    }

    /// Accepts every token.
    pub fn insecure() -> Self {
        Self { keyed: None }
    }

    /// Whether `token` is the token of request `id`. Takes the same time for all wrong tokens of the right
    /// length; allocates nothing.
    pub fn verify(&self, id: u64, token: &str) -> bool {
        let Some(keyed) = &self.keyed else { return true };
        let expected = sign(keyed.clone(), id);
        expected.as_slice().ct_eq(token.as_bytes()).into()
    }

    /// The token of request `id`; all zeros when insecure, where any token will do.
    pub fn token(&self, id: u64) -> String {
        let bytes = self.keyed.clone().map_or([b'0'; TOKEN], |keyed| sign(keyed, id));
        bytes.into_iter().map(char::from).collect()
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.keyed.is_some() {
            "Authenticator(secret)"
        } else {
            "Authenticator(insecure)"
        })
    }
}

fn sign(mut mac: Hmac<Sha256>, id: u64) -> [u8; TOKEN] {
    let mut digits = [0; 20];
    let mut free = digits.as_mut_slice();
    write!(free, "{id}").expect("20 bytes hold every u64");
    let unused = free.len();
    mac.update(&digits[..digits.len() - unused]);
    let mut token = [0; TOKEN];
    hex::encode_to_slice(mac.finalize().into_bytes(), &mut token).expect("64 digits for 32 bytes");
    token
}

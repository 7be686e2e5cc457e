//! Secrets of the file.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::Validity;

/// A secret of fewer bytes can be found from one request that was overheard.
pub const MIN_SECRET: usize = 16;

/// The text of a secret, whose UTF-8 bytes are the key of tokens. Wiped when dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Of a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(hidden)")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(String::deserialize(deserializer)?))
    }
}

/// A secret of a key, and from when to when it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The text.
    pub text: SecretText,
    /// When it counts.
    pub validity: Validity,
}

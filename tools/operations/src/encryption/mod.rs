//! Encryption of what leaves the house, as age does it (<https://age-encryption.org>): for recipients, whose identities open it.
//!
//! * `keys` is for whom a command encrypts and what it can open, `key_file` reads and makes the files with them; `error` is why
//!   something stays closed.
//! * `streams` encrypts and decrypts one stream, `file` is a snapshot file: compressed, then encrypted.

mod error;
mod file;
mod key_file;
mod keys;
mod streams;

pub use age::x25519::{Identity, Recipient};
pub use error::{KeyError, Locked};
pub use file::{NewSnapshot, StoredSnapshot};
pub use key_file::{make_identity, read_identities, read_recipients, recipient};
pub use keys::Keys;
pub(crate) use streams::{Decrypting, Encrypting};

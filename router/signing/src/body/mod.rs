//! The canonical body: a request's method and parameters in the one form that is signed.
//!
//! MessagePack of `{"method": NAME}`, or of `{"method": NAME, "params": {...}}` with the parameters in the order of
//! `fields`, absent ones filled in, every value in its shortest form and in its type. Methods that have no entry there are
//! those of this product alone: their parameters are signed as they are on the wire.

mod fields;
mod read;
mod write;

use sha2::{Digest, Sha256};

pub use fields::is_listed;

/// MessagePack of nil.
const NIL: u8 = 0xc0;

/// SHA-256 of a canonical body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// Hashes the request `method` with these parameters: the bytes of one MessagePack value, if there are any.
    ///
    /// # Errors
    /// The parameters are not those of the method: what is not signed in this form is not to be executed.
    pub fn of(method: &str, params: Option<&[u8]>) -> Result<Self, BodyError> {
        let mut hash = Sha256::new();
        pieces(method, params, |piece| hash.update(piece))?;
        Ok(Self(hash.finalize().into()))
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

/// Why parameters have no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The MessagePack ends too early or has a reserved byte.
    #[error("broken MessagePack")]
    Broken,
    /// A value has another type than the parameter.
    #[error("{0}: a value of a wrong type")]
    Type(&'static str),
    /// There is no parameter of this name.
    #[error("unknown parameter `{0}`")]
    Unknown(String),
    /// A parameter comes twice.
    #[error("repeated parameter `{0}`")]
    Repeated(&'static str),
    /// A parameter is missing.
    #[error("missing parameter `{0}`")]
    Missing(&'static str),
}

/// The canonical body itself.
///
/// # Errors
/// As [`BodyHash::of`].
pub fn canonical(method: &str, params: Option<&[u8]>) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    pieces(method, params, |piece| body.extend_from_slice(piece))?;
    Ok(body)
}

/// Gives the canonical body to `take`, piece by piece: parameters may be large.
fn pieces(method: &str, params: Option<&[u8]>, mut take: impl FnMut(&[u8])) -> Result<(), BodyError> {
    let listed = fields::of(method).map(|fields| write::params(fields, params)).transpose()?;
    let raw = params.filter(|params| listed.is_none() && *params != [NIL]);
    let pairs = listed.unwrap_or_default();
    let mut head = Vec::with_capacity(64);
    write::map(&mut head, if raw.is_some() || !pairs.is_empty() { 2 } else { 1 });
    write::str(&mut head, "method");
    write::str(&mut head, method);
    if let Some(raw) = raw {
        write::str(&mut head, "params");
        take(&head);
        take(raw);
        return Ok(());
    }
    if !pairs.is_empty() {
        write::str(&mut head, "params");
        write::map(&mut head, pairs.len());
    }
    for (name, value) in pairs {
        write::str(&mut head, name);
        take(&head);
        take(&value);
        head.clear();
    }
    take(&head);
    Ok(())
}

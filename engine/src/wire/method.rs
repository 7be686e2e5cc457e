//! The operation of a request.

pub use epistemic_protocol::Method;
use serde::de::Error;

use super::error::DecodeError;

/// The method of that name; upper and lower case differ.
///
/// # Errors
/// There is none: the error lists all that there are.
pub fn method_named(name: &str) -> Result<Method, DecodeError> {
    Method::from_name(name).ok_or_else(|| DecodeError::unknown_variant(name, Method::NAMES))
}

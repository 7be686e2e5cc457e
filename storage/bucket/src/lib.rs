//! S3 buckets: opened as the environment and the caller say, and what their errors mean to an operator.
//!
//! [`open`] finds mistakes that need no request, [`in_words`] says what the others are and what to do.

mod credentials;
mod open;
mod words;

pub use credentials::NoCredentials;
pub use open::{BucketError, open};
pub use words::{in_words, told};

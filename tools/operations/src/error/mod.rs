//! What kind of error ended an operation, and its text.
//!
//! Each part has its own errors, beside what it does; `kind` is what they all have, `of` finds it and the code in any error, `message` is
//! the text of one with its causes.

mod kind;
mod message;
mod of;

pub use kind::ErrorKind;
pub use message::message_of;
pub use of::{code_of, kind_of, kind_of_cause};

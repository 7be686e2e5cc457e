//! What kind of error ended an operation.

/// What kind of error it is: whether somebody else, another time or another input helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operation failed.
    Failed,
    /// Wrong usage or configuration.
    Usage,
    /// A shard cannot be reached.
    Unreachable,
    /// The input is damaged or not what it has to be; nothing was changed. The same again fails again.
    Refused,
    /// Some of it was done and some not.
    Partly,
}

//! The audit log (docs/audit.md): one line of JSON for each event, and in each line the hash of the line before, so that a line
//! that was removed, changed, moved or put in is found.
//!
//! [`Entry`] is what a line tells, `chain` seals it and checks it again, [`AuditFile`] and [`AuditSocket`] are where lines go,
//! [`verify`] reads them, and [`Follow`] does as they are written.

mod chain;
mod entry;
mod file;
mod follow;
mod resume;
mod rotated;
mod socket;
mod verify;

pub use chain::{BadLine, Head, Line};
pub use entry::Entry;
pub use file::{AuditFile, Resumed, Rotation};
pub use follow::Follow;
pub use rotated::{all_of, first_line, rotated};
pub use socket::AuditSocket;
pub use verify::{Fault, Finding, Report, Torn, verify};

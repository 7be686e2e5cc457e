//! The memory of the process: how much there is, what may take how much of it, and who holds what.

mod account;
mod body;
mod budget;
mod limits;
mod machine;
mod room;
mod usage;

pub(crate) use account::{Accounts, Charge, NoRoom};
pub(crate) use body::{Body, decoded};
pub(crate) use budget::{Budget, Given, MemoryBudget, Part};
pub(crate) use limits::Limits;
pub(crate) use machine::resident_bytes;
pub(crate) use room::{Answer, Room, TooLarge};
pub(crate) use usage::Usage;

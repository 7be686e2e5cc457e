//! `egctl reshard`: the list of endpoints changes, and graphs move to their new owners.
//!
//! * `spelling`: texts that reach one shard and would place graphs as if they were two.
//! * `gather` reads what every shard of both lists holds, running or stopped; the result is an `inventory`.
//! * `plan` decides what moves where, without any I/O; `model` is what it decides, as it is saved; `refusal` is why not.
//! * `estimate` says how long it will take, `report` shows a plan to people, `command` is the command line.
//! * `apply` carries a plan out.

mod apply;
mod command;
mod estimate;
mod gather;
mod inventory;
mod model;
mod plan;
mod refusal;
mod report;
mod spelling;

pub(crate) use command::{ReshardCommand, run};

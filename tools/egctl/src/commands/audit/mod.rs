//! `egctl verify` and `egctl repair`: are the records of a directory what they ought to be, and making them so.
//!
//! * `verify` and `repair` are the commands; `report` is how findings are printed.

mod lost;
mod repair;
mod report;
mod verify;

pub(super) use repair::{RepairArgs, run as repair};
pub(super) use verify::{VerifyArgs, run as verify};

use epistemic_storage::audit;

use crate::progress::{Progress, Total};

/// Shows the progress of an audit.
fn shown(what: &'static str) -> impl FnMut(audit::Progress) {
    let mut progress = None;
    move |so_far| {
        let progress = progress.get_or_insert_with(|| Progress::new(what, Total::Records(so_far.expected)));
        progress.update(so_far.bytes, so_far.records);
    }
}

//! Whole-graph algorithms on compressed sparse rows. Pure: no storage, no wire.

mod cancel;
mod topology;

pub(crate) use cancel::{Cancel, Cancelled};
pub(crate) use topology::{Rows, Topology};

//! Which graphs there are.
//!
//! `entry` is the stored form of one, `counters` what its records add up to, `graph` what is known of it in memory.
//! `migration_state` and `fence` say why it is not served, or takes no writes for a moment; `tenant` and `creation`
//! whose it is and who may create it. `lists` goes through all of them.

pub(super) mod counters;
pub(super) mod creation;
pub(super) mod entry;
pub(super) mod fence;
pub(super) mod graph;
pub(super) mod lists;
pub(super) mod migration_state;
pub(super) mod tenant;

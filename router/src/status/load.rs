//! What a shard does, as it counts it since its start.

use serde::{Deserialize, Serialize};

/// Counters of requests and commits. A list of counts is a histogram: one for each bound, of what is not above it and above the
/// bound before, and a last one for what lies above all of them. Counters that fall have begun anew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadStatus {
    /// Bounds of `reads` and `writes`, seconds, ascending.
    pub bounds_s: Vec<f64>,
    /// Reads and computations by the time to their answer.
    pub reads: Vec<u64>,
    /// Writes likewise.
    pub writes: Vec<u64>,
    /// Bounds of `groups`, writes.
    pub group_bounds: Vec<f64>,
    /// Commits by the number of writes that shared them.
    pub groups: Vec<u64>,
    /// Writes of all of them.
    pub group_writes: f64,
    /// Bounds of `syncs`, seconds; empty where they are not told.
    #[serde(default)]
    pub sync_bounds_s: Vec<f64>,
    /// Commits by the time that the log and its fsync took.
    #[serde(default)]
    pub syncs: Vec<u64>,
    /// Requests answered `BUSY`.
    pub busy: u64,
    /// Requests that hold a place now.
    pub in_flight: u64,
    /// Places.
    pub places: u64,
}

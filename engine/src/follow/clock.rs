//! The clock that staleness is counted on.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the machine started, the time that it was suspended included: a replica that slept must not take its state for a
/// fresh one.
pub(super) fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

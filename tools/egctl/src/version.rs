//! What this program is and what it reads.

use epistemic_storage::{datadir, increment, snapshot};

/// The commit that it was built of.
pub(crate) const COMMIT: &str = env!("EGCTL_COMMIT");

/// Version, commit and formats, on one line.
pub(crate) fn version() -> String {
    format!(
        "{} (commit {COMMIT}; formats: directory {}, snapshot {}, increment {})",
        env!("CARGO_PKG_VERSION"),
        datadir::FORMAT_VERSION,
        snapshot::VERSION,
        increment::VERSION
    )
}

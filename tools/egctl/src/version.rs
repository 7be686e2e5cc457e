//! What this program is and what it reads.

use epistemic_build_info::COMMIT;
use epistemic_storage::{datadir, increment, snapshot};

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

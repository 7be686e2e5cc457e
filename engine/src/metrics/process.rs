//! Series of the process: what it is, what it takes, and its log.

use epistemic_build_info::{COMMIT, VERSION};
use epistemic_logging::LogWriter;
use epistemic_storage::datadir::FORMAT_VERSION;
use prometheus::IntCounter;

use super::series::Series;

/// The series.
pub(super) struct ProcessSeries {
    log: Option<LogWriter>,
    log_dropped: IntCounter,
}

impl ProcessSeries {
    /// Counts what `log` drops, if there is one.
    pub(super) fn new(series: &Series<'_>, log: Option<&LogWriter>) -> prometheus::Result<Self> {
        let labels = ["version", "commit", "format"];
        let build = series.gauges("build_info", "1, of the build that runs.", &labels)?;
        build.with_label_values(&[VERSION, COMMIT, &FORMAT_VERSION.to_string()]).set(1);
        Ok(Self {
            log: log.cloned(),
            log_dropped: series
                .counter("log_lines_dropped_total", "Lines of the process log that could not be written.")?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self) {
        let dropped = self.log.as_ref().map_or(0, LogWriter::dropped);
        self.log_dropped.inc_by(dropped.saturating_sub(self.log_dropped.get()));
    }
}

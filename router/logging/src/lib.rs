//! A process log that cannot stop, slow or end the process that writes it.
//!
//! Nobody may read the log, its disk may be full, its reader may be gone: a [`LogWriter`] takes each line at once and
//! writes it on a thread of its own, or drops and counts it; an event stays on one line, whatever it says ([`escaped`]). [`Limit`] bounds the lines that others can cause, and
//! [`log_panics`] sends the text of a panic the same way.

mod escape;
mod limit;
mod panics;
mod writer;

use std::{io, os::fd::AsFd, time::Duration};

pub use escape::{escaped, line as escaped_line};
pub use limit::Limit;
pub use panics::log_panics;
pub use writer::LogWriter;

/// A process that ends waits this long for its last lines.
pub const LAST_LINES: Duration = Duration::from_secs(1);

/// A log on standard output.
///
/// # Errors
/// When the process is out of descriptors or threads.
pub fn to_stdout() -> io::Result<LogWriter> {
    LogWriter::start(std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// A log on standard error.
///
/// # Errors
/// As [`to_stdout`].
pub fn to_stderr() -> io::Result<LogWriter> {
    LogWriter::start(std::fs::File::from(io::stderr().as_fd().try_clone_to_owned()?))
}

/// Writes a last line to standard error, and does not wait for a reader that does not read.
pub fn complain(line: &str) {
    // Nobody is left to tell when it cannot be said.
    if let Ok(log) = to_stderr() {
        log.line(format!("{}\n", escaped(line, &['\n', '\t'])).as_bytes());
        log.flush(LAST_LINES);
    }
}

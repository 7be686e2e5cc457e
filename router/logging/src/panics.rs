//! Panics in the log.

use std::backtrace::{Backtrace, BacktraceStatus};

/// Logs panics from now on, in place of writing them to standard error, which may block for ever.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            tracing::error!(thread, "{panic}\n{trace}");
        } else {
            tracing::error!(thread, "{panic}");
        }
    }));
}

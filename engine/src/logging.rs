//! The log: structured events on standard output, without colour codes.

use std::io;

use epistemic_logging::LogWriter;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging, panics included; `RUST_LOG` chooses what, `info` by default. The server goes on whatever becomes of
/// its output.
pub(crate) fn start(format: LogFormat) -> io::Result<LogWriter> {
    let log = epistemic_logging::to_stdout()?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .with_writer(log.clone())
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    epistemic_logging::log_panics();
    Ok(log)
}

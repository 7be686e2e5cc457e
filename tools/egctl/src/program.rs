//! The life of a program: log, runtime, and the exit code of what it came to.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use epistemic_logging::{escaped, escaped_line};
use epistemic_operations::error::message_of;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::exit::exit_of;

/// Runs the work of a command and returns the exit code. Logs to stderr what RUST_LOG asks for, else `logged`; an error is
/// on stderr behind `name`.
pub(crate) fn run(name: &str, logged: &str, work: impl FnOnce(&Runtime) -> Result<()>) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(filter(logged))
        .with_writer(Escaping)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    match runtime().and_then(|runtime| work(&runtime)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let message = message_of(&error);
            let _ = writeln!(io::stderr(), "{name}: {}", escaped(&message, &['\n', '\t']));
            exit_of(&error).into()
        }
    }
}

/// Standard error for events, each of which comes in one piece and stays on one line.
struct Escaping;

impl Write for Escaping {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&escaped_line(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Escaping {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

fn filter(logged: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(logged))
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

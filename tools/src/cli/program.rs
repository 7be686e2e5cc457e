//! The life of a program: log, runtime, and the exit code of what it came to.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use super::exit::{exit_of, message_of};

/// Runs `work` and returns the exit code. Logs to stderr what RUST_LOG asks for, else `logged`; an error is on stderr
/// behind `name`.
pub(crate) fn run(name: &str, logged: &str, work: impl FnOnce(&Runtime) -> Result<()>) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(logged)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| work(&runtime));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "{name}: {}", message_of(&error));
            exit_of(&error).into()
        }
    }
}

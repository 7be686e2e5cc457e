//! The life of the process: log, runtime, and the exit code of what it came to.

use std::process::ExitCode;

use anyhow::Result;
use epistemic_logging::{LAST_LINES, LogWriter};
use epistemic_router::ConfigError;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

/// Wrong usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

const FAILED: u8 = 1;
/// Wrong usage or configuration.
const MISUSED: u8 = 2;

/// Runs the work of a program that goes on whatever becomes of its log, and returns the exit code. Logs to stderr what
/// RUST_LOG asks for; an error is on stderr behind `name`.
pub(crate) fn serve(name: &str, work: impl FnOnce(&Runtime, LogWriter) -> Result<()>) -> ExitCode {
    let log = match epistemic_logging::to_stderr() {
        Ok(log) => log,
        Err(error) => {
            epistemic_logging::complain(&format!("{name}: cannot start the log: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(log.clone())
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    epistemic_logging::log_panics();
    let outcome = runtime().and_then(|runtime| work(&runtime, log.clone()));
    if let Err(error) = &outcome {
        log.line(format!("{name}: {error:#}\n").as_bytes());
    }
    log.flush(LAST_LINES);
    outcome.map_or_else(|error| exit_of(&error).into(), |()| ExitCode::SUCCESS)
}

fn exit_of(error: &anyhow::Error) -> u8 {
    let misused = error.chain().any(|cause| cause.is::<Usage>() || cause.is::<ConfigError>());
    if misused { MISUSED } else { FAILED }
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn usage_and_configuration_have_an_exit_code_of_their_own() {
        let cases: [(anyhow::Error, u8); 3] = [
            (std::io::Error::other("in use").into(), FAILED),
            (ConfigError::NoEndpoints.into(), MISUSED),
            (Usage("x".to_owned()).into(), MISUSED),
        ];
        for (error, exit) in cases {
            let error = Err::<(), _>(error).context("while testing").unwrap_err();
            assert_eq!(exit_of(&error), exit, "{error:#}");
        }
    }
}

//! The life of a program: log, runtime, and the exit code of what it came to.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use epistemic_logging::{escaped, escaped_line};
use epistemic_operations::error::{code_of, message_of};
use epistemic_router::ErrorCode;
use serde::Serialize;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::exit::exit_of;

/// How an error is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorForm {
    /// Behind the name of the program.
    Text,
    /// As one line of JSON.
    Json,
}

/// Runs the work of a command and returns the exit code. Logs to stderr what RUST_LOG asks for, else `logged`; an error is
/// on stderr, as `form` says.
pub(crate) fn run(
    name: &str,
    logged: &str,
    form: ErrorForm,
    work: impl FnOnce(&Runtime) -> Result<()>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(filter(logged))
        .with_writer(Escaping)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    match runtime().and_then(|runtime| work(&runtime)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(name, form, &error),
    }
}

/// An error as programs read it.
#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    /// The name of its page, where it has one.
    code: Option<&'static str>,
    exit: u8,
}

/// Tells an error and returns its exit code.
pub(crate) fn failed(name: &str, form: ErrorForm, error: &anyhow::Error) -> ExitCode {
    let (message, exit) = (message_of(error), exit_of(error));
    let line = match form {
        ErrorForm::Text => format!("{name}: {}", escaped(&message, &['\n', '\t'])),
        ErrorForm::Json => {
            let code = code_of(error).map(ErrorCode::name);
            let told = Told { error: &message, code, exit: exit as u8 };
            // It has nothing that could not be written.
            escaped(&serde_json::to_string(&told).unwrap_or_default(), &[]).into_owned()
        }
    };
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
    exit.into()
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

//! Refusals, which anybody can cause.

use anyhow::{Result, ensure};
use epistemic_tests::{Client, ServerProcess};

use crate::{is_sound, lines, logging, of, wait_for};

fn guess(server: &ServerProcess, times: usize) -> Result<()> {
    for _ in 0..times {
        // The third wrong token ends a connection.
        let mut stranger = Client::connect(&server.unix_endpoint(), "not-the-secret")?;
        ensure!(stranger.call("", "Ping", None).is_err());
    }
    Ok(())
}

/// A stranger with many guesses has five lines, and is never waited for.
#[test]
fn a_stranger_has_few_lines_whatever_he_does() -> Result<()> {
    for mode in ["required", "best-effort"] {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("audit.log");
        let server = logging(&log, mode).in_memory().start()?;
        guess(&server, 60)?;
        server.client()?.create_graph("g")?;
        wait_for(&log, "create", &[("outcome", "ok")])?;
        let all = lines(&log)?;
        let refused = of(&all, "auth-refused", &[("operation", "Ping"), ("outcome", "error")]);
        ensure!(refused.len() == 5, "{refused:#?}");
        ensure!(
            refused[0]["peer"].as_str().is_some_and(|peer| peer.starts_with("unix, uid ")),
            "{}",
            refused[0]
        );
        is_sound(&log)?;
    }
    Ok(())
}

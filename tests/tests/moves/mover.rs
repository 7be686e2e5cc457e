//! `egctl move` as a process that can be stopped at a step.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::Egctl;
use epistemic_tests::wait::poll;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Pair, Place};

const LIMIT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(1);
/// Runs of the same command until the move is done; each may meet what the last one left.
const TRIES: usize = 5;

/// One move between two shards, with its journal.
pub(super) struct Mover {
    graph: String,
    from: String,
    to: String,
    journal: std::path::PathBuf,
    more: &'static [&'static str],
}

impl Mover {
    pub(super) fn new(work: &TempDir, graph: &str, [from, to]: &[Place; 2], journal: &str) -> Self {
        let journal = work.path().join(journal);
        Self { graph: graph.into(), from: from.name.clone(), to: to.name.clone(), journal, more: &[] }
    }

    /// With more arguments.
    pub(super) fn with(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    fn command(&self) -> Result<Command> {
        let mut command = egctl()?;
        command.args(["move", &self.graph, "--from", &self.from, "--to", &self.to, "--json", "--journal"]);
        command.arg(&self.journal).args(self.more).env_remove("EGCTL_HOLD_AT");
        Ok(command)
    }

    /// Starts it, and waits until it has stopped at `step`. None: it was done without that step.
    pub(super) fn held_at(&self, step: &str) -> Result<Option<Held>> {
        let mut command = self.command()?;
        let child =
            command.env("EGCTL_HOLD_AT", step).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pid = Pid::from_child(&child);
        let options =
            WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let status = poll(LIMIT, INTERVAL, || waitid(WaitId::Pid(pid), options))?;
        let held = Held(child);
        if status.with_context(|| format!("it did not come to {step} in {LIMIT:?}"))?.stopped() {
            return Ok(Some(held));
        }
        let output = held.ended()?;
        ensure!(output.status.success(), "before {step}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(None)
    }

    /// Runs it until it is done; returns the receipt.
    pub(super) fn finish(&self) -> Result<Value> {
        let mut failures = Vec::new();
        for _ in 0..TRIES {
            let output = self.command()?.output()?;
            if output.status.success() {
                return Ok(serde_json::from_slice(&output.stdout)?);
            }
            failures.push(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        bail!("{}", failures.join("\n---\n"))
    }

    /// Gives the move up.
    pub(super) fn abort(&self) -> Result<Output> {
        Ok(self.command()?.arg("--abort").output()?)
    }
}

/// A mover that has stopped itself. Killed when it is dropped.
pub(super) struct Held(Child);

impl Held {
    /// Lets it go on.
    pub(super) fn go_on(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), Signal::CONT)?)
    }

    /// Waits for its end.
    pub(super) fn ended(mut self) -> Result<Output> {
        let pid = Pid::from_child(&self.0);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let ended = poll(LIMIT, INTERVAL, || waitid(WaitId::Pid(pid), options))?;
        ended.with_context(|| format!("egctl move still runs after {LIMIT:?}"))?;
        let mut output = Output { status: self.0.wait()?, stdout: Vec::new(), stderr: Vec::new() };
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        std::io::copy(&mut stdout.context("stdout")?, &mut output.stdout)?;
        std::io::copy(&mut stderr.context("stderr")?, &mut output.stderr)?;
        Ok(output)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            eprintln!("could not kill egctl: {error}");
        }
    }
}

/// The rows of `egctl moves` that tell of a graph.
pub(super) fn standings(pair: &Pair, graph: &str) -> Result<Vec<Value>> {
    let [source, destination] = pair.places();
    let list = format!("{},{}", source.name, destination.name);
    let output = egctl()?.args(["moves", "--json", "--endpoints", &list]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let rows = answer["moves"].as_array().context("moves")?;
    Ok(rows.iter().filter(|row| row["name"] == graph).cloned().collect())
}

/// `egctl` with the secret of the test servers and no other configuration.
pub(super) fn egctl() -> Result<Command> {
    Egctl::with_secret("test-secret").command([""; 0])
}

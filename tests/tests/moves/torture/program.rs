//! `egctl move` from a directory of its own, that may be killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::mover::egctl;

/// What it is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Move,
    Abort,
}

/// One command.
#[derive(Debug)]
pub(super) struct Program {
    task: Task,
    graph: String,
    names: [String; 2],
    directory: usize,
    begins: Duration,
    /// It is killed so long after it began.
    dies: Option<Duration>,
    child: Option<Child>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) task: Task,
    pub(super) was_killed: bool,
    /// What it printed, if it succeeded.
    pub(super) answer: Option<Value>,
    pub(super) errors: String,
}

impl Program {
    pub(super) fn new(
        task: Task,
        graph: &str,
        names: [&str; 2],
        directory: usize,
        begins: Duration,
        dies: Option<Duration>,
    ) -> Self {
        let names = names.map(str::to_owned);
        Self { task, graph: graph.to_owned(), names, directory, begins, dies, child: None }
    }

    /// Starts it, kills it, or takes note of its end, as the time has come for it.
    pub(super) fn step(&mut self, now: Duration, work: &Path) -> Result<Option<Report>> {
        if self.child.is_none() && now >= self.begins {
            self.child = Some(self.command(work)?.spawn()?);
        }
        let Some(child) = &mut self.child else { return Ok(None) };
        let dies = self.dies.is_some_and(|dies| now >= self.begins + dies);
        if dies {
            child.kill()?;
        }
        if !dies && child.try_wait()?.is_none() {
            return Ok(None);
        }
        self.report().map(Some)
    }

    /// Runs it to its end.
    pub(super) fn run(&mut self, work: &Path) -> Result<Report> {
        self.child = Some(self.command(work)?.spawn()?);
        self.report()
    }

    fn command(&self, work: &Path) -> Result<Command> {
        let mut command = egctl()?;
        let [from, to] = &self.names;
        command.args(["move", &self.graph, "--from", from, "--to", to, "--json"]);
        command.arg("--journal").arg(work.join(self.directory.to_string()));
        if self.task == Task::Abort {
            command.arg("--abort");
        } else {
            // The shards are those of all moves.
            command.arg("--no-checkpoint");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn report(&mut self) -> Result<Report> {
        let output = self.child.take().context("it has not begun")?.wait_with_output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!errors.contains("panicked"), "{errors}");
        ensure!(!errors.contains("the copy differs"), "{errors}");
        let answer = output.status.success().then(|| serde_json::from_slice(&output.stdout)).transpose()?;
        Ok(Report { task: self.task, was_killed: output.status.code().is_none(), answer, errors })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child
            && let Err(error) = child.kill().and_then(|()| child.wait().map(drop))
        {
            eprintln!("could not kill egctl: {error}");
        }
    }
}

//! The story on the screen, and the checks behind it.

use std::fmt::Display;
use std::io::Write;

use anyhow::Result;
use epistemic_router::Topology;
use serde::Serialize;

/// What the walkthrough saw: the JSON document.
#[derive(Debug, Default, Serialize)]
pub(super) struct Record {
    pub(super) endpoints: Vec<String>,
    /// Whether the endpoints are those of the published example.
    pub(super) published_ports: bool,
    pub(super) routes: Vec<Route>,
    pub(super) topology: Option<Topology>,
    /// The error of the stopped shard.
    pub(super) fail_loud: Option<String>,
    /// Nodes that a client wrote to a graph while it moved to a shard that joined.
    pub(super) written_meanwhile: u64,
    pub(super) moves: Vec<Move>,
    pub(super) checks: Vec<Check>,
    /// The error that ended it early.
    pub(super) error: Option<String>,
}

/// Where a tenant's data lives.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Route {
    pub(super) tenant: Option<String>,
    pub(super) graph: String,
    pub(super) shard: String,
}

/// A graph that was moved by snapshot.
#[derive(Debug, Serialize)]
pub(super) struct Move {
    pub(super) graph: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) digest: String,
}

/// A claim and whether it held.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) section: String,
    pub(super) claim: String,
    pub(super) held: bool,
}

/// Prints the story and keeps the record.
pub(super) struct Narrator {
    out: Box<dyn Write>,
    section: String,
    pub(super) record: Record,
}

impl Narrator {
    /// Tells the story to `out`.
    pub(super) fn new(out: Box<dyn Write>) -> Self {
        Self { out, section: String::new(), record: Record::default() }
    }

    /// Begins a section.
    pub(super) fn section(&mut self, title: &str) -> Result<()> {
        title.clone_into(&mut self.section);
        Ok(writeln!(self.out, "\n== {title}\n")?)
    }

    /// Prints a sentence of explanation.
    pub(super) fn say(&mut self, text: impl Display) -> Result<()> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// Prints real output, indented.
    pub(super) fn show(&mut self, text: impl Display) -> Result<()> {
        for line in text.to_string().lines() {
            writeln!(self.out, "    {line}")?;
        }
        Ok(self.out.flush()?)
    }

    /// Records a claim and prints whether it held.
    pub(super) fn check(&mut self, claim: impl Into<String>, held: bool) -> Result<()> {
        let claim = claim.into();
        writeln!(self.out, "  {} {claim}", if held { "ok    " } else { "FAILED" })?;
        self.out.flush()?;
        let section = self.section.clone();
        self.record.checks.push(Check { section, claim, held });
        Ok(())
    }

    /// Records the claim that two values are equal; a difference is printed.
    pub(super) fn check_equal<T: PartialEq + Display>(
        &mut self,
        claim: &str,
        found: T,
        expected: T,
    ) -> Result<()> {
        let held = found == expected;
        self.check(format!("{claim}: {found}"), held)?;
        if held { Ok(()) } else { self.show(format!("expected {expected}")) }
    }

    /// Claims that did not hold.
    pub(super) fn failed(&self) -> usize {
        self.record.checks.iter().filter(|check| !check.held).count()
    }
}

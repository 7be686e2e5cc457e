//! `egctl status`: which shards answer, and what they say of themselves.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use indicatif::{HumanBytes, HumanDuration};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::exit::{EXIT_CODES, message_of};
use super::output::{OutputArgs, Report};
use super::shards::ShardArgs;
use super::table::{shortened, shown, write_table};
use crate::remote::{DamageStatus, ScrubStatus, ShardStatus};

/// Show whether each shard answers, takes writes and has recent checkpoints.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Shards {
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    endpoint: String,
    /// Whether it answered.
    reachable: bool,
    status: Option<ShardStatus>,
    error: Option<String>,
}

/// Prints the status of every shard, then fails when one did not answer.
pub(super) fn run(args: &StatusArgs, runtime: &Runtime) -> Result<()> {
    let answers = runtime.block_on(args.shards.ask_all::<ShardStatus>("ShardStatus"))?;
    let shard = |(endpoint, answer): &(epistemic_router::Endpoint, Result<ShardStatus>)| Shard {
        endpoint: endpoint.to_string(),
        reachable: answer.is_ok(),
        status: answer.as_ref().ok().cloned(),
        error: answer.as_ref().err().map(message_of),
    };
    let shards = answers.0.iter().map(shard).collect();
    args.output.print(&Shards { shards })?;
    Ok(answers.failure()?)
}

impl Report for Shards {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let heading = ["shard", "state", "pid", "up", "graphs", "size", "durability", "checkpoint"];
        let rows: Vec<_> = self.shards.iter().map(Shard::row).collect();
        write_table(out, heading, &rows)?;
        for shard in &self.shards {
            let Some(status) = &shard.status else { continue };
            let directory = status.persist_dir.as_deref().unwrap_or("none, in memory");
            writeln!(
                out,
                "\n{}\n  version {}, backend {}, sequence {}\n  directory {directory}, store {}",
                shard.endpoint,
                status.version,
                status.backend,
                status.sequence,
                status.store_id.as_deref().unwrap_or("-")
            )?;
            match status.checkpoint_interval_s {
                0 => writeln!(out, "  checkpoints: {}, automatic ones are off", status.checkpoints.len())?,
                every => writeln!(out, "  checkpoints: {}, one every {every} s", status.checkpoints.len())?,
            }
            if let Some(found) = &status.ownership
                && found.two_owners + found.no_owner > 0
            {
                let graphs: Vec<_> = found.graphs.iter().map(|graph| shortened(graph)).collect();
                let (two, none) = (found.two_owners, found.no_owner);
                writeln!(
                    out,
                    "  TWO OWNERS: {two}, NO OWNER: {none} (egctl owners check): {}",
                    graphs.join(", ")
                )?;
            }
            writeln!(out, "  scrub: {}", status.scrub.as_ref().map_or_else(|| "none".into(), scrub_line))?;
            if let Some(reason) = status.poisoned.as_ref().or(status.refusal.as_ref()) {
                writeln!(out, "  TAKES NO WRITES: {reason}")?;
            }
            write_damage(out, status)?;
        }
        Ok(())
    }
}

impl Shard {
    fn row(&self) -> [String; 8] {
        let Some(status) = &self.status else {
            let blank = || "-".to_owned();
            let state = "no answer".to_owned();
            return [self.endpoint.clone(), state, blank(), blank(), blank(), blank(), blank(), blank()];
        };
        let damaged = status.damage.as_ref().is_some_and(DamageStatus::is_any);
        let state = match (status.writable, damaged) {
            (true, false) => "up",
            (true, true) => "DAMAGED",
            (false, false) => "read-only",
            (false, true) => "read-only, DAMAGED",
        };
        let newest = status.checkpoints.last().map(|checkpoint| ago(checkpoint.created_ms));
        [
            self.endpoint.clone(),
            state.to_owned(),
            status.pid.to_string(),
            HumanDuration(Duration::from_secs(status.uptime_s)).to_string(),
            status.graphs.to_string(),
            HumanBytes(status.bytes).to_string(),
            status.durability.clone(),
            newest.unwrap_or_else(|| "none".to_owned()),
        ]
    }
}

/// What is damaged, with the graphs that it struck and what to do.
fn write_damage(out: &mut dyn Write, status: &ShardStatus) -> io::Result<()> {
    let Some(damage) = status.damage.as_ref().filter(|damage| damage.is_any()) else { return Ok(()) };
    for line in damage.lines() {
        writeln!(out, "  DAMAGED: {line}")?;
    }
    for graph in &damage.graphs {
        writeln!(out, "    {}: {}", shown(&graph.graph), graph.reason)?;
    }
    writeln!(out, "  what to do: docs/errors/corrupt.md")
}

/// When everything was last read, and how far it is read now.
pub(super) fn scrub_line(scrub: &ScrubStatus) -> String {
    let last = match scrub.last_ended_ms {
        Some(ended) => format!("all tables read {}", ago(ended)),
        None => "not all tables were read yet".to_owned(),
    };
    let now = match (scrub.running, scrub.bytes_read, scrub.bytes_total) {
        (true, Some(read), Some(total)) => format!(", now at {} of {}", HumanBytes(read), HumanBytes(total)),
        _ if scrub.interval_s == 0 => ", only when asked for".to_owned(),
        _ => String::new(),
    };
    let found = if scrub.found > 0 { format!(", {} damaged parts", scrub.found) } else { String::new() };
    format!("{last}{now}{found}")
}

/// How long ago a time in Unix milliseconds was.
pub(super) fn ago(created_ms: u64) -> String {
    let age = epistemic_storage::clock::unix_ms().saturating_sub(created_ms);
    format!("{} ago", HumanDuration(Duration::from_millis(age)))
}

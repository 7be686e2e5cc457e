//! `egctl scrub`: running shards read all their tables now.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_router::status::{DamageStatus, ScrubFinding, ScrubStatus, ShardStatus};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::progress::{Progress, Total};
use crate::shards::{Answers, ShardArgs};

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Longer than a shard waits before it goes on after a failure.
const STALLED: Duration = Duration::from_secs(180);

/// Have running shards read all their tables now and say what is damaged.
///
/// Shards do the same by themselves, slowly (--scrub-interval). Ctrl-c ends the command, not the reading.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ScrubArgs {
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Scrubbed {
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    endpoint: String,
    /// Damaged parts of tables; none for a shard in memory.
    found: Option<u64>,
    /// Some of them.
    findings: Vec<ScrubFinding>,
    /// What is known to be damaged afterwards.
    damage: Option<DamageStatus>,
}

/// Waits until all have read everything, prints what they found, and fails when something is damaged.
pub(super) fn run(args: &ScrubArgs, runtime: &Runtime) -> Result<()> {
    let shards = runtime.block_on(scrub(&args.shards))?;
    let found: u64 = shards.iter().filter_map(|shard| shard.found).sum();
    let damaged = shards.iter().any(|shard| shard.damage.as_ref().is_some_and(DamageStatus::is_any));
    args.output.print(&Scrubbed { shards })?;
    if found > 0 || damaged {
        return Err(
            Failure::new(Exit::Refused, "data is damaged: docs/errors/corrupt.md says what to do").into()
        );
    }
    Ok(())
}

async fn scrub(shards: &ShardArgs) -> Result<Vec<Shard>> {
    let before = status(shards).await?;
    shards.ask_all::<String>("Scrub").await?.failure()?;
    let mut progress = Progress::new("scrub", Total::Unknown);
    let (mut read, mut since) = (0, Instant::now());
    loop {
        sleep(LOOK_EVERY).await;
        let now = status(shards).await?;
        let scrubs = || now.iter().map(|(_, status)| status.scrub.as_ref());
        let bytes = scrubs().flatten().filter_map(|scrub| scrub.bytes_read).sum();
        progress.update(bytes, 0);
        if bytes != read {
            (read, since) = (bytes, Instant::now());
        } else if since.elapsed() > STALLED {
            let message = "nothing more is read: the log of the shard says why";
            return Err(Failure::new(Exit::Failed, message).into());
        }
        if before.iter().zip(scrubs()).all(|((_, before), scrub)| is_done(before, scrub)) {
            return Ok(now.into_iter().map(|(endpoint, status)| Shard::new(endpoint, status)).collect());
        }
    }
}

async fn status(shards: &ShardArgs) -> Result<Vec<(String, ShardStatus)>> {
    let answers = shards.ask_all::<ShardStatus>("ShardStatus").await?;
    answers.failure()?;
    let Answers(answers) = answers;
    answers.into_iter().map(|(endpoint, status)| Ok((endpoint.to_string(), status?))).collect()
}

/// Whether a pass that began after `before` is complete.
fn is_done(before: &ShardStatus, scrub: Option<&ScrubStatus>) -> bool {
    scrub.is_none_or(|scrub| scrub.last_begun_ms >= before.unix_ms.or(Some(0)))
}

impl Shard {
    fn new(endpoint: String, status: ShardStatus) -> Self {
        let (found, findings) = status.scrub.map(|scrub| (scrub.found, scrub.findings)).unzip();
        Self { endpoint, found, findings: findings.unwrap_or_default(), damage: status.damage }
    }
}

impl Report for Scrubbed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for shard in &self.shards {
            match shard.found {
                None => writeln!(out, "{}  in memory, nothing to read", shard.endpoint)?,
                Some(0) => writeln!(out, "{}  all tables are sound", shard.endpoint)?,
                Some(found) => writeln!(out, "{}  {found} damaged parts of tables", shard.endpoint)?,
            }
            for finding in &shard.findings {
                let graphs: Vec<_> = finding.graphs.iter().map(|graph| shown(graph)).collect();
                let graphs = if graphs.is_empty() { "no graph".to_owned() } else { graphs.join(", ") };
                writeln!(out, "  {} ({}), quarantined for it: {graphs}", finding.table, finding.space)?;
                writeln!(out, "    {}", finding.reason)?;
            }
            for line in shard.damage.iter().flat_map(DamageStatus::lines) {
                writeln!(out, "  DAMAGED: {line}")?;
            }
        }
        Ok(())
    }
}

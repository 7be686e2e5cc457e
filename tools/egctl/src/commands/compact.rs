//! `egctl compact`: running shards write their tables anew.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_router::status::{CompactionStatus, ShardStatus};
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::progress::while_running;
use crate::shards::{Answers, ShardArgs};

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Have running shards write all their tables anew, without what was deleted, and wait for it.
///
/// Shards give the room of deleted graphs and trimmed ledgers back by themselves, after a while (--reclaim-delay); this does it now.
/// Requests go on and are slower meanwhile; it takes as long as reading and writing all data, and about as much free room. Ctrl-c
/// ends the command, not the work.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Compacted {
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    endpoint: String,
    /// None where there are no tables: in memory, or on an object store, which does it by itself.
    compaction: Option<CompactionStatus>,
}

/// Prints what it came to at each shard; when one did not get through, before the error.
pub(super) fn run(args: &CompactArgs, runtime: &Runtime) -> Result<()> {
    let shards = compact(&args.shards, runtime)?;
    let failed = shards.iter().find_map(|shard| {
        let error = shard.compaction.as_ref()?.error.as_ref()?;
        Some(Failure::new(Exit::Failed, format!("{}: {error}", shard.endpoint)))
    });
    args.output.print(&Compacted { shards })?;
    failed.map_or(Ok(()), |failure| Err(failure.into()))
}

fn compact(shards: &ShardArgs, runtime: &Runtime) -> Result<Vec<Shard>> {
    let begun = runtime.block_on(shards.ask_all::<String>("Compact"))?;
    begun.failure()?;
    let size = runtime.block_on(status(shards))?.iter().map(|(_, status)| status.bytes).sum();
    let wait = || runtime.block_on(ended(shards));
    let ended = while_running("compact", HumanBytes(size), wait)??;
    let shard = |((endpoint, status), (_, begun)): ((String, ShardStatus), (_, Result<String>))| {
        let has_tables = begun.is_ok_and(|begun| begun == "compaction_begun");
        Shard { endpoint, compaction: status.compaction.filter(|_| has_tables) }
    };
    Ok(ended.into_iter().zip(begun.0).map(shard).collect())
}

/// Waits until none compacts any more.
async fn ended(shards: &ShardArgs) -> Result<Vec<(String, ShardStatus)>> {
    loop {
        let now = status(shards).await?;
        let runs = |status: &ShardStatus| status.compaction.as_ref().is_some_and(|newest| newest.running);
        if !now.iter().any(|(_, status)| runs(status)) {
            return Ok(now);
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn status(shards: &ShardArgs) -> Result<Vec<(String, ShardStatus)>> {
    let answers = shards.ask_all::<ShardStatus>("ShardStatus").await?;
    answers.failure()?;
    let Answers(answers) = answers;
    answers.into_iter().map(|(endpoint, status)| Ok((endpoint.to_string(), status?))).collect()
}

impl Report for Compacted {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for Shard { endpoint, compaction } in &self.shards {
            match compaction {
                None => writeln!(out, "{endpoint}  has no tables of its own to write anew")?,
                Some(CompactionStatus { bytes_before, bytes_after, .. }) => {
                    let (before, after) = (HumanBytes(*bytes_before), HumanBytes(bytes_after.unwrap_or(0)));
                    writeln!(out, "{endpoint}  {before} before, {after} now")?;
                }
            }
        }
        Ok(())
    }
}

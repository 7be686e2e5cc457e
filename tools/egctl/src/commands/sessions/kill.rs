//! `egctl sessions kill`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::error::message_of;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// End connections: one by its number, or all of a key. They may come back; egctl keys retire shuts a key out.
///
/// It needs a key of role operator or system, or a System identity. A number is one of one shard, which --endpoint names.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct KillArgs {
    /// Number of a connection (egctl sessions list).
    #[arg(value_name = "SESSION", required_unless_present = "key", conflicts_with = "key")]
    session: Option<u64>,
    /// All connections that belong to this key, but for the one that asks.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize, Clone)]
struct Params {
    session: Option<u64>,
    key: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    killed: u64,
}

#[derive(Serialize)]
struct Killed {
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    endpoint: String,
    /// Absent when it did not answer, or refused.
    killed: Option<u64>,
    error: Option<String>,
}

pub(super) fn run(args: &KillArgs, runtime: &Runtime) -> Result<()> {
    if args.session.is_some() && args.shards.list()?.as_slice().len() > 1 {
        let text = "a number is one of one shard: say which with --endpoint";
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let params = Params { session: args.session, key: args.key.clone() };
    let answers = runtime.block_on(args.shards.ask_all_with::<Answer, _>("SessionKill", params))?;
    let shards = answers.0.iter().map(|(endpoint, answer)| Shard {
        endpoint: endpoint.to_string(),
        killed: answer.as_ref().ok().map(|answer| answer.killed),
        error: answer.as_ref().err().map(message_of),
    });
    args.output.print(&Killed { shards: shards.collect() })?;
    Ok(answers.failure()?)
}

impl Report for Killed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for shard in &self.shards {
            match shard.killed {
                Some(killed) => writeln!(out, "{}  {killed} sessions were ended", shard.endpoint)?,
                None => writeln!(out, "{}  none was ended", shard.endpoint)?,
            }
        }
        Ok(())
    }
}

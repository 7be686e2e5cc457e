//! `egctl sessions list`.

use std::io::{self, Write};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use clap::Args;
use epistemic_operations::error::message_of;
use epistemic_router::status::Session;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;
use crate::table::{shortened, write_table};

/// List the connections of shards: who is there, since when, and under which key.
///
/// It needs a key of role operator or system, or a System identity.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ListArgs {
    /// Only those that belong to this key.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Listed {
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    endpoint: String,
    /// Absent when it did not answer, or refused.
    sessions: Option<Vec<Session>>,
    error: Option<String>,
}

pub(super) fn run(args: &ListArgs, runtime: &Runtime) -> Result<()> {
    let answers = runtime.block_on(args.shards.ask_all::<Vec<Session>>("SessionList"))?;
    let is_meant = |session: &Session| args.key.is_none() || session.key == args.key;
    let shards = answers.0.iter().map(|(endpoint, answer)| Shard {
        endpoint: endpoint.to_string(),
        sessions: answer.as_ref().ok().map(|all| all.iter().filter(|one| is_meant(one)).cloned().collect()),
        error: answer.as_ref().err().map(message_of),
    });
    args.output.print(&Listed { shards: shards.collect() })?;
    Ok(answers.failure()?)
}

impl Report for Listed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for shard in &self.shards {
            match &shard.sessions {
                None => writeln!(out, "{}  no answer", shard.endpoint)?,
                Some(sessions) => {
                    writeln!(out, "{}  {} sessions", shard.endpoint, sessions.len())?;
                    let rows: Vec<_> = sessions.iter().map(row).collect();
                    let heading = ["session", "peer", "by", "principal", "key", "since", "requests", "last"];
                    write_table(out, heading, &rows)?;
                }
            }
        }
        Ok(())
    }
}

fn row(session: &Session) -> [String; 8] {
    let name = |name: &Option<String>| name.as_deref().map_or_else(|| "-".to_owned(), shortened);
    let own = if session.own { " (this one)" } else { "" };
    [
        session.session.to_string(),
        format!("{}{own}", shortened(&session.peer)),
        session.transport.clone(),
        name(&session.principal),
        name(&session.key),
        time(Some(session.since_ms)),
        session.requests.to_string(),
        time(session.last_ms),
    ]
}

fn time(ms: Option<u64>) -> String {
    let time = ms.and_then(|ms| DateTime::from_timestamp_millis(ms as i64));
    time.map_or_else(|| "-".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

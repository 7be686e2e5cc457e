//! `egctl endpoints`: the list of shards, and whether all agree on it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_operations::error::message_of;
use epistemic_router::EndpointList;
use epistemic_router::status::ShardStatus;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::{Answers, ShardArgs};
use crate::table::write_table;

/// The commands about the list.
#[derive(Subcommand, Debug)]
pub(super) enum EndpointsCommand {
    Check(CheckArgs),
}

/// Compare the list of shards given here with those that the shards were started with (--advertise).
///
/// Ends with 5 when they differ: clients and shards would look for graphs in different places. Also told are a shard that
/// calls itself otherwise than the list does, and one that is in the list twice.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `Health` says of a shard's place.
#[derive(Deserialize)]
struct Told {
    version: String,
    advertise: Option<String>,
    endpoints: Option<Vec<String>>,
    endpoints_fingerprint: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    /// Of the list given here.
    fingerprint: String,
    agreed: bool,
    shards: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    endpoint: String,
    version: Option<String>,
    /// What it calls itself.
    advertise: Option<String>,
    /// Its own list, where that is another one.
    other_list: Option<Vec<String>>,
    /// What is wrong.
    problems: Vec<String>,
    /// Why it did not answer.
    error: Option<String>,
}

pub(super) fn run(command: &EndpointsCommand, runtime: &Runtime) -> Result<()> {
    let EndpointsCommand::Check(args) = command;
    let list = args.shards.list()?;
    let (told, stores): (Answers<Told>, Answers<ShardStatus>) = runtime.block_on(async {
        anyhow::Ok((args.shards.ask_all("Health").await?, args.shards.ask_all("ShardStatus").await?))
    })?;
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (endpoint, status) in &stores.0 {
        if let Some(store) = status.as_ref().ok().and_then(|status| status.store_id.as_deref()) {
            places.entry(store).or_default().push(endpoint.as_str());
        }
    }
    let mut shards: Vec<Row> =
        told.0.iter().map(|(endpoint, told)| row(endpoint.as_str(), told, &list)).collect();
    for twice in places.values().filter(|places| places.len() > 1) {
        for shard in shards.iter_mut().filter(|shard| twice.contains(&shard.endpoint.as_str())) {
            shard.problems.push(format!("is one shard under several names: {}", twice.join(", ")));
        }
    }
    let problems: usize = shards.iter().map(|shard| shard.problems.len()).sum();
    let agreed = problems == 0 && shards.iter().all(|shard| shard.error.is_none());
    args.output.print(&Checked { fingerprint: list.fingerprint().to_owned(), agreed, shards })?;
    if problems > 0 {
        let message = format!(
            "{problems} disagreements about the list of shards: start the shards and clients that differ with the same one (docs/errors/endpoint-list-mismatch.md)"
        );
        return Err(Failure::new(Exit::Different, message).into());
    }
    Ok(told.failure()?)
}

fn row(endpoint: &str, told: &Result<Told>, ours: &EndpointList) -> Row {
    let mut row = Row {
        endpoint: endpoint.to_owned(),
        version: None,
        advertise: None,
        other_list: None,
        problems: Vec::new(),
        error: None,
    };
    let told = match told {
        Ok(told) => told,
        Err(error) => return Row { error: Some(message_of(error)), ..row },
    };
    row.version = Some(told.version.clone());
    row.advertise.clone_from(&told.advertise);
    if let Some(name) = told.advertise.as_ref().filter(|name| *name != endpoint) {
        row.problems.push(format!("calls itself {name}"));
    }
    if told.endpoints_fingerprint.as_deref().is_some_and(|theirs| theirs != ours.fingerprint()) {
        row.other_list.clone_from(&told.endpoints);
        row.problems
            .push(format!("has another list: {}", told.endpoints.as_deref().unwrap_or_default().join(",")));
    }
    row
}

impl Report for Checked {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = |row: &Row| {
            let state = match (&row.error, row.problems.as_slice(), &row.advertise) {
                (Some(_), _, _) => "no answer".to_owned(),
                (None, [], None) => "tells no list (started without --advertise)".to_owned(),
                (None, [], Some(_)) => "agrees".to_owned(),
                (None, problems, _) => problems.join("; "),
            };
            [row.endpoint.clone(), row.version.clone().unwrap_or_else(|| "-".to_owned()), state]
        };
        let rows: Vec<_> = self.shards.iter().map(row).collect();
        write_table(out, ["shard", "version", "list"], &rows)?;
        writeln!(out, "\nfingerprint of this list: {}", self.fingerprint)
    }
}

//! `egctl backup create --all`: every shard of the list, and one document that names their runs.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use anyhow::Result;
use epistemic_operations::backup::{
    Created, Done, GraphResult, Objects, ShardRun, Tier, new_run, publish_tier, tier_names,
};
use epistemic_operations::error::message_of;
use epistemic_operations::hosts::{StandingName, Status};
use epistemic_operations::remote::call;
use epistemic_router::Endpoint;
use epistemic_storage::clock;
use epistemic_storage::graph::COMMONS;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::create::{CreateArgs, Summary, all_backed_up, create as create_one};
use super::metrics;
use super::source::online;
use crate::exit::{Exit, Failure, exit_of};
use crate::output::Report;

/// How often a shard is backed up again because graphs moved to it meanwhile.
const ROUNDS: usize = 3;

/// Backs every shard up. Those that cannot be are named, and the error says so when all others are done.
pub(super) fn create(args: &CreateArgs, objects: &Objects, runtime: &Runtime) -> Result<()> {
    let list = args.place.shards.list()?;
    let mut made: Vec<(Endpoint, Result<Created>)> = Vec::new();
    for endpoint in list.as_slice() {
        let created = one(args, objects, endpoint, runtime);
        made.push((endpoint.clone(), created));
    }
    for _ in 0..ROUNDS {
        if !again(args, objects, &mut made, runtime)? {
            break;
        }
    }
    let run = new_run(clock::unix_ms(), tier_names(objects)?.last().map(String::as_str));
    let shards = made.iter().map(|(endpoint, created)| {
        let manifest = created.as_ref().ok().map(|created| &created.manifest);
        ShardRun {
            endpoint: endpoint.to_string(),
            store: manifest.map(|manifest| manifest.store.clone()),
            run: manifest.map(|manifest| manifest.run.clone()),
        }
    });
    let tier = Tier::new(run, shards.collect());
    if made.iter().any(|(_, created)| created.is_ok()) {
        publish_tier(objects, &tier)?;
    }
    if let Some(file) = args.metrics_file() {
        let made: Vec<_> =
            made.iter().map(|(endpoint, created)| (endpoint.to_string(), created.as_ref().ok())).collect();
        metrics::write_backup(file, &made)?;
    }
    args.output.print(&TierSummary::new(&tier, &made, objects))?;
    all_done(&made)
}

fn one(args: &CreateArgs, objects: &Objects, endpoint: &Endpoint, runtime: &Runtime) -> Result<Created> {
    create_one(args, objects, online(&args.place.shards, endpoint, runtime)?)
}

/// Backs shards up again that got graphs by moves which are in no run: one that left a shard before that was asked and came
/// to one that had been. Whether there were any.
fn again(
    args: &CreateArgs,
    objects: &Objects,
    made: &mut [(Endpoint, Result<Created>)],
    runtime: &Runtime,
) -> Result<bool> {
    let has = |created: &Created| -> Vec<String> {
        let graphs = created.graphs.iter().filter(|graph| has_content(graph));
        graphs.map(|graph| graph.name.clone()).collect()
    };
    let known: HashSet<String> = made.iter().flat_map(|(_, made)| made.iter().flat_map(has)).collect();
    let mut any = false;
    for (endpoint, created) in made.iter_mut().filter(|(_, created)| created.is_ok()) {
        let arrived = runtime.block_on(arrived(args, endpoint))?;
        if arrived.iter().any(|name| !known.contains(name)) {
            any = true;
            *created = one(args, objects, endpoint, runtime);
        }
    }
    Ok(any)
}

/// Whether a run has the graph. Every shard has a `__commons__`: an empty one says nothing of the one with content.
fn has_content(graph: &GraphResult) -> bool {
    !matches!(graph.done, Done::Gone) && !graph.is_empty_commons
}

/// The graphs that a move brought to a shard.
async fn arrived(args: &CreateArgs, endpoint: &Endpoint) -> Result<Vec<String>> {
    let client = args.place.shards.connect(endpoint).await?;
    let wanted = BTreeMap::from([("arrived", true)]);
    let rows: Vec<Status> = call(&client, COMMONS, "MoveStatus", &wanted).await?;
    let served = rows.into_iter().filter(|row| row.standing == StandingName::Served);
    Ok(served.map(|row| row.name).collect())
}

fn all_done(made: &[(Endpoint, Result<Created>)]) -> Result<()> {
    let mut failed = Vec::new();
    for (endpoint, created) in made {
        match created {
            Ok(created) => {
                let error = all_backed_up(created).err();
                failed.extend(error.map(|error| (Exit::Partly, format!("{endpoint}: {error}"))));
            }
            Err(error) => {
                let message = message_of(error);
                failed.push((exit_of(error), format!("{endpoint} was not backed up: {message}")));
            }
        }
    }
    let Some((first, _)) = failed.first() else { return Ok(()) };
    let none = made.iter().all(|(_, created)| created.is_err());
    let exit = if none { *first } else { Exit::Partly };
    let messages: Vec<String> = failed.into_iter().map(|(_, message)| message).collect();
    Err(Failure::new(exit, messages.join("\negctl: ")).into())
}

#[derive(Serialize)]
struct TierSummary {
    /// Name of the tier run.
    tier: String,
    to: String,
    /// Whether every shard was backed up.
    complete: bool,
    shards: Vec<ShardSummary>,
}

#[derive(Serialize)]
struct ShardSummary {
    endpoint: String,
    /// Why it was not backed up.
    error: Option<String>,
    backup: Option<Summary>,
}

impl TierSummary {
    fn new(tier: &Tier, made: &[(Endpoint, Result<Created>)], objects: &Objects) -> Self {
        let shards = made.iter().map(|(endpoint, created)| ShardSummary {
            endpoint: endpoint.to_string(),
            error: created.as_ref().err().map(message_of),
            backup: created.as_ref().ok().map(|created| Summary::new(created, objects)),
        });
        Self {
            tier: tier.run.clone(),
            to: objects.url().to_owned(),
            complete: tier.is_complete(),
            shards: shards.collect(),
        }
    }
}

impl Report for TierSummary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for ShardSummary { endpoint, error, backup } in &self.shards {
            match (backup, error) {
                (Some(backup), _) => backup.write_text(out)?,
                (None, error) => {
                    writeln!(out, "NOT backed up  {endpoint}: {}", error.as_deref().unwrap_or_default())?;
                }
            }
        }
        let state = if self.complete { "complete" } else { "INCOMPLETE" };
        writeln!(out, "tier  {}  ({} shards, {state})", self.tier, self.shards.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that arrived at a shard while others were backed up would be in no run.
    #[test]
    fn an_empty_commons_does_not_stand_for_the_one_with_content() {
        let graph = |name: &str, done, is_empty_commons| GraphResult {
            name: name.to_owned(),
            done,
            bytes: 1,
            sequence: Some(1),
            chain: 1,
            is_empty_commons,
        };
        assert!(has_content(&graph(COMMONS, Done::Unchanged, false)));
        assert!(!has_content(&graph(COMMONS, Done::Unchanged, true)));
        assert!(has_content(&graph("g", Done::Full("its first backup"), false)));
        assert!(!has_content(&graph("g", Done::Gone, false)));
    }
}

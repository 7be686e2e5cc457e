//! `egctl identity remove`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_router::status::IdentityStatus;
use epistemic_storage::Durability;
use epistemic_storage::graph::COMMONS;
use epistemic_storage::identities::Identities;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Remove agents from a shard, or from the directory of a stopped one. Without anyone registered the rules end, unless the
/// server is started with --access-control on.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct RemoveArgs {
    /// Names of the agents.
    #[arg(required_unless_present = "all", value_name = "AGENT")]
    agents: Vec<String>,
    /// All that are registered.
    #[arg(long, conflicts_with = "agents")]
    all: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Removed {
    removed: Vec<Gone>,
}

#[derive(Serialize)]
struct Gone {
    agent_id: String,
    place: String,
}

#[derive(Serialize, Clone, Copy)]
struct Agent<'a> {
    agent_id: &'a str,
}

/// Removes the agents from each place, and prints what is gone also when one of them was not there.
pub(super) fn remove(args: &RemoveArgs, runtime: &Runtime) -> Result<()> {
    let mut removed = Vec::new();
    let ended = match &args.place.dir {
        Some(dir) => remove_offline(args, dir, &mut removed),
        None => runtime.block_on(remove_online(args, &mut removed)),
    };
    args.output.print(&Removed { removed })?;
    ended
}

fn remove_offline(args: &RemoveArgs, dir: &std::path::Path, removed: &mut Vec<Gone>) -> Result<()> {
    let directory = Directory::open_writable(dir)?;
    let identities = Identities::open(&*directory.graphs, Durability::Sync)?;
    let all = || identities.list().into_iter().map(|(agent, _)| agent.into()).collect();
    let agents: Vec<String> = if args.all { all() } else { args.agents.clone() };
    let place = dir.display().to_string();
    for agent_id in agents {
        if !identities.unregister(&agent_id)? {
            let message = format!("agent {} is not registered in '{place}'", shown(&agent_id));
            return Err(Failure::new(Exit::Failed, message).into());
        }
        removed.push(Gone { agent_id, place: place.clone() });
    }
    Ok(())
}

/// The name that asks goes last: it may be what lets it ask.
async fn remove_online(args: &RemoveArgs, removed: &mut Vec<Gone>) -> Result<()> {
    let shards = &args.place.shards;
    for endpoint in shards.list()?.as_slice() {
        let client = shards.connect(endpoint).await?;
        let known: Vec<IdentityStatus> = call(&client, COMMONS, "ListIdentities", &()).await?;
        let known = known.into_iter().map(|identity| identity.agent_id);
        let mut agents: Vec<_> = known.filter(|agent| args.all || args.agents.contains(agent)).collect();
        agents.sort_by_key(|agent| shards.agent_id() == Some(agent));
        for agent_id in agents {
            let params = Agent { agent_id: &agent_id };
            let _: String = call(&client, COMMONS, "UnregisterIdentity", &params).await?;
            removed.push(Gone { agent_id, place: endpoint.to_string() });
        }
    }
    let gone = |agent: &&String| removed.iter().any(|gone| gone.agent_id == **agent);
    match args.agents.iter().find(|agent| !gone(agent)) {
        Some(agent) => {
            let message = format!("agent {} is registered on no shard that was asked", shown(agent));
            Err(Failure::new(Exit::Failed, message).into())
        }
        None => Ok(()),
    }
}

impl Report for Removed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for Gone { agent_id, place } in &self.removed {
            writeln!(out, "{} is not registered at {place} any more", shown(agent_id))?;
        }
        Ok(())
    }
}

//! `egctl identities`: who is registered with access control.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_router::status::IdentityStatus;
use epistemic_storage::graph::COMMONS;
use epistemic_storage::identities::{Identity, Role};
use epistemic_storage::{Durability, GraphStore, identities::Identities as Registered};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;
use crate::table::{shortened, write_table};

/// List the registered agents of each shard, or remove some. Once there are any, only a System identity may ask: give
/// --agent-id, a name that the server was started with (--system-agent).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
pub(super) struct IdentitiesArgs {
    #[command(subcommand)]
    command: Option<IdentitiesCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Subcommand, Debug)]
enum IdentitiesCommand {
    List(ListArgs),
    Remove(RemoveArgs),
}

/// List them; the same as without a command.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Remove agents from a shard, or from the directory of a stopped one. Without anyone registered the rules end, unless the
/// server is started with --access-control on.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
struct RemoveArgs {
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
struct Identities {
    identities: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    identity: IdentityStatus,
    /// Endpoint or directory that knows it.
    place: String,
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

pub(super) fn run(args: &IdentitiesArgs, runtime: &Runtime) -> Result<()> {
    match &args.command {
        None => list(&args.list, runtime),
        Some(IdentitiesCommand::List(args)) => list(args, runtime),
        Some(IdentitiesCommand::Remove(args)) => remove(args, runtime),
    }
}

/// Prints the identities. When a shard fails, those of the others are printed before the error.
fn list(args: &ListArgs, runtime: &Runtime) -> Result<()> {
    if let Some(dir) = &args.place.dir {
        let directory = Directory::open_read_only(dir)?;
        let place = dir.display().to_string();
        let row = |identity| Row { identity, place: place.clone() };
        let identities = registered(&directory.graphs)?.into_iter().map(row).collect();
        return args.output.print(&Identities { identities });
    }
    let answers = runtime.block_on(args.place.shards.ask_all::<Vec<IdentityStatus>>("ListIdentities"))?;
    let mut identities = Vec::new();
    for (endpoint, answer) in &answers.0 {
        let row = |identity: &IdentityStatus| Row { identity: identity.clone(), place: endpoint.to_string() };
        identities.extend(answer.iter().flatten().map(row));
    }
    args.output.print(&Identities { identities })?;
    Ok(answers.failure()?)
}

fn registered(graphs: &GraphStore) -> Result<Vec<IdentityStatus>> {
    let known = Registered::open(graphs, Durability::Sync)?.list();
    Ok(known.into_iter().map(|(agent, identity)| status(agent.into(), identity)).collect())
}

fn status(agent_id: String, identity: Identity) -> IdentityStatus {
    let (role, teams) = (identity.role.name().to_owned(), identity.teams);
    let subordinates = match identity.role {
        Role::Manager { subordinates } => subordinates,
        Role::System | Role::Agent => Vec::new(),
    };
    IdentityStatus { agent_id, role, subordinates, teams }
}

/// Removes the agents from each place, and prints what is gone also when one of them was not there.
fn remove(args: &RemoveArgs, runtime: &Runtime) -> Result<()> {
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
    let identities = Registered::open(&*directory.graphs, Durability::Sync)?;
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

impl Report for Identities {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.identities.is_empty() {
            return Ok(());
        }
        let names =
            |names: &[String]| names.iter().map(|name| shortened(name)).collect::<Vec<_>>().join(", ");
        let row = |Row { identity, place }: &Row| {
            let IdentityStatus { agent_id, role, subordinates, teams } = identity;
            [shortened(agent_id), role.clone(), names(subordinates), names(teams), place.clone()]
        };
        let rows: Vec<_> = self.identities.iter().map(row).collect();
        write_table(out, ["agent", "role", "subordinates", "teams", "place"], &rows)
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

//! `egctl identity add`.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, ValueEnum};
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::Durability;
use epistemic_storage::graph::COMMONS;
use epistemic_storage::identities::Identities;
use epistemic_storage::identities::{Identity, Role};
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::runtime::Runtime;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Register an agent with all shards, with one, or in the directory of a stopped one; or give one another role.
///
/// The first agent of a shard switches the rules on there, unless the server says when they hold (--access-control).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct AddArgs {
    /// Name of the agent.
    #[arg(value_name = "AGENT")]
    agent: String,
    /// What it may do: agent: read the graphs of its teams; manager: also write them, and use the graphs of its subordinates;
    /// system: everything.
    #[arg(long, value_enum, default_value_t = RoleName::Agent)]
    role: RoleName,
    /// A team that it is in; may be repeated.
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,
    /// Of a manager, an agent that it stands in for; may be repeated.
    #[arg(long = "subordinate", value_name = "AGENT")]
    subordinates: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The name of a role.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum RoleName {
    /// Reads the graphs of its teams.
    Agent,
    /// Also writes them, and stands in for others.
    Manager,
    /// May do everything.
    System,
}

#[derive(Serialize)]
struct Added<'a> {
    agent_id: &'a str,
    role: &'static str,
    places: Vec<String>,
}

#[derive(Serialize)]
struct Registration<'a> {
    agent_id: &'a str,
    role: Role,
    teams: &'a [String],
    signature: &'static str,
    /// In the form that is signed since 2.27; our servers pass over them.
    roles: [&'static str; 0],
}

impl AddArgs {
    fn role(&self) -> Result<Role, Failure> {
        if self.role != RoleName::Manager && !self.subordinates.is_empty() {
            return Err(Failure::new(Exit::Usage, "--subordinate goes with --role manager"));
        }
        Ok(match self.role {
            RoleName::Agent => Role::Agent,
            RoleName::Manager => Role::Manager { subordinates: self.subordinates.clone() },
            RoleName::System => Role::System,
        })
    }
}

/// Registers the agent everywhere, and prints where it was when one of them fails.
pub(super) fn add(args: &AddArgs, runtime: &Runtime) -> Result<()> {
    let role = args.role()?;
    let (agent_id, name) = (args.agent.as_str(), role.name());
    let mut places = Vec::new();
    let ended = match &args.place.dir {
        Some(dir) => add_offline(args, dir, role).map(|()| places.push(dir.display().to_string())),
        None => runtime.block_on(add_online(args, role, &mut places)),
    };
    args.output.print(&Added { agent_id, role: name, places })?;
    ended
}

fn add_offline(args: &AddArgs, dir: &std::path::Path, role: Role) -> Result<()> {
    let directory = Directory::open_writable(dir)?;
    let identities = Identities::open(&*directory.graphs, Durability::Sync)?;
    let identity = Identity::new(role, args.teams.clone());
    identities.register(&args.agent, identity, || Ok::<_, anyhow::Error>(()))
}

async fn add_online(args: &AddArgs, role: Role, places: &mut Vec<String>) -> Result<()> {
    let (shards, agent_id, teams) = (&args.place.shards, args.agent.as_str(), args.teams.as_slice());
    let params = Registration { agent_id, role, teams, signature: "", roles: [] };
    for endpoint in shards.list()?.as_slice() {
        let client = shards.connect(endpoint).await?;
        let _: IgnoredAny = call(&client, COMMONS, "RegisterIdentity", &params).await?;
        places.push(endpoint.to_string());
    }
    Ok(())
}

impl Report for Added<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for place in &self.places {
            writeln!(out, "{} is registered as {} at {place}", shown(self.agent_id), self.role)?;
        }
        Ok(())
    }
}

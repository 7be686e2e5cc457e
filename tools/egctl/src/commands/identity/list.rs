//! `egctl identity list`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::Directory;
use epistemic_router::status::IdentityStatus;
use epistemic_storage::identities::Identities as Registered;
use epistemic_storage::identities::{Identity, Role};
use epistemic_storage::{Durability, GraphStore};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;
use crate::table::{shortened, write_table};

/// List them; the same as without a command.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ListArgs {
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

/// Prints the identities. When a shard fails, those of the others are printed before the error.
pub(super) fn list(args: &ListArgs, runtime: &Runtime) -> Result<()> {
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

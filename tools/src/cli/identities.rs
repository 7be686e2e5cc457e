//! `egctl identities`: who is registered with access control.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::exit::EXIT_CODES;
use super::output::{OutputArgs, Report};
use super::shards::ShardArgs;
use super::table::{shortened, write_table};
use crate::remote::IdentityStatus;

/// List the registered agents of each shard. Once there are any, only a System identity may ask: give --agent-id.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct IdentitiesArgs {
    #[command(flatten)]
    shards: ShardArgs,
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
    /// Endpoint that knows it.
    place: String,
}

/// Prints the identities. When a shard fails, those of the others are printed before the error.
pub(super) fn run(args: &IdentitiesArgs, runtime: &Runtime) -> Result<()> {
    let answers = runtime.block_on(args.shards.ask_all::<Vec<IdentityStatus>>("ListIdentities"))?;
    let mut identities = Vec::new();
    for (endpoint, answer) in &answers.0 {
        let row = |identity: &IdentityStatus| Row { identity: identity.clone(), place: endpoint.to_string() };
        identities.extend(answer.iter().flatten().map(row));
    }
    args.output.print(&Identities { identities })?;
    Ok(answers.failure()?)
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

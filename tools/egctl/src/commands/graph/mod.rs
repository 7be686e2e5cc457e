//! `egctl graph`: making, emptying, renaming and deleting graphs, and whose they are.

mod chown;
mod clear;
mod create;
mod delete;
mod owner;
mod rename;

use std::io::{self, Write};

use anyhow::Result;
use clap::Subcommand;
use epistemic_operations::names::shown;
use serde::Serialize;
use tokio::runtime::Runtime;

pub(super) use create::{GraphKind, create_offline, create_online};

use crate::output::Report;

/// The graph commands.
#[derive(Subcommand, Debug)]
pub(super) enum GraphCommand {
    Create(create::CreateArgs),
    Delete(delete::DeleteArgs),
    Clear(clear::ClearArgs),
    Rename(rename::RenameArgs),
    Owner(owner::OwnerArgs),
    Chown(chown::ChownArgs),
}

/// Runs one of them.
pub(super) fn run(command: &GraphCommand, runtime: &Runtime) -> Result<()> {
    match command {
        GraphCommand::Create(args) => create::run(args, runtime),
        GraphCommand::Delete(args) => delete::run(args, runtime),
        GraphCommand::Clear(args) => clear::run(args, runtime),
        GraphCommand::Rename(args) => rename::run(args, runtime),
        GraphCommand::Owner(args) => owner::run(args, runtime),
        GraphCommand::Chown(args) => chown::run(args, runtime),
    }
}

/// What was done to a graph.
#[derive(Serialize)]
struct Done {
    graph: String,
    place: String,
    done: &'static str,
}

impl Report for Done {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} {} at {}", self.done, shown(&self.graph), self.place)
    }
}

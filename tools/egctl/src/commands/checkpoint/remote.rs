//! Checkpoints of a shard on an object store: restore points, and stores that are cloned out of them.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_object_store::{Identity, clone_point, delete_point, discard_clone, list_points};
use epistemic_operations::hosts::RemotePlace;
use epistemic_storage::RestorePoint;
use serde::Serialize;

use super::{Listed, Row};
use crate::commands::status::ago;
use crate::confirm::ConfirmArgs;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

/// Give up a checkpoint on an object store. The server may be running; it removes later what nothing else needs.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct DeleteArgs {
    /// Its URL: that of the store, with ?point=NAME (egctl checkpoint list).
    #[arg(value_name = "URL")]
    checkpoint: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Remove a store that egctl checkpoint restore has made on an object store, and what its source keeps for it.
///
/// Nothing else can be removed that way. Stop its server first.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct DiscardArgs {
    /// URL of the store, as its server has it in --store.
    #[arg(value_name = "URL")]
    store: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Whether the argument of a command is an URL, and not the path of a directory.
pub(super) fn is_url(argument: &str) -> bool {
    argument.contains("://")
}

fn row(place: &RemotePlace, store_id: &str, point: RestorePoint) -> Row {
    let RestorePoint { name, created_ms, sequence, bytes } = point;
    let path = place.at(&name).to_string();
    Row { name, path, store_id: store_id.to_owned(), created_ms, sequence, bytes }
}

/// All restore points of a store.
pub(super) fn list(url: &str) -> Result<Listed> {
    let place = RemotePlace::parse(url);
    let location = place.existing()?;
    let points = list_points(&location)?;
    let store_id = Identity::load(&location)?.map_or_else(String::new, |identity| identity.store_id);
    let checkpoints = points.into_iter().map(|point| row(&place, &store_id, point)).collect();
    Ok(Listed { checkpoints, unusable: Vec::new() })
}

#[derive(Serialize)]
struct Cloned {
    /// URL of the store that was made.
    store: String,
    /// Its identity.
    store_id: String,
    checkpoint: Row,
}

/// Makes a store at `to` out of the restore point that `from` names.
pub(super) fn restore(from: &str, to: &str, output: OutputArgs) -> Result<()> {
    let (from, to) = (RemotePlace::parse(from), RemotePlace::parse(to));
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let point = from.must_name_point().map_err(|error| usage(error.to_string()))?;
    if to.point.is_some() {
        return Err(usage(format!("{to} is a restore point: name an empty prefix")).into());
    }
    let source = from.existing()?;
    let identity = clone_point(&source, point, &to.location()?)?;
    let (mut taken_ms, mut of) = (0, String::new());
    if let Some(origin) = identity.cloned {
        (taken_ms, of) = (origin.taken_ms, origin.store_id);
    }
    // It may have been given up meanwhile.
    let points = list_points(&source)?;
    let found = points.into_iter().find(|there| there.name == point);
    let unknown = || RestorePoint { name: point.to_owned(), created_ms: taken_ms, sequence: 0, bytes: 0 };
    let checkpoint = row(&from, &of, found.unwrap_or_else(unknown));
    output.print(&Cloned { store: to.to_string(), store_id: identity.store_id, checkpoint })
}

impl Report for Cloned {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { store, store_id, checkpoint } = self;
        let Row { name, created_ms, sequence, .. } = checkpoint;
        writeln!(out, "cloned checkpoint {name} (taken {}, sequence {sequence})", ago(*created_ms))?;
        writeln!(out, "to the store {store_id}; start a server on it with --store {store}")?;
        writeln!(
            out,
            "it reads objects of its source, which keeps them: to remove it, egctl checkpoint discard {store}"
        )
    }
}

#[derive(Serialize)]
struct Gone {
    removed: String,
}

impl Report for Gone {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "removed {}", self.removed)
    }
}

pub(super) fn delete(args: &DeleteArgs) -> Result<()> {
    let place = RemotePlace::parse(&args.checkpoint);
    let point = place.must_name_point().map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    delete_point(&place.existing()?, point)?;
    args.output.print(&Gone { removed: place.to_string() })
}

pub(super) fn discard(args: &DiscardArgs) -> Result<()> {
    let place = RemotePlace::parse(&args.store);
    let location = place.existing()?;
    args.confirm.ask(&format!("{place} will be removed with all that is in it"), &place.to_string())?;
    discard_clone(&location)?;
    args.output.print(&Gone { removed: place.to_string() })
}

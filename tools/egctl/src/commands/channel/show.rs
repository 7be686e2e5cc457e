//! `egctl channel show`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::place::{find, listed, members, offline};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;

/// Show the type and the members of a channel.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ShowArgs {
    /// Id of the channel.
    channel: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Shown<'a> {
    channel: &'a str,
    #[serde(rename = "type")]
    kind: String,
    place: String,
    members: Vec<String>,
}

pub(super) fn run(args: &ShowArgs, runtime: &Runtime) -> Result<()> {
    let id = args.channel.as_str();
    let shown = match &args.place.dir {
        Some(dir) => {
            let (_directory, channels) = offline(dir)?;
            let found = listed(&channels)?.into_iter().find(|channel| channel.id == id);
            let missing =
                || Failure::new(Exit::Failed, format!("{} has no channel {}", dir.display(), shown(id)));
            let kind = found.ok_or_else(missing)?.kind;
            Shown { channel: id, kind, place: dir.display().to_string(), members: channels.members(id)? }
        }
        None => {
            let (client, channel) = find(&args.place.shards, id, runtime)?;
            let place = client.endpoint().to_string();
            Shown { channel: id, kind: channel.kind, place, members: members(&client, id, runtime)? }
        }
    };
    args.output.print(&shown)
}

impl Report for Shown<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {} at {}", shown(self.channel), self.kind, self.place)?;
        self.members.iter().try_for_each(|member| writeln!(out, "  {}", shown(member)))
    }
}

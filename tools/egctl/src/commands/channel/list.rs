//! `egctl channel list`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::place::{Channel, listed, offline};
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::place::PlaceArgs;
use crate::shards::Answers;
use crate::table::{shortened, write_table};

/// List the open channels of each shard, of one, or of a directory.
///
/// With access control a shard shows an agent its own channels, and a System identity all.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Channels {
    channels: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    channel: Channel,
    place: String,
}

/// Prints the channels. When a shard fails, those of the others are printed before the error.
pub(super) fn run(args: &ListArgs, runtime: &Runtime) -> Result<()> {
    if let Some(dir) = &args.place.dir {
        let (_directory, channels) = offline(dir)?;
        let place = dir.display().to_string();
        let row = |channel| Row { channel, place: place.clone() };
        return args.output.print(&Channels { channels: listed(&channels)?.into_iter().map(row).collect() });
    }
    let answers: Answers<Vec<Channel>> = runtime.block_on(args.place.shards.ask_all("ListChannels"))?;
    let mut channels = Vec::new();
    for (endpoint, answer) in &answers.0 {
        let row = |channel: &Channel| Row { channel: channel.clone(), place: endpoint.to_string() };
        channels.extend(answer.iter().flatten().map(row));
    }
    args.output.print(&Channels { channels })?;
    Ok(answers.failure()?)
}

impl Report for Channels {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.channels.is_empty() {
            return writeln!(out, "no channels");
        }
        let row = |Row { channel: Channel { id, kind, members }, place }: &Row| {
            [shortened(id), kind.clone(), members.to_string(), place.clone()]
        };
        let rows: Vec<_> = self.channels.iter().map(row).collect();
        write_table(out, ["channel", "type", "members", "place"], &rows)
    }
}

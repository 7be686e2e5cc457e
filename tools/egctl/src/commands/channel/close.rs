//! `egctl channel close`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::COMMONS;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::place::find;
use crate::confirm::ConfirmArgs;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// Close a channel of a running shard: it is removed with all its messages. Asks for its id again.
///
/// With access control, its creator may do so, and a System identity.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct CloseArgs {
    /// Id of the channel.
    channel: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Params<'a> {
    channel_id: &'a str,
}

/// What the shard says of the channel at its end.
#[derive(Serialize, Deserialize)]
struct Closed {
    channel_id: String,
    creator: String,
    participants: Vec<String>,
    message_count: u64,
}

pub(super) fn run(args: &CloseArgs, runtime: &Runtime) -> Result<()> {
    let id = args.channel.as_str();
    let (client, _) = find(&args.shards, id, runtime)?;
    let what = format!("closing {} at {} removes its messages", shown(id), client.endpoint());
    args.confirm.ask(&what, id)?;
    let closed: Closed =
        runtime.block_on(call(&client, COMMONS, "CloseChannel", &Params { channel_id: id }))?;
    args.output.print(&closed)
}

impl Report for Closed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { channel_id, creator, participants, message_count } = self;
        let (members, creator) = (participants.len(), shown(creator));
        writeln!(
            out,
            "closed {}, which {creator} had opened; {members} members, {message_count} messages were sent",
            shown(channel_id)
        )
    }
}

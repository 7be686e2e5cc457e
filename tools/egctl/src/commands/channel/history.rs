//! `egctl channel history`.

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::shown_time;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::COMMONS;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::place::{Message, find, offline};
use crate::exit::EXIT_CODES;
use crate::place::PlaceArgs;
use crate::rows::{Row, RowArgs, Rows};

/// Show the newest messages of a channel, oldest first.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct HistoryArgs {
    /// Id of the channel.
    channel: String,
    /// Messages at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    form: RowArgs,
}

#[derive(Serialize)]
struct Params<'a> {
    channel_id: &'a str,
    limit: usize,
}

pub(super) fn run(args: &HistoryArgs, runtime: &Runtime) -> Result<()> {
    let id = args.channel.as_str();
    let (place, messages): (String, Vec<Message>) = match &args.place.dir {
        Some(dir) => {
            let (_directory, channels) = offline(dir)?;
            let found = channels.messages(id, Some(args.limit))?;
            let message = |message: epistemic_storage::channels::Message| Message {
                sender: message.sender,
                payload: message.payload,
                timestamp: message.unix_ms / 1000,
            };
            (dir.display().to_string(), found.into_iter().map(message).collect())
        }
        None => {
            let (client, _) = find(&args.place.shards, id, runtime)?;
            let params = Params { channel_id: id, limit: args.limit };
            let messages = runtime.block_on(call(&client, COMMONS, "GetChannelMessages", &params))?;
            (client.endpoint().to_string(), messages)
        }
    };
    let mut rows = Rows::begin_of(args.form, "channel", id, &place, "messages")?;
    for message in &messages {
        if rows.write(message)?.is_break() {
            break;
        }
    }
    rows.end()
}

impl Row for Message {
    fn text(&self) -> String {
        let Self { sender, payload, timestamp } = self;
        format!("{}  {}  {}", shown_time(timestamp.saturating_mul(1000)), shown(sender), shown(payload))
    }
}

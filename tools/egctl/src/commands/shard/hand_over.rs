//! `egctl shard hand-over`.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use epistemic_operations::quantity::parse_time;
use epistemic_operations::remote;
use epistemic_router::Endpoint;
use epistemic_router::status::OwnerStatus;
use epistemic_storage::graph::COMMONS;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// Time between two looks at who serves the shard now.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Hand a shard on an object store over to a stand-by, and wait until that one serves it.
///
/// The server ends in order, with exit code 0: what was acknowledged is there, and connections are closed. It needs a System identity
/// where access control is on.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct HandOverArgs {
    /// Also when no stand-by was seen. Nobody serves the shard then until a server is started.
    #[arg(long)]
    force: bool,
    /// Time for a stand-by to take over.
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = parse_time)]
    wait: Duration,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Params {
    force: bool,
}

/// What the owner says.
#[derive(Deserialize)]
struct HandedOver {
    owner: OwnerStatus,
    standbys: Vec<OwnerStatus>,
}

/// What a server says of itself at once, whatever it is busy with.
#[derive(Deserialize)]
struct Health {
    role: String,
    owner: Option<OwnerStatus>,
}

#[derive(Serialize)]
struct Done {
    former: OwnerStatus,
    /// None where nobody was there to take over.
    owner: Option<OwnerStatus>,
    ms: u64,
}

pub(super) fn run(args: &HandOverArgs, runtime: &Runtime) -> Result<()> {
    let list = args.shards.list()?;
    let [endpoint] = list.as_slice() else {
        let text = "a hand-over is of one shard: say which with --endpoint";
        return Err(Failure::new(Exit::Usage, text).into());
    };
    let done = runtime.block_on(hand_over(args, endpoint))?;
    args.output.print(&done)
}

async fn hand_over(args: &HandOverArgs, endpoint: &Endpoint) -> Result<Done> {
    let client = args.shards.connect(endpoint).await?;
    let begun = Instant::now();
    let HandedOver { owner: former, standbys } =
        remote::call(&client, COMMONS, "ShardHandOver", &Params { force: args.force }).await?;
    drop(client);
    if standbys.is_empty() {
        return Ok(Done { former, owner: None, ms: begun.elapsed().as_millis() as u64 });
    }
    // The name that moves leads to the new owner in time, too.
    let mut places: Vec<Endpoint> =
        standbys.iter().filter_map(|standby| Endpoint::parse(&standby.endpoint).ok()).collect();
    places.push(endpoint.clone());
    while begun.elapsed() < args.wait {
        for place in &places {
            if let Some(owner) = owner_at(args, place).await
                && owner.id != former.id
            {
                return Ok(Done { former, owner: Some(owner), ms: begun.elapsed().as_millis() as u64 });
            }
        }
        sleep(LOOK_EVERY).await;
    }
    let tried: Vec<_> = places.iter().map(Endpoint::as_str).collect();
    let text = format!(
        "{} has ended, and none of {} serves the shard after {:?}: look at their logs; egctl status shows when one does",
        former.endpoint,
        tried.join(", "),
        args.wait
    );
    Err(Failure::new(Exit::Failed, text).into())
}

/// The server there, if it is the owner now.
async fn owner_at(args: &HandOverArgs, place: &Endpoint) -> Option<OwnerStatus> {
    let client = args.shards.connect(place).await.ok()?;
    let client = client.with_deadline(args.wait);
    let health: Health = remote::call(&client, COMMONS, "Health", &()).await.ok()?;
    health.owner.filter(|_| health.role == "owner")
}

impl Report for Done {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.owner {
            Some(owner) => {
                writeln!(out, "{owner} serves the shard, {} ms after {} was asked", self.ms, self.former)
            }
            None => writeln!(out, "{} ends; nobody was there to take over", self.former),
        }
    }
}

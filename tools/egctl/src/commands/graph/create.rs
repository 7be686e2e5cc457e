//! `egctl graph create`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use epistemic_operations::hosts::Directory;
use epistemic_operations::remote::call;
use epistemic_router::Client;
use epistemic_storage::graph::{GraphType, Op};
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::runtime::Runtime;

use super::Done;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::graph::{BaseArgs, GraphArgs};
use crate::output::OutputArgs;
use crate::place::PlaceArgs;

/// Create an empty graph on the shard that owns its name, on one shard, or in a directory.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct CreateArgs {
    /// Exact name. Default: that of --tenant.
    #[arg(value_name = "GRAPH")]
    name: Option<String>,
    /// The tenant that it is for; its graph is found as clients find it, unless a name is given.
    #[arg(long, value_name = "ID", required_unless_present = "name")]
    tenant: Option<String>,
    #[command(flatten)]
    base: BaseArgs,
    /// Who may use it, with access control: the owner, its team, everybody for reading, everybody.
    #[arg(long = "type", value_name = "TYPE", value_enum, ignore_case = true, default_value_t = GraphKind::Agent)]
    kind: GraphKind,
    /// Offline, the agent that owns it; on a shard it is the one that asks (--agent-id).
    #[arg(long, value_name = "AGENT", requires = "dir")]
    owner: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The type of a graph.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(in crate::commands) enum GraphKind {
    /// One agent's.
    Agent,
    /// A team's.
    Team,
    /// Everybody may read it.
    Global,
    /// Everybody may read and write it.
    Commons,
}

impl From<GraphKind> for GraphType {
    fn from(kind: GraphKind) -> Self {
        match kind {
            GraphKind::Agent => Self::Agent,
            GraphKind::Team => Self::Team,
            GraphKind::Global => Self::Global,
            GraphKind::Commons => Self::Commons,
        }
    }
}

#[derive(Serialize)]
struct Params<'a> {
    graph_name: &'a str,
    graph_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
}

pub(super) fn run(args: &CreateArgs, runtime: &Runtime) -> Result<()> {
    let tenant = args.tenant.as_deref();
    let graph = match &args.name {
        Some(name) if name.is_empty() => {
            return Err(Failure::new(Exit::Usage, "a graph needs a name").into());
        }
        Some(name) => name.clone(),
        None => GraphArgs::of_tenant(tenant.unwrap_or_default(), &args.base)?,
    };
    let place = match &args.place.dir {
        Some(dir) => {
            let directory = Directory::open_writable(dir)?;
            create_offline(&directory, &graph, args.kind, tenant, args.owner.clone())?;
            dir.display().to_string()
        }
        None => runtime.block_on(async {
            let client = args.place.shards.owner_of(&graph).await?;
            create_online(&client, &graph, args.kind, tenant).await?;
            anyhow::Ok(client.endpoint().to_string())
        })?,
    };
    args.output.print(&Done { graph, place, done: "created" })
}

/// Creates a graph in a directory.
pub(in crate::commands) fn create_offline(
    directory: &Directory,
    graph: &str,
    kind: GraphKind,
    tenant: Option<&str>,
    owner: Option<String>,
) -> Result<()> {
    let op = Op::Create { kind: kind.into(), owner, tenant: tenant.map(str::to_owned) };
    directory.graphs.write(graph, op)?;
    Ok(())
}

/// Creates a graph on a shard.
pub(in crate::commands) async fn create_online(
    client: &Client,
    graph: &str,
    kind: GraphKind,
    tenant: Option<&str>,
) -> Result<()> {
    let params = Params { graph_name: graph, graph_type: GraphType::from(kind).name(), tenant };
    let _: IgnoredAny = call(client, graph, "CreateGraph", &params).await?;
    Ok(())
}

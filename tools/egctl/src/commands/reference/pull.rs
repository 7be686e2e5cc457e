//! `egctl pull`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::import::{Document, GraphName, Listed, Server};
use epistemic_router::{Client, ConnectOptions, Endpoint, EndpointList, Secret, must_have_schemes};
use epistemic_storage::graph::COMMONS;
use tokio::runtime::Runtime;

use super::target::TargetArgs;
use super::transfer::{Input, Transfer};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::OutputArgs;
use crate::progress::{Progress, Total};

/// Copy graphs of a running reference server 0.28 to 2.0: into a directory, or into running shards.
///
/// Asks through its own protocol, and leaves it as it is. Nodes, edges, ledger and embeddings of a graph are one
/// state of it, with the counts compared before and after; a graph that changes meanwhile is read again, four times in all. The
/// protocol does not tell who owns a graph. Stop the writers, or what they write behind the copy stays behind.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct PullArgs {
    /// The server to copy from: tcp://HOST:PORT or unix://PATH. Where TLS is on, it has to have it too.
    #[arg(long, value_name = "E")]
    from: Endpoint,
    /// File of mode 0600 with the secret of that server. Default: the secret of the target.
    #[arg(long, value_name = "FILE")]
    from_secret_file: Option<PathBuf>,
    /// Ask that server as this agent, where access control is on.
    #[arg(long, value_name = "NAME")]
    from_agent_id: Option<String>,
    /// Copy this graph. Can be repeated. Default: all of them.
    #[arg(long = "graph", value_name = "NAME")]
    graphs: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Copies graph after graph. All are printed before the error that says that some were not taken.
pub(in crate::commands) fn run(args: &PullArgs, runtime: &Runtime) -> Result<()> {
    must_have_schemes(&EndpointList::new(vec![args.from.clone()])?)?;
    if args.target.to_dir.is_none() && args.target.shards.list()?.as_slice().contains(&args.from) {
        let message =
            format!("{} would be copied to itself: name the target with --to-dir or --endpoint", args.from);
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let secret =
        args.from_secret_file.as_deref().map_or_else(|| args.target.shards.secret(), Secret::from_file)?;
    let options = ConnectOptions {
        agent_id: args.from_agent_id.clone(),
        max_response_bytes: u32::MAX,
        ..args.target.shards.options()?
    };
    let server = Server(runtime.block_on(Client::connect(&args.from, &secret, options))?);
    let listed = chosen(runtime.block_on(server.graphs())?, &args.graphs)?;
    let target = args.target.open(runtime)?;
    let progress = Progress::new("pull", Total::Unknown);
    let mut transfer = Transfer::begin(&args.target, target, args.from.to_string(), progress)?;
    for graph in listed {
        take(&mut transfer, runtime, &server, graph, &args.from);
    }
    let report = transfer.finish(Vec::new());
    args.output.print(&report)?;
    Ok(report.failure()?)
}

/// The graphs that were asked for, all of which must be there.
fn chosen(listed: Vec<Listed>, wanted: &[String]) -> Result<Vec<Listed>, Failure> {
    if let Some(missing) = wanted.iter().find(|name| listed.iter().all(|graph| graph.name != **name)) {
        let message = format!("the server has no graph {missing:?}; nothing was copied");
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(listed.into_iter().filter(|graph| wanted.is_empty() || wanted.contains(&graph.name)).collect())
}

fn take(transfer: &mut Transfer<'_>, runtime: &Runtime, server: &Server, graph: Listed, from: &Endpoint) {
    let Listed { name, kind, owner } = graph;
    let graph = GraphName { name, kind };
    let pulled = match runtime.block_on(server.pull(&graph.name)) {
        Ok(pulled) => pulled,
        Err(error) => {
            transfer.unread(graph, from.to_string(), &error);
            return;
        }
    };
    let notes = if owner.is_none() && graph.name != COMMONS {
        vec!["the server does not tell an owner: it has none here".to_owned()]
    } else {
        Vec::new()
    };
    transfer.take(&Input {
        graph,
        owner,
        from: from.to_string(),
        document: Some(Document::read(&pulled.document)),
        log: None,
        bytes: pulled.document.len() as u64,
        problems: pulled.problems,
        notes,
    });
}

//! The `egctl bench` command.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use epistemic_router::{EndpointList, Secret, must_have_schemes, tls_from};

use super::args::{BenchArgs, BenchCommand, LoadArgs, Op, Target};
use super::connection::Connection;
use super::driver::{Limit, Plan, drive};
use super::population::{self, Population};
use super::report::{LoadReport, Report};
use super::template::{Envelope, Sender};
use super::wire::Client;
use super::workload::{Numbers, Source, kinds};
use crate::exit::{Exit, Failure};

/// Runs the benchmark or the loader and prints its report on stdout. Blocks.
///
/// # Errors
/// When the server cannot be reached or closes a connection, and, after the report was printed, when a request
/// failed. `BUSY` answers are counted in the report and are no error.
pub(crate) fn run(args: BenchArgs) -> Result<()> {
    must_have_schemes(&EndpointList::new(vec![args.target.endpoint.clone()])?)?;
    if !args.target.endpoint.is_local() && tls_from(|name| std::env::var(name).ok())?.is_some() {
        let text = "bench speaks no TLS: give it the socket of an egctl tunnel, or EPISTEMIC_GRAPH_TLS=off";
        return Err(Failure::new(Exit::Usage, text.to_owned()).into());
    }
    let secret = args.target.secret_file.as_deref().map_or_else(Secret::from_env, Secret::from_file)?;
    let (agent, endpoint) = (args.target.sign_as.as_deref(), args.target.endpoint.to_string());
    let signer =
        agent.map(|agent| secret.signer_of(agent).context("--sign-as needs a secret")).transpose()?;
    let sender = match (&signer, agent) {
        (Some(signer), Some(agent)) => Sender::Signed { signer, agent, endpoint: &endpoint },
        _ => Sender::ById(&secret),
    };
    let envelope = Envelope { sender, graph: &args.target.graph, form: args.target.property_form };
    match args.command {
        Some(BenchCommand::LoadGraph { nodes, edges, chunk }) => {
            let population = Population { nodes, edges, chunk, seed: args.target.seed };
            load_graph(&args.target, envelope, population)
        }
        None => measure(&args.target, envelope, &args.load),
    }
}

fn load_graph(target: &Target, envelope: Envelope<'_>, population: Population) -> Result<()> {
    ensure!(population.nodes > 0 || population.edges == 0, "edges need nodes");
    let mut client = Client::connect(&target.endpoint)?;
    let found = population::open_graph(&mut client, envelope)?;
    ensure!(found == 0, "graph {:?} already holds {found} nodes; give another --graph", target.graph);
    let elapsed = population::load(&mut client, envelope, population)?;
    let report = LoadReport {
        graph: target.graph.clone(),
        nodes: population.nodes,
        edges: population.edges,
        seconds: elapsed.as_secs_f64(),
        items_per_second: (population.nodes + population.edges) as f64 / elapsed.as_secs_f64(),
    };
    report.print(&mut std::io::stdout().lock(), target.json)
}

fn measure(target: &Target, envelope: Envelope<'_>, load: &LoadArgs) -> Result<()> {
    let plan = Plan {
        warmup: seconds(load.warmup, "--warmup")?,
        limit: match load.count {
            Some(count) => Limit::Answers(count),
            None => Limit::Time(seconds(load.duration, "--duration")?),
        },
        server_pid: load.server_pid,
    };
    let kinds = kinds(load.op, load.batch);
    let most =
        kinds.iter().map(|kind| if let Numbers::Existing(count) = kind.numbers { count } else { 0 }).max();
    ensure!(
        most <= Some(load.nodes),
        "--batch of {} nodes, but there are only --nodes {}",
        load.batch,
        load.nodes
    );
    let mut client = Client::connect(&target.endpoint)?;
    if kinds.iter().any(|kind| matches!(kind.numbers, Numbers::Existing(_))) {
        population::ensure(&mut client, envelope, Population::for_reads(load.nodes, target.seed))?;
    }
    let mut fresh = 0;
    if kinds.iter().any(|kind| matches!(kind.numbers, Numbers::Fresh(_))) {
        fresh = population::open_graph(&mut client, envelope)?;
    }
    drop(client);

    let mut connections = Vec::new();
    for index in 0..u64::from(load.connections) {
        let first_id = 1 + index * u64::from(load.in_flight);
        connections.push(Connection::open(&target.endpoint, envelope, &kinds, first_id, load.in_flight)?);
    }
    let source = Source::new(kinds, load.nodes, fresh, target.seed);
    let measured = drive(plan, source, connections)?;
    let report =
        Report::new(name(load.op), target.endpoint.to_string(), load.connections, load.in_flight, &measured);
    report.print(&mut std::io::stdout().lock(), target.json)?;
    if let Some(failure) = measured.first_failure {
        bail!("{} requests failed, the first with: {failure}", measured.failed);
    }
    Ok(())
}

fn seconds(value: f64, option: &str) -> Result<Duration> {
    Duration::try_from_secs_f64(value).with_context(|| format!("{option} is no duration in seconds"))
}

fn name(op: Op) -> String {
    op.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

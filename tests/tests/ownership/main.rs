//! Shards that know their place (`--advertise`): nobody serves an empty stand-in (fault 17), and no tenant gets into the
//! graph of another (fault 3).

mod clients;
mod moved;
mod placement;
mod routes;
mod tenants;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value};

/// Servers that advertise themselves, and the list that all of them have.
struct Shards {
    servers: Vec<ServerProcess>,
    list: String,
}

/// The endpoint that a builder's server will have.
fn endpoint(builder: &ServerBuilder) -> String {
    format!("unix://{}", builder.socket().display())
}

fn advertise(builder: ServerBuilder, list: &str) -> ServerBuilder {
    let own = endpoint(&builder);
    builder.arg("--advertise").arg(own).arg("--endpoints").arg(list)
}

impl Shards {
    fn start(count: usize) -> Result<Self> {
        Self::start_with(count, &[])
    }

    fn start_with(count: usize, env: &[(&str, &str)]) -> Result<Self> {
        let builders: Vec<_> = (0..count).map(|_| ServerProcess::ours().in_memory()).collect();
        let list = builders.iter().map(endpoint).collect::<Vec<_>>().join(",");
        let servers = builders.into_iter().map(|builder| {
            let builder = advertise(builder, &list);
            env.iter().fold(builder, |builder, (name, value)| builder.env(*name, *value)).start()
        });
        Ok(Self { servers: servers.collect::<Result<_>>()?, list })
    }

    fn clients(&self) -> Result<Vec<Client>> {
        self.servers.iter().map(ServerProcess::client).collect()
    }

    fn endpoints(&self) -> Vec<&str> {
        self.list.split(',').collect()
    }
}

/// The text of the error that a call must end with.
fn refused(client: &mut Client, graph: &str, method: &str, fields: &[(&str, Value)]) -> Result<String> {
    let fields = fields.iter().map(|(name, value)| (*name, value.clone()));
    let error = client.call(graph, method, params(fields)).err();
    let error = error.with_context(|| format!("{method} of {graph:?} was carried out"))?;
    Ok(error.server_text().with_context(|| format!("{method}: {error}"))?.to_owned())
}

/// The names of the graphs on a shard.
fn names(client: &mut Client) -> Result<Vec<String>> {
    let graphs = client.call("", "ListGraphs", None)?;
    let names = graphs.as_array().context("ListGraphs")?.iter();
    let names = names.map(|graph| field(graph, "name").and_then(Value::as_str).map(str::to_owned));
    names.collect::<Option<_>>().context("a graph without a name")
}

/// Whose `graph` is, in the words of a shard that refuses to create it, or the shard that creates it; it is created.
fn create(shards: &Shards, graph: &str) -> Result<usize> {
    let (mut taken, mut named) = (Vec::new(), Vec::new());
    for (index, client) in shards.clients()?.iter_mut().enumerate() {
        match client.create_graph(graph) {
            Ok(()) => taken.push(index),
            Err(error) => named.push(error.server_text().context("no answer")?.to_owned()),
        }
    }
    ensure!(taken.len() == 1, "{graph:?} was created on the shards {taken:?}");
    let owner = format!("WRONG_SHARD: graph '{graph}' belongs to '{}', this", shards.endpoints()[taken[0]]);
    ensure!(named.iter().all(|text| text.starts_with(&owner)), "{named:?}");
    Ok(taken[0])
}

//! A list that changes under graphs that are there.

use anyhow::{Context, Result, ensure};
use epistemic_tests::transfer::{export, import};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value};

use super::{advertise, endpoint, names};

const GRAPHS: usize = 30;

fn graph(number: usize) -> String {
    format!("g{number}")
}

fn nodes(client: &mut Client, graph: &str) -> Result<Value> {
    Ok(client.call(graph, "NodeCount", None)?)
}

fn started(builder: &ServerBuilder, list: &str) -> Result<ServerProcess> {
    advertise(builder.clone(), list).start()
}

/// One shard becomes two: what moved away is served until it is deleted, and is not created again.
#[test]
fn graphs_stay_readable_on_their_old_shard_until_they_are_moved() -> Result<()> {
    let (old, new) = (ServerProcess::ours(), ServerProcess::ours());
    let both = format!("{},{}", endpoint(&old), endpoint(&new));
    let mut server = started(&old, &endpoint(&old))?;
    let mut client = server.client()?;
    for number in 0..GRAPHS {
        client.create_graph(&graph(number))?;
        client.add_node(&graph(number), "n", b"\x80")?;
    }
    ensure!(server.terminate()?.success(), "{}", server.output());
    let (server, newcomer) = (started(&old, &both)?, started(&new, &both)?);
    let (mut from, mut to) = (server.client()?, newcomer.client()?);
    let mut moved = 0;
    for number in 0..GRAPHS {
        let graph = graph(number);
        from.add_node(&graph, "m", b"\x80").with_context(|| format!("{graph} is there and is served"))?;
        let mut snapshot = Vec::new();
        export(&mut from, &graph, &mut snapshot)?;
        let Ok(()) = import(&mut to, &graph, snapshot.as_slice()) else { continue };
        moved += 1;
        from.call(&graph, "DeleteGraph", params([("graph_name", graph.as_str().into())]))?;
        let text = from.create_graph(&graph).err().context("an empty stand-in was created")?.to_string();
        ensure!(text.contains(&format!("belongs to '{}'", endpoint(&new))), "{text}");
        ensure!(nodes(&mut to, &graph)? == Value::from(2), "{graph}");
    }
    ensure!(moved > 0 && names(&mut from)?.len() + moved == GRAPHS + 1, "{moved} of {GRAPHS} moved");
    Ok(())
}

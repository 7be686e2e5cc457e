//! Graphs to compute on.

use anyhow::{Result, ensure};
use epistemic_tests::wire::{field, map, params};
use epistemic_tests::{Client, Value};

const PART: usize = 10_000;

pub(crate) fn node(id: impl Into<String>) -> Value {
    map([("op", "add_node".into()), ("id", id.into().into())])
}

pub(crate) fn edge(source: impl Into<String>, target: impl Into<String>) -> Value {
    map([("op", "add_edge".into()), ("source", source.into().into()), ("target", target.into().into())])
}

/// Creates a graph with this content.
pub(crate) fn create(
    client: &mut Client,
    graph: &str,
    content: impl IntoIterator<Item = Value>,
) -> Result<()> {
    client.create_graph(graph)?;
    let content: Vec<_> = content.into_iter().collect();
    for part in content.chunks(PART) {
        let report = client.batch_update(graph, part.to_vec())?;
        let errors = field(&report, "errors").and_then(Value::as_array);
        ensure!(errors.is_some_and(Vec::is_empty), "{report}");
    }
    Ok(())
}

/// The graph `ring`: nodes in a circle, and as many besides that point at its first. With nothing lost their ranks go
/// round the circle for ever.
pub(crate) fn ring(client: &mut Client, nodes: usize) -> Result<()> {
    let circle = (0..nodes).map(|n| node(format!("c{n}")));
    let others = (0..nodes).map(|n| node(format!("o{n}")));
    let round = (0..nodes).map(|n| edge(format!("c{n}"), format!("c{}", (n + 1) % nodes)));
    let inwards = (0..nodes).map(|n| edge(format!("o{n}"), "c0"));
    create(client, "ring", circle.chain(others).chain(round).chain(inwards))
}

/// The graph `two sides`, where every edge leads to the other side, and the graph `odd cycle`, which is nowhere in it: a
/// search has to go through billions of walks to find out.
pub(crate) fn two_sides(client: &mut Client) -> Result<()> {
    const SIDE: usize = 40;
    const CYCLE: usize = 11;
    let nodes = (0..SIDE).flat_map(|n| [node(format!("l{n}")), node(format!("r{n}"))]);
    let pairs = (0..SIDE * SIDE).map(|n| (format!("l{}", n / SIDE), format!("r{}", n % SIDE)));
    let edges = pairs.flat_map(|(left, right)| [edge(&left, &right), edge(right, left)]);
    create(client, "two sides", nodes.chain(edges))?;
    let nodes = (0..CYCLE).map(|n| node(format!("p{n}")));
    let edges = (0..CYCLE).map(|n| edge(format!("p{n}"), format!("p{}", (n + 1) % CYCLE)));
    create(client, "odd cycle", nodes.chain(edges))
}

/// The graph `vectors`: nodes with embeddings that lie anywhere.
pub(crate) fn vectors(client: &mut Client, nodes: usize, components: usize) -> Result<()> {
    let embedding = |n: usize| -> Value {
        let component = |c: usize| Value::from(((n * 31 + 7) * (c * 17 + 3) % 1009) as f64 - 504.0);
        (0..components).map(component).collect::<Vec<_>>().into()
    };
    create(client, "vectors", (0..nodes).map(|n| node(format!("n{n}"))))?;
    for part in (0..nodes).collect::<Vec<_>>().chunks(200) {
        for n in part {
            let fields = [("node_id", format!("n{n}").into()), ("embedding", embedding(*n))];
            client.send("vectors", "AddEmbedding", params(fields))?;
        }
        for _ in part {
            client.receive()?.outcome.map_err(anyhow::Error::msg)?;
        }
    }
    Ok(())
}

/// The graph `many`: two edges of each node lead anywhere.
pub(crate) fn many(client: &mut Client, nodes: usize) -> Result<()> {
    let far = |n: usize, by: usize| format!("n{}", (n * by + 1) % nodes);
    let edges = (0..nodes).flat_map(|n| [7919, 104_729].map(|by| edge(format!("n{n}"), far(n, by))));
    create(client, "many", (0..nodes).map(|n| node(format!("n{n}"))).chain(edges))
}

/// The graph `order`: each node is `before` thirty others, and through them before most.
pub(crate) fn order(client: &mut Client, nodes: usize) -> Result<()> {
    let before = |n: usize, m: usize| {
        let mut edge = edge(format!("n{n}"), format!("n{}", m % nodes));
        if let Value::Map(fields) = &mut edge {
            fields.push(("properties".into(), map([("type", "before".into())])));
        }
        edge
    };
    let edges = (0..nodes).flat_map(|n| (1..=30).map(move |by| before(n, n + by * by)));
    create(client, "order", (0..nodes).map(|n| node(format!("n{n}"))).chain(edges))
}

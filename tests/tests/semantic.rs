//! Embeddings through the wire: durable, checked, and found again.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{params, unpack};
use epistemic_tests::{Client, ServerProcess, Value, http, transfer};

fn floats(components: &[f64]) -> Value {
    components.iter().copied().map(Value::from).collect::<Vec<_>>().into()
}

fn embed(client: &mut Client, graph: &str, node: &str, components: Value) -> Result<String> {
    let fields = [("node_id", node.into()), ("embedding", components)];
    let answer = client.call(graph, "AddEmbedding", params(fields));
    Ok(answer.map_or_else(|error| error.to_string(), |answer| answer.to_string()))
}

fn search(client: &mut Client, graph: &str, query: &[f64], count: u64) -> Result<Vec<(String, f64)>> {
    let fields = [("query_embedding", floats(query)), ("n_results", count.into())];
    let answer = client.call(graph, "SemanticSearch", params(fields))?;
    let found = unpack(answer.as_slice().context("no bin")?)?;
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_f64()?));
    found.as_array().context("no array")?.iter().map(|found| pair(found).context("no pair")).collect()
}

fn similar(client: &mut Client, graph: &str, threshold: f64) -> Result<Value> {
    let answer = client.call(graph, "ComputeSimilarityEdges", params([("threshold", threshold.into())]))?;
    Ok(unpack(answer.as_slice().context("no bin")?)?)
}

fn ids(found: Vec<(String, f64)>) -> Vec<String> {
    found.into_iter().map(|(id, _)| id).collect()
}

/// A graph `g` with the embeddings of three nodes.
fn fill(client: &mut Client) -> Result<()> {
    client.create_graph("g")?;
    for (node, components) in [("a", [1.0, 0.0]), ("b", [3.0, 4.0]), ("c", [-2.0, 0.0])] {
        client.add_node("g", node, b"\x80")?;
        ensure!(embed(client, "g", node, floats(&components))? == "\"ok\"");
    }
    Ok(())
}

#[test]
fn acknowledged_embeddings_survive_a_kill_and_go_with_their_nodes() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    fill(&mut server.client()?)?;
    server.kill9()?;
    let server = server.builder().start()?;
    let mut client = server.client()?;
    let found = search(&mut client, "g", &[2.0, 0.0], 9)?;
    ensure!(found == [("a".into(), 1.0), ("b".into(), f64::from(0.6_f32)), ("c".into(), -1.0)], "{found:?}");
    client.call("g", "RemoveNode", params([("node_id", "a".into())]))?;
    client.add_node("g", "a", b"\x80")?;
    ensure!(ids(search(&mut client, "g", &[2.0, 0.0], 9)?) == ["b", "c"]);
    let lines = client.call("g", "GetLedger", None)?;
    ensure!(!lines.to_string().contains("VECTOR") && lines.as_array().map(Vec::len) == Some(5), "{lines}");

    let server = server.restart()?;
    let mut client = server.client()?;
    ensure!(ids(search(&mut client, "g", &[2.0, 0.0], 1)?) == ["b"]);
    embed(&mut client, "g", "a", floats(&[1.0, 2.0, 3.0]))?;

    let document = client.call("g", "ToMsgpack", None)?;
    client.create_graph("copy")?;
    client.call("copy", "FromMsgpack", params([("msgpack", document)]))?;
    let mut snapshot = Vec::new();
    transfer::export(&mut client, "g", &mut snapshot)?;
    transfer::import(&mut client, "restored", &snapshot[..])?;
    for graph in ["copy", "restored"] {
        ensure!(ids(search(&mut client, graph, &[-1.0, 0.0], 9)?) == ["c", "b"]);
        ensure!(ids(search(&mut client, graph, &[1.0, 2.0, 3.0], 9)?) == ["a"], "of any length");
    }
    client.call("g", "ClearGraph", None)?;
    ensure!(search(&mut client, "g", &[1.0], 9)?.is_empty());
    Ok(())
}

#[test]
fn bad_embeddings_are_refused() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    fill(&mut client)?;
    for (node, components, told) in [
        ("missing", floats(&[1.0, 1.0]), "Node 'missing' not found"),
        ("a", floats(&[]), "embedding of 'a' has no components"),
        ("a", floats(&[1.0, f64::NAN]), "embedding: component 1 is no finite float32 number"),
        ("a", floats(&[1e300, 1.0]), "embedding: component 0 is no finite float32 number"),
        ("a", floats(&vec![1.0; 65_537]), "at most 65536 components"),
        ("a", Value::Nil, "invalid type: unit value, expected a sequence"),
    ] {
        let answer = embed(&mut client, "g", node, components)?;
        ensure!(answer.contains(told), "{answer}");
    }
    let error = search(&mut client, "g", &[f64::NAN, 0.0], 9).err().context("no error")?;
    ensure!(
        error.to_string().contains("query_embedding: component 0 is no finite float32 number"),
        "{error}"
    );
    let error = similar(&mut client, "g", f64::NAN).err().context("no error")?;
    ensure!(error.to_string().contains("threshold"), "{error}");
    ensure!(ids(search(&mut client, "g", &[1.0, 0.0], 9)?) == ["a", "b", "c"], "nothing changed");
    for none in [&[][..], &[0.0], &[1.0]] {
        let none = search(&mut client, "g", none, 9)?;
        ensure!(none.is_empty());
    }
    Ok(())
}

/// The embedder was away and came back, then another model took over: nothing that was stored makes a later write or search
/// fail.
#[test]
fn a_search_compares_the_embeddings_of_its_length() -> Result<()> {
    for memory in ["1000000", "0"] {
        let server = ServerProcess::ours().metrics().arg("--vector-memory").arg(memory).start()?;
        let mut client = server.client()?;
        client.create_graph("g")?;
        for (node, components) in [
            ("outage", vec![0.0]),
            ("old", vec![1.0, 0.0]),
            ("both", vec![0.0, 1.0]),
            ("new", vec![0.0, 1.0, 0.0]),
            ("both", vec![0.0, 0.0, 2.0]),
        ] {
            client.add_node("g", node, b"\x80")?;
            ensure!(embed(&mut client, "g", node, floats(&components))? == "\"ok\"", "{node}");
        }
        ensure!(ids(search(&mut client, "g", &[1.0, 0.0], 9)?) == ["old"]);
        ensure!(ids(search(&mut client, "g", &[0.0, 0.0, 1.0], 9)?) == ["both", "new"]);
        ensure!(search(&mut client, "g", &[1.0; 4], 9)?.is_empty());
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        let passed_over = http::series(&page, "epistemic_graph_vectors_passed_over_total");
        ensure!(passed_over.is_some_and(|passed_over| passed_over >= 6.0), "{page}");

        let server = server.restart()?;
        ensure!(ids(search(&mut server.client()?, "g", &[0.0, 0.0, 1.0], 9)?) == ["both", "new"]);
    }
    Ok(())
}

#[test]
fn without_memory_for_embeddings_searches_read_storage() -> Result<()> {
    let [roomy, tight] = [["--vector-memory", "1000000"], ["--vector-memory", "0"]];
    let mut answers = Vec::new();
    for [flag, bytes] in [roomy, tight] {
        let server = ServerProcess::ours().in_memory().metrics().arg(flag).arg(bytes).start()?;
        let mut client = server.client()?;
        fill(&mut client)?;
        answers.push(search(&mut client, "g", &[0.3, 0.9], 2)?);
        let metrics = http::get(server.metrics_addr(), "/metrics")?.body;
        ensure!(metrics.contains("epistemic_graph_vector_bytes 0\n") == (bytes == "0"), "{metrics}");
        if bytes == "0" {
            let error = similar(&mut client, "g", 0.5).err().context("no error")?;
            ensure!(error.to_string().contains("VECTORS_TOO_LARGE"), "{error}");
        } else {
            let pairs = similar(&mut client, "g", 0.6)?.to_string();
            ensure!(pairs.starts_with("[[\"a\", \"b\", 0.6") && pairs.matches('[').count() == 2, "{pairs}");
            ensure!(similar(&mut client, "g", -1.0)?.as_array().map(Vec::len) == Some(3));
        }
    }
    ensure!(answers[0] == answers[1] && answers[0].len() == 2, "{answers:?}");
    Ok(())
}

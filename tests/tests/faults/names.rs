//! Graphs are known by their exact names and nothing comes back: faults 4, 5, 23 and 24.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value};

use super::{goes_red, graph_names, node_ids};

const SIMILAR: [&str; 6] = ["t:a", "t/a", "t_a", "t a", "T:A", "t:a "];

fn delete_graph(client: &mut Client, name: &str) -> Result<()> {
    client.call(name, "DeleteGraph", params([("graph_name", name.into())]))?;
    Ok(())
}

fn checkpoint(client: &mut Client) -> Result<()> {
    client.call("__commons__", "Checkpoint", None).context("Checkpoint")?;
    Ok(())
}

fn similar_names_stay_apart(server: ServerBuilder) -> Result<()> {
    let mut server = server.start()?;
    let mut client = server.client()?;
    for name in SIMILAR {
        client.create_graph(name)?;
        client.add_node(name, &format!("only in {name}"), b"\x80")?;
    }
    for after in ["a kill", "a checkpoint and a kill"] {
        server = server.restart()?;
        let mut client = server.client()?;
        for name in SIMILAR {
            let ids = node_ids(&mut client, name).with_context(|| format!("{name} after {after}"))?;
            ensure!(ids == [format!("only in {name}")], "after {after} {name:?} holds other nodes: {ids:?}");
        }
        checkpoint(&mut client)?;
    }
    Ok(())
}

#[test]
fn fault_04_similar_names_stay_apart_after_a_restart() -> Result<()> {
    similar_names_stay_apart(ServerProcess::ours())
}

#[test]
fn fault_04_is_found_in_reference_2_0() -> Result<()> {
    goes_red(similar_names_stay_apart(ServerProcess::reference("2.0.0")), "after a kill")
}

fn deleted_nodes_stay_deleted(server: ServerBuilder) -> Result<()> {
    let mut server = server.start()?;
    for checkpointed in [false, true] {
        let mut client = server.client()?;
        client.create_graph("g")?;
        client.add_node("g", "old", b"\x80")?;
        if checkpointed {
            checkpoint(&mut client)?;
        }
        delete_graph(&mut client, "g")?;
        client.create_graph("g")?;
        client.add_node("g", "new", b"\x80")?;
        server = server.restart()?;
        let mut client = server.client()?;
        let anew = format!("the graph was created anew, with a checkpoint before: {checkpointed}");
        // The reference also loses the new one now and then.
        let ids = node_ids(&mut client, "g").with_context(|| anew.clone())?;
        ensure!(ids == ["new"], "{anew}; it holds {ids:?}");
        delete_graph(&mut client, "g")?;
    }
    let names = graph_names(&mut server.restart()?.client()?)?;
    ensure!(names == ["__commons__"], "a deleted graph is back: {names:?}");
    Ok(())
}

#[test]
fn fault_05_deleted_nodes_do_not_return_to_a_new_graph() -> Result<()> {
    deleted_nodes_stay_deleted(ServerProcess::ours())
}

#[test]
fn fault_05_is_found_in_reference_0_28() -> Result<()> {
    goes_red(deleted_nodes_stay_deleted(ServerProcess::reference("0.28.0")), "created anew")
}

fn odd_names_do_no_harm(server: ServerBuilder) -> Result<()> {
    let mut names: Vec<String> =
        [".", "..", "../..", "/", "a/../b", "🦀", "\u{0}", "con\n", "manifest.json", "e\u{301}", "é"]
            .map(str::to_owned)
            .into();
    names.extend([256, 4096].map(|length| "x".repeat(length)));
    let server = server.start()?;
    let mut client = server.client()?;
    for name in &names {
        client.create_graph(name)?;
        client.add_node(name, name, b"\x80")?;
    }
    checkpoint(&mut client)?;
    client.add_node(".", "later", b"\x80")?;
    let server = server.restart()?;
    let mut client = server.client()?;
    checkpoint(&mut client)?;
    let mut expected = names.clone();
    expected.push("__commons__".into());
    expected.sort();
    ensure!(graph_names(&mut client)? == expected, "other names: {:?}", graph_names(&mut client)?);
    for name in &names {
        let ids = node_ids(&mut client, name)?;
        ensure!(ids.contains(name), "{name:?} holds {ids:?}");
    }
    Ok(())
}

#[test]
fn fault_23_names_are_never_file_names() -> Result<()> {
    odd_names_do_no_harm(ServerProcess::ours())
}

#[test]
fn fault_23_is_found_in_reference_0_31() -> Result<()> {
    goes_red(odd_names_do_no_harm(ServerProcess::reference("0.31.0")), "Checkpoint")
}

fn removed_parallel_edges_leave_nothing(server: ServerBuilder) -> Result<()> {
    let mut server = server.start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for node in ["a", "b", "c"] {
        client.add_node("g", node, b"\x80")?;
    }
    for (source, target) in [("a", "b"), ("a", "b"), ("a", "b"), ("b", "a"), ("a", "c"), ("c", "b")] {
        client.add_edge("g", source, target, b"\x80")?;
    }
    let ends = || params([("source_id", "a".into()), ("target_id", "b".into())]);
    client.call("g", "RemoveEdge", ends())?;
    for _ in 0..2 {
        let mut client = server.client()?;
        let node = |id: &str| params([("node_id", id.into())]);
        let list = |ids: &[&str]| Value::Array(ids.iter().map(|id| Value::from(*id)).collect());
        let expected = [
            ("EdgeCount", None, Value::from(3)),
            ("HasEdge", ends(), false.into()),
            ("GetEdgeProperties", ends(), list(&[])),
            ("OutDegree", node("a"), 1.into()),
            ("InDegree", node("b"), 1.into()),
            ("GetSuccessors", node("a"), list(&["c"])),
            ("GetPredecessors", node("b"), list(&["c"])),
        ];
        for (method, params, answer) in expected {
            let found = client.call("g", method, params)?;
            ensure!(found == answer, "{method}: {found} instead of {answer}");
        }
        server = server.restart()?;
    }
    Ok(())
}

#[test]
fn fault_24_removed_parallel_edges_leave_no_ghosts() -> Result<()> {
    removed_parallel_edges_leave_nothing(ServerProcess::ours())
}

#[test]
fn fault_24_is_found_in_reference_0_31() -> Result<()> {
    goes_red(removed_parallel_edges_leave_nothing(ServerProcess::reference("0.31.0")), "instead of")
}

//! The contract recordings `shared/vectors/*.json`, replayed against our server.
//!
//! Every recording is listed here: either it passes, or it needs an operation that is not served yet. A new recording,
//! a forgotten one and one whose operation has come meanwhile all fail the test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use epistemic_tests::server::ServerBuilder;
use epistemic_tests::{Client, ServerProcess, python, shared};
use serde_json::Value;

/// Recordings that pass.
const PASSING: [&str; 37] = [
    "authentication",
    "batch_update",
    "batch_update_bad_payload",
    "batch_update_partial",
    "channel_group",
    "channel_last_leaves",
    "channel_peer",
    "clear_graph",
    "default_graph",
    "document_export",
    "document_import",
    "document_import_errors",
    "edge_add_get",
    "edge_missing_endpoint",
    "edge_parallel",
    "edge_properties_batch",
    "edge_undecodable_properties",
    "envelope",
    "graph_admin",
    "ledger",
    "metrics_op",
    "neighbourhood",
    "node_add_get",
    "node_batch_reads",
    "node_ids",
    "node_json_view",
    "node_properties_opaque",
    "node_readd_replaces",
    "node_remove_cascades",
    "nodes_by_label",
    "property_encodings",
    "semantic_search",
    "semantic_search_only_zero",
    "service",
    "subgraph",
    "triples",
    "unknown_method",
];

/// Recordings for later, each with the first operation of it that is not served.
const LATER: [(&str, &str); 29] = [
    ("betweenness", "BetweennessCentrality"),
    ("blast_radius", "GetBlastRadius"),
    ("communities", "CommunityDetection"),
    ("components", "ConnectedComponents"),
    ("context_view", "GetContextView"),
    ("decay_prune", "DecaySweep"),
    ("decay_sweep", "DecaySweep"),
    ("degree_centrality", "DegreeCentrality"),
    ("diff", "DiffAgainst"),
    ("edge_self_loop", "DegreeCentralityAll"),
    ("empty_graph", "TopologicalSort"),
    ("evict", "EvictLRU"),
    ("find_cycle", "FindCycle"),
    ("graph_colouring", "GraphColoring"),
    ("ledger_apply", "ApplyLedger"),
    ("missing_graph", "PageRank"),
    ("multisig_threshold", "ApplyMultisigMutation"),
    ("node_missing_reads", "DegreeCentrality"),
    ("pagerank", "PageRank"),
    ("param_errors", "GetBlastRadius"),
    ("personalized_pagerank", "PersonalizedPageRank"),
    ("reconcile", "Reconcile"),
    ("shortest_path", "GetShortestPath"),
    ("spanning_tree", "MinimumSpanningTree"),
    ("topological_sort", "TopologicalSort"),
    ("touch_nodes", "TouchNodes"),
    ("unit_params", "DecaySweep"),
    ("vf2_properties", "Vf2SubgraphMatch"),
    ("vf2_structure", "Vf2SubgraphMatch"),
];

/// Steps, counted from 0, whose recorded answer is an accident that we do not repeat. They are sent, and not compared.
const EXCEPTIONS: [(&str, usize, &str); 1] =
    [("semantic_search", 20, "a missing node gets no embedding: `Node 'i' not found`")];

/// How the server says that it knows a method and does not serve it.
const ABSENT: [&str; 3] = [
    "Method not available in this server build",
    "AST feature not enabled",
    "is deprecated. Use datascience primitives.",
];

/// The recordings by name: the methods of their steps in order, without steps whose answer is not compared.
fn recordings() -> Result<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(shared::folder()?.join("vectors"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let steps: Vec<Value> = serde_json::from_slice(&fs_err::read(&path)?)?;
        let compared = steps.iter().filter(|step| step["compare"] != "any");
        let methods = compared.filter_map(|step| step["method"].as_str());
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("file name")?;
        found.insert(name.to_owned(), methods.map(str::to_owned).collect());
    }
    Ok(found)
}

/// Whether the server knows `method` and does not serve it. Asked about a graph that is not there, so nothing happens.
fn is_absent(client: &mut Client, method: &str) -> Result<bool> {
    client.send("no such graph", method, None)?;
    let outcome = client.receive()?.outcome;
    Ok(outcome.is_err_and(|text| ABSENT.iter().any(|absent| text.contains(absent))))
}

#[test]
fn every_recording_is_listed_and_the_rest_lacks_an_operation() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    let mut expected: BTreeMap<String, Option<&str>> = BTreeMap::new();
    expected.extend(PASSING.map(|name| (name.to_owned(), None)));
    expected.extend(LATER.map(|(name, method)| (name.to_owned(), Some(method))));
    assert_eq!(expected.len(), PASSING.len() + LATER.len(), "a recording is listed twice");

    let mut found = BTreeMap::new();
    let recordings = recordings()?;
    for (name, methods) in &recordings {
        let mut first = None;
        for method in methods {
            if is_absent(&mut client, method)? {
                first = Some(method.as_str());
                break;
            }
        }
        found.insert(name.clone(), first);
    }
    assert_eq!(found, expected, "recordings and the first operation that each lacks");
    Ok(())
}

/// A recording; a copy of it in `scratch` when it has exceptions.
fn without_exceptions(name: &str, scratch: &Path) -> Result<PathBuf> {
    let file = shared::folder()?.join("vectors").join(format!("{name}.json"));
    let exceptions: Vec<_> = EXCEPTIONS.iter().filter(|(recording, ..)| *recording == name).collect();
    if exceptions.is_empty() {
        return Ok(file);
    }
    let mut steps: Vec<Value> = serde_json::from_slice(&fs_err::read(&file)?)?;
    for (_, index, reason) in exceptions {
        let step = steps.get_mut(*index).with_context(|| format!("{name} has no step {index}: {reason}"))?;
        step["compare"] = "any".into();
    }
    let copy = scratch.join(format!("{name}.json"));
    fs_err::write(&copy, serde_json::to_vec(&steps)?)?;
    Ok(copy)
}

fn replay(builder: ServerBuilder) -> Result<()> {
    let server = builder.tcp().start()?;
    for address in [server.socket().display().to_string(), server.tcp_addr().to_string()] {
        replay_at(&address, server.secret(), &PASSING)?;
    }
    Ok(())
}

fn replay_at(address: &str, secret: &str, names: &[&str]) -> Result<()> {
    let script = fs_err::read_to_string(shared::folder()?.join("replay.py"))?;
    let scratch = tempfile::tempdir()?;
    let files = names
        .iter()
        .map(|name| Ok(without_exceptions(name, scratch.path())?.display().to_string()))
        .collect::<Result<Vec<_>>>()?;
    let mut args = vec![address, secret];
    args.extend(files.iter().map(String::as_str));
    let story = python::check("0.31.0", &script, &args)?;
    let clean = format!("{0} of {0} scenarios clean", names.len());
    ensure!(story.contains(&clean) && story.contains(" 0 failed"), "{address}: {story}");
    Ok(())
}

#[test]
fn recordings_pass_on_memory() -> Result<()> {
    replay(ServerProcess::ours().in_memory())
}

#[test]
fn recordings_pass_on_a_persist_dir() -> Result<()> {
    replay(ServerProcess::ours())
}

/// It turns access control on, so it gets a server of its own; that one needs to be told its first System identity.
#[test]
fn the_recording_of_access_control_passes() -> Result<()> {
    for server in [ServerProcess::ours(), ServerProcess::ours().in_memory()] {
        let server = server.arg("--system-agent").arg("s1").start()?;
        let address = server.socket().display().to_string();
        replay_at(&address, server.secret(), &["acl/access_control"])?;
    }
    Ok(())
}

/// The replayer can fail: the oldest reference lacks one operation of a recording that passes on ours.
#[test]
fn the_replay_can_fail() -> Result<()> {
    let server = ServerProcess::reference("0.28.0").start()?;
    let script = fs_err::read_to_string(shared::folder()?.join("replay.py"))?;
    let file = shared::folder()?.join("vectors/nodes_by_label.json").display().to_string();
    let socket = server.socket().display().to_string();
    let output = python::run("0.31.0", &script, &[&socket, server.secret(), &file])?;
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    Ok(())
}

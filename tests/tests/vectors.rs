//! The contract recordings `shared/vectors/*.json`, replayed against our server.
//!
//! Every recording passes, but for the steps listed as exceptions. A new recording, a forgotten one and an exception that
//! is none any more all fail the test.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use epistemic_tests::server::ServerBuilder;
use epistemic_tests::{ServerProcess, python, shared};

/// Recordings that pass.
const PASSING: [&str; 66] = [
    "authentication",
    "batch_update",
    "batch_update_bad_payload",
    "batch_update_partial",
    "betweenness",
    "blast_radius",
    "channel_group",
    "channel_last_leaves",
    "channel_peer",
    "clear_graph",
    "communities",
    "components",
    "context_view",
    "decay_prune",
    "decay_sweep",
    "default_graph",
    "degree_centrality",
    "diff",
    "document_export",
    "document_import",
    "document_import_errors",
    "edge_add_get",
    "edge_missing_endpoint",
    "edge_parallel",
    "edge_properties_batch",
    "edge_self_loop",
    "edge_undecodable_properties",
    "empty_graph",
    "envelope",
    "evict",
    "find_cycle",
    "graph_admin",
    "graph_colouring",
    "ledger",
    "ledger_apply",
    "metrics_op",
    "missing_graph",
    "multisig_threshold",
    "neighbourhood",
    "node_add_get",
    "node_batch_reads",
    "node_ids",
    "node_json_view",
    "node_missing_reads",
    "node_properties_opaque",
    "node_readd_replaces",
    "node_remove_cascades",
    "nodes_by_label",
    "pagerank",
    "param_errors",
    "personalized_pagerank",
    "property_encodings",
    "reconcile",
    "semantic_search",
    "semantic_search_only_zero",
    "service",
    "shortest_path",
    "spanning_tree",
    "subgraph",
    "topological_sort",
    "touch_nodes",
    "triples",
    "unit_params",
    "unknown_method",
    "vf2_properties",
    "vf2_structure",
];

/// Steps that assert what is better here on purpose: recording, number of the step as the replayer prints it,
/// reason.
const EXCEPTIONS: [(&str, usize, &str); 2] = [
    (
        "param_errors",
        38,
        "Reconcile takes the json_str of the published client, and refuses a graph_name that is not the request's graph",
    ),
    ("semantic_search", 21, "a missing node gets no embedding: `Node 'i' not found`"),
];

/// The names of all recordings.
fn recordings() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs_err::read_dir(shared::folder()?.join("vectors"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            found.insert(path.file_stem().and_then(|stem| stem.to_str()).context("file name")?.to_owned());
        }
    }
    Ok(found)
}

/// Replays recordings: the steps that failed, and what the replayer wrote.
fn replay(address: &str, secret: &str, names: &[&str]) -> Result<(BTreeSet<(String, usize)>, String)> {
    let script = fs_err::read_to_string(shared::folder()?.join("replay.py"))?;
    let folder = shared::folder()?.join("vectors");
    let files: Vec<String> =
        names.iter().map(|name| folder.join(format!("{name}.json")).display().to_string()).collect();
    let args: Vec<&str> = [address, secret].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = python::run("0.31.0", &script, &args)?;
    ensure!(output.stdout.contains(" scenarios clean"), "{}{}", output.stdout, output.stderr);
    let failure = |line: &str| {
        let (name, rest) = line.strip_prefix("FAIL ")?.split_once(".json step ")?;
        Some((name.to_owned(), rest.split(' ').next()?.parse().ok()?))
    };
    let lines = output.stdout.lines().filter(|line| line.starts_with("FAIL"));
    let failed =
        lines.map(|line| failure(line).with_context(|| line.to_owned())).collect::<Result<BTreeSet<_>>>()?;
    ensure!(failed.is_empty() == (output.code == Some(0)), "exit {:?}: {}", output.code, output.stdout);
    Ok((failed, output.stdout))
}

#[test]
fn every_recording_is_listed() -> Result<()> {
    assert_eq!(PASSING.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), recordings()?);
    Ok(())
}

fn recordings_pass(builder: ServerBuilder) -> Result<()> {
    let server = builder.tcp().start()?;
    let expected = EXCEPTIONS.map(|(name, step, _)| (name.to_owned(), step)).into();
    for address in [server.socket().display().to_string(), server.tcp_addr().to_string()] {
        let (failed, story) = replay(&address, server.secret(), &PASSING)?;
        ensure!(failed == expected, "{address}: {story}");
    }
    Ok(())
}

#[test]
fn recordings_pass_on_memory() -> Result<()> {
    recordings_pass(ServerProcess::ours().in_memory())
}

#[test]
fn recordings_pass_on_a_persist_dir() -> Result<()> {
    recordings_pass(ServerProcess::ours())
}

/// It turns access control on, so it gets a server of its own; that one needs to be told its first System identity.
#[test]
fn the_recording_of_access_control_passes() -> Result<()> {
    for server in [ServerProcess::ours(), ServerProcess::ours().in_memory()] {
        let server = server.arg("--system-agent").arg("s1").start()?;
        let address = server.socket().display().to_string();
        let (failed, story) = replay(&address, server.secret(), &["acl/access_control"])?;
        ensure!(failed.is_empty(), "{story}");
    }
    Ok(())
}

/// The replayer can fail: the oldest reference lacks one operation of a recording that passes on ours.
#[test]
fn the_replay_can_fail() -> Result<()> {
    let server = ServerProcess::reference("0.28.0").start()?;
    let address = server.socket().display().to_string();
    let (failed, story) = replay(&address, server.secret(), &["nodes_by_label"])?;
    assert!(!failed.is_empty(), "{story}");
    Ok(())
}

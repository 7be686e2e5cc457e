//! The contract recordings `shared/vectors/*.json`, replayed against our server.
//!
//! Every recording is listed here: either it passes, but for the steps listed as exceptions, or it needs an operation
//! that is not served yet. A new recording, a forgotten one, one that passes meanwhile and an exception that is none any
//! more all fail the test.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use epistemic_tests::server::ServerBuilder;
use epistemic_tests::{ServerProcess, python, shared};

/// Recordings that pass.
const PASSING: [&str; 56] = [
    "authentication",
    "batch_update",
    "batch_update_bad_payload",
    "batch_update_partial",
    "betweenness",
    "blast_radius",
    "communities",
    "components",
    "context_view",
    "decay_prune",
    "decay_sweep",
    "default_graph",
    "degree_centrality",
    "diff",
    "document_import_errors",
    "edge_add_get",
    "edge_missing_endpoint",
    "edge_parallel",
    "edge_properties_batch",
    "edge_self_loop",
    "edge_undecodable_properties",
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
    "personalized_pagerank",
    "property_encodings",
    "reconcile",
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

/// Steps that assert what is better here on purpose: recording, number of the step, reason.
const EXCEPTIONS: [(&str, usize, &str); 1] = [(
    "param_errors",
    38,
    "Reconcile takes the json_str of the published client, and refuses a graph_name that is not the request's graph",
)];

/// Recordings for later, each with what it waits for.
const LATER: [(&str, &str); 10] = [
    ("channel_group", "channels"),
    ("channel_last_leaves", "channels"),
    ("channel_peer", "channels"),
    ("clear_graph", "embeddings"),
    ("document_export", "embeddings"),
    ("document_import", "embeddings"),
    ("empty_graph", "embeddings"),
    ("param_errors", "embeddings"),
    ("semantic_search", "embeddings"),
    ("semantic_search_only_zero", "embeddings"),
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
    let listed = || PASSING.into_iter().chain(LATER.map(|(name, _)| name));
    assert_eq!(listed().map(str::to_owned).collect::<BTreeSet<_>>(), recordings()?);
    assert_eq!(
        listed().collect::<BTreeSet<_>>().len(),
        PASSING.len() + LATER.len(),
        "a recording is listed twice"
    );
    Ok(())
}

#[test]
fn recordings_for_later_do_not_pass_yet() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    for (name, waits_for) in LATER {
        let (failed, _) = replay(&server.socket().display().to_string(), server.secret(), &[name])?;
        ensure!(!failed.is_empty(), "{name} waits for {waits_for}, and passes: list it as passing");
    }
    Ok(())
}

fn recordings_pass(builder: ServerBuilder) -> Result<()> {
    let server = builder.tcp().start()?;
    let exceptions = EXCEPTIONS.iter().filter(|(name, ..)| PASSING.contains(name));
    let expected: BTreeSet<_> = exceptions.map(|&(name, step, _)| (name.to_owned(), step)).collect();
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

/// The replayer can fail: the oldest reference lacks one operation of a recording that passes on ours.
#[test]
fn the_replay_can_fail() -> Result<()> {
    let server = ServerProcess::reference("0.28.0").start()?;
    let address = server.socket().display().to_string();
    let (failed, story) = replay(&address, server.secret(), &["nodes_by_label"])?;
    assert!(!failed.is_empty(), "{story}");
    Ok(())
}

//! Clients of the reference at a shard that a graph has left: an error that names the new owner, never an empty graph.

use anyhow::{Result, ensure};
use epistemic_tests::binaries::REFERENCE_VERSIONS;
use epistemic_tests::python;

use crate::mover::Mover;
use crate::{NODES, Pair};

const GRAPH: &str = "tenant__acme__notes";

#[test]
fn python_clients_with_the_old_list_are_told_the_new_owner() -> Result<()> {
    let pair = Pair::start()?;
    pair.prepare(GRAPH, NODES)?;
    let places = pair.places();
    Mover::new(&pair.work, GRAPH, &places, "journal").finish()?;
    let [old, new] = places;
    for version in REFERENCE_VERSIONS {
        python::judge(version, "moved_graph.py", &[&old.name, &new.name, GRAPH], pair.source.secret())?;
        pair.served_by_destination(GRAPH)?;
    }
    let names = pair.source.client()?.call("", "ListGraphs", None)?;
    ensure!(!names.to_string().contains(GRAPH), "{names}");
    Ok(())
}

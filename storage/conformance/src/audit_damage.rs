//! Each kind of damage of a graph, one at a time.

use epistemic_storage::{GraphStore, Space, audit::FindingKind, graph::GraphError, keys};

use super::audit::{check, put_state};
use super::fixture::typed;

/// The sequence number of the first edge of the sample; its node has the number before.
const EDGE: u64 = 3;

pub(super) fn damage(graphs: &GraphStore) -> Result<(), GraphError> {
    use FindingKind::*;
    check(
        graphs,
        "an edge is not found from its target",
        |batch, graph| batch.delete(Space::InEdges, keys::edge(graph.id(), "", "", EDGE)),
        &[(MissingInEdge, 1)],
        &[],
    )?;
    check(
        graphs,
        "an edge that is not there is found from its target",
        |batch, graph| batch.put(Space::InEdges, keys::edge(graph.id(), "a", "b", EDGE), b""),
        &[(StaleInEdge, 1)],
        &[],
    )?;
    check(
        graphs,
        "all that is derived is gone",
        |batch, graph| {
            let range = keys::graph(graph.id());
            let end = range.end.expect("small ids");
            batch.delete_range(Space::InEdges, &range.start, &end);
            batch.delete_range(Space::Labels, &range.start, &end);
            batch.delete(Space::Catalog, keys::state(graph.id()));
        },
        &[(MissingInEdge, 9), (MissingLabel, 4), (MissingState, 1)],
        &[],
    )?;
    check(
        graphs,
        "foreign keys among the derived records",
        |batch, graph| {
            for space in [Space::InEdges, Space::Labels] {
                batch.put(space, keys::node(graph.id(), "no key"), b"");
            }
            batch.put(Space::Labels, keys::label(graph.id(), "L", 9), b"\xff");
        },
        &[(BadRecord, 3)],
        &[],
    )?;
    check(
        graphs,
        "a label is not in the index",
        |batch, graph| batch.delete(Space::Labels, keys::label(graph.id(), "L", EDGE - 1)),
        &[(MissingLabel, 1)],
        &[],
    )?;
    check(
        graphs,
        "a label that no node carries",
        |batch, graph| {
            batch.put(Space::Labels, keys::label(graph.id(), "M", EDGE - 1), b"");
            batch.put(Space::Labels, keys::label(graph.id(), "L", 99), b"gone");
        },
        &[(StaleLabel, 2)],
        &[],
    )?;
    check(
        graphs,
        "a label of another node",
        |batch, graph| batch.put(Space::Labels, keys::label(graph.id(), "L", EDGE - 1), b"a"),
        &[(MissingLabel, 1), (StaleLabel, 1)],
        &[],
    )?;
    check(
        graphs,
        "counters",
        |batch, graph| {
            put_state(batch, graph, |state| {
                state.nodes += 1;
                state.edges -= 1;
                state.sequence -= 1;
                state.ledger_lines = u64::MAX;
                state.vectors = 0;
                state.components = 3;
            });
        },
        &[(Counters, 1)],
        &[],
    )?;
    check(
        graphs,
        "counters of unknown form",
        |batch, graph| batch.put(Space::Catalog, keys::state(graph.id()), b"short"),
        &[(BadRecord, 1)],
        &[],
    )?;
    check(
        graphs,
        "ledger records are gone",
        |batch, graph| batch.delete(Space::Ledger, keys::ledger(graph.id(), 1)),
        &[(LedgerGap, 1)],
        &[],
    )?;
    check(
        graphs,
        "the newest ledger record is gone",
        |batch, graph| batch.delete(Space::Ledger, keys::ledger(graph.id(), graph.counters().sequence)),
        &[(LedgerGap, 1), (Counters, 1)],
        &[],
    )?;
    check(
        graphs,
        "a ledger record that is none",
        |batch, graph| {
            batch.put(Space::Ledger, keys::ledger(graph.id(), 2), b"\x63");
            batch.put(Space::Ledger, keys::node(graph.id(), "no key"), b"");
        },
        &[(BadRecord, 2), (LedgerGap, 1), (Counters, 1)],
        &[(BadRecord, 2)],
    )?;
    check(
        graphs,
        "a node is gone",
        |batch, graph| batch.delete(Space::Nodes, keys::node(graph.id(), "b")),
        &[(MissingEnd, 3), (StaleLabel, 1), (VectorWithoutNode, 1), (Counters, 1)],
        &[(MissingEnd, 3), (VectorWithoutNode, 1)],
    )?;
    check(
        graphs,
        "an edge to a missing node that is not found from there",
        |batch, graph| batch.put(Space::OutEdges, keys::edge(graph.id(), "a", "x", EDGE), b""),
        &[(MissingEnd, 1), (MissingInEdge, 1), (Counters, 1)],
        &[(MissingEnd, 1)],
    )?;
    check(
        graphs,
        "nodes, edges and embeddings that are none",
        |batch, graph| {
            batch.put(Space::Nodes, keys::node(graph.id(), "plain"), b"short");
            batch.put(Space::OutEdges, keys::node(graph.id(), "no key"), b"");
            batch.put(Space::Vectors, [&keys::node(graph.id(), "")[..], b"\xff"].concat(), b"");
        },
        &[(BadRecord, 3), (Counters, 1)],
        &[(BadRecord, 3)],
    )?;
    check(
        graphs,
        "two nodes with one sequence number",
        |batch, graph| {
            let value = [&(EDGE - 1).to_be_bytes()[..], &typed("L")].concat();
            batch.put(Space::Nodes, keys::node(graph.id(), "twin"), value);
        },
        &[(RepeatedSequence, 1), (MissingLabel, 1), (Counters, 1)],
        &[(RepeatedSequence, 1), (MissingLabel, 1)],
    )?;
    check(
        graphs,
        "an embedding without whole components",
        |batch, graph| batch.put(Space::Vectors, keys::node(graph.id(), "a"), [0; 7]),
        &[(VectorLength, 1), (Counters, 1)],
        &[(VectorLength, 1)],
    )
}

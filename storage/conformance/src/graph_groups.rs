//! Groups of mutations.

use epistemic_storage::{
    Durability, GraphStore, Mutation,
    graph::{GraphError, GraphType, Op, Outcome, Write},
};

use super::fixture::{add_edge, add_node, counts, create, remove_edge, remove_node, typed};

type Results = Vec<Result<Outcome, GraphError>>;

fn group(graphs: &GraphStore, writes: Vec<(&str, Op)>) -> Results {
    let writes: Vec<Write> =
        writes.into_iter().map(|(graph, op)| Write { graph: graph.into(), op }).collect();
    graphs.commit(&writes, Durability::Sync)
}

fn new_graph() -> Op {
    Op::Create { kind: GraphType::Agent, owner: None, tenant: None }
}

pub(super) fn refusals(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let results = group(
        graphs,
        vec![
            ("g", add_node("a", b"")),
            ("missing", add_node("a", b"")),
            ("g", add_edge("a", "missing", b"")),
            ("g", new_graph()),
            ("g", add_node("b", b"")),
            ("__commons__", Op::Delete),
            ("g", add_edge("a", "b", b"")),
        ],
    );
    let expected = [
        Ok(Outcome::Done),
        Err(GraphError::GraphNotFound("missing".into())),
        Err(GraphError::TargetNotFound("missing".into())),
        Err(GraphError::GraphExists("g".into())),
        Ok(Outcome::Done),
        Err(GraphError::CannotDeleteCommons),
        Ok(Outcome::Done),
    ];
    assert_eq!(results, expected);
    assert_eq!(counts(graphs, "g")?, (2, 1));
    let graph = graphs.graph("g")?;
    let (before, sequence) = (graph.counters(), graphs.store().stats()?.sequence);
    assert_eq!(before.sequence, 4, "refused mutations take no number");
    let results = group(graphs, vec![("missing", Op::Delete), ("g", add_edge("a", "missing", b""))]);
    assert!(results.iter().all(Result::is_err));
    assert_eq!((graph.counters(), graphs.store().stats()?.sequence), (before, sequence), "nothing to commit");
    assert!(group(graphs, Vec::new()).is_empty());
    Ok(())
}

pub(super) fn read_your_writes(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let before = [add_node("old", &typed("L")), add_node("other", b""), add_edge("old", "other", b"")];
    assert!(group(graphs, before.into_iter().map(|op| ("g", op)).collect()).iter().all(Result::is_ok));
    let results = group(
        graphs,
        vec![
            ("g", add_node("new", &typed("L"))),
            ("g", add_edge("new", "old", b"1")),
            ("g", add_edge("old", "new", b"2")),
            ("g", add_edge("old", "new", b"3")),
            ("g", remove_edge("old", "other")),
            ("g", remove_edge("old", "other")),
            ("g", remove_node("other")),
            ("g", add_edge("old", "other", b"")),
            ("g", remove_edge("old", "new")),
            ("g", add_edge("old", "new", b"4")),
            ("g", remove_node("new")),
            ("g", add_node("new", &typed("M"))),
            ("g", add_edge("new", "new", b"5")),
        ],
    );
    let refused: Vec<_> = results
        .iter()
        .enumerate()
        .filter_map(|(index, result)| Some((index, result.clone().err()?)))
        .collect();
    assert_eq!(refused, [(7, GraphError::TargetNotFound("other".into()))]);
    assert_eq!(counts(graphs, "g")?, (2, 1));
    let graph = graphs.graph("g")?;
    let reader = graphs.latest(&graph);
    assert_eq!((reader.successors("new")?, reader.out_degree("old")?), (vec!["new".to_owned()], 0));
    assert_eq!((reader.by_label("L", 0)?.len(), reader.by_label("M", 0)?.len()), (1, 1));
    Ok(())
}

pub(super) fn batch_reports(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "g")?;
    let items = vec![
        Ok(Mutation::AddNode { id: "a".into(), properties: typed("L") }),
        Err("no idea".into()),
        Ok(Mutation::AddEdge { source: "a".into(), target: "b".into(), properties: Vec::new() }),
        Ok(Mutation::AddNode { id: "b".into(), properties: Vec::new() }),
        Ok(Mutation::AddEdge { source: "a".into(), target: "b".into(), properties: Vec::new() }),
        Ok(Mutation::RemoveEdge { source: "x".into(), target: "y".into() }),
        Ok(Mutation::RemoveNode { id: "x".into() }),
        Ok(Mutation::AddNode { id: "a".into(), properties: Vec::new() }),
    ];
    let Outcome::Batch(report) = graphs.write("g", Op::Batch(items))? else {
        panic!("a batch answers with a report");
    };
    assert_eq!((report.added_nodes, report.added_edges), (3, 1));
    assert_eq!((report.removed_nodes, report.removed_edges), (1, 1));
    assert_eq!(report.errors, ["op[1]: no idea", "op[2]: Target node 'b' not found"]);
    assert_eq!(counts(graphs, "g")?, (2, 1));
    let graph = graphs.graph("g")?;
    assert!(graphs.latest(&graph).by_label("L", 0)?.is_empty());
    assert_eq!(graphs.latest(&graph).ledger_lines()?.len(), 4);
    Ok(())
}

pub(super) fn many_graphs(graphs: &GraphStore) -> Result<(), GraphError> {
    create(graphs, "old")?;
    let results = group(
        graphs,
        vec![
            ("old", add_node("a", b"")),
            ("new", new_graph()),
            ("new", add_node("a", b"1")),
            ("old", Op::Delete),
            ("old", add_node("b", b"")),
            ("old", new_graph()),
            ("old", add_node("c", b"")),
            ("gone", new_graph()),
            ("gone", add_node("d", b"")),
            ("gone", Op::Delete),
            ("new", Op::Clear),
            ("new", Op::Clear),
            ("new", add_node("e", b"")),
        ],
    );
    let refused: Vec<_> = results
        .iter()
        .enumerate()
        .filter_map(|(index, result)| Some((index, result.clone().err()?)))
        .collect();
    assert_eq!(refused, [(4, GraphError::GraphNotFound("old".into()))]);
    assert_eq!((counts(graphs, "old")?, counts(graphs, "new")?), ((1, 0), (1, 0)));
    assert!(graphs.graph("gone").is_err());
    for (name, node) in [("old", "c"), ("new", "e")] {
        let graph = graphs.graph(name)?;
        assert!(graphs.latest(&graph).has_node(node)? && !graphs.latest(&graph).has_node("a")?, "{name}");
    }
    Ok(())
}

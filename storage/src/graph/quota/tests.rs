use super::counts::{Counted, Counts, OverQuota};
use crate::{
    GraphStore, MemoryStore,
    graph::{
        ConditionalChange, GraphCounters, GraphError, GraphType, MoveOp, Mutation, Once, Op, Outcome,
        Progress, Write,
    },
    store::Durability,
};

const EMPTY: &[u8] = b"\x80";

fn limits(of: &[(Counted, u64)]) -> Counts {
    let mut limits = Counts::UNLIMITED;
    of.iter().for_each(|(of, limit)| limits.set(*of, *limit));
    limits
}

/// A store in which tenant `a` has these limits.
fn store(of: &[(Counted, u64)]) -> GraphStore {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    limit(&graphs, of);
    graphs
}

fn limit(graphs: &GraphStore, of: &[(Counted, u64)]) {
    let limits = limits(of);
    graphs.limit_tenants(Some(Box::new(move |tenant: &str| match tenant {
        "a" => limits,
        _ => Counts::UNLIMITED,
    })));
}

fn create(graphs: &GraphStore, name: &str, tenant: &str) -> Result<Outcome, GraphError> {
    graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: Some(tenant.into()) })
}

fn node(id: &str) -> Op {
    Op::One(Mutation::AddNode { id: id.into(), properties: EMPTY.into() })
}

fn edge(source: &str, target: &str) -> Op {
    Op::One(Mutation::AddEdge { source: source.into(), target: target.into(), properties: EMPTY.into() })
}

fn write(graph: &str, op: Op) -> Write {
    Write { graph: graph.into(), op }
}

fn over(result: Result<Outcome, GraphError>) -> OverQuota {
    match result {
        Err(GraphError::OverQuota(over)) => *over,
        other => panic!("{other:?}"),
    }
}

fn counts(graphs: &GraphStore, tenant: &str) -> [u64; 4] {
    let all = graphs.tenant_counts();
    all.iter().find(|(name, _)| **name == *tenant).map_or([0; 4], |(_, counts)| counts.0)
}

/// The totals are those that a new count gives.
fn agrees(graphs: &GraphStore) {
    let mut kept = graphs.tenant_counts();
    graphs.limit_tenants(Some(Box::new(|_: &str| Counts::UNLIMITED)));
    let mut counted = graphs.tenant_counts();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    counted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(kept, counted);
}

#[test]
fn nodes_of_all_graphs_of_a_tenant_count_together_in_one_group() {
    let graphs = store(&[(Counted::Nodes, 3)]);
    create(&graphs, "g", "a").unwrap();
    create(&graphs, "h", "a").unwrap();
    create(&graphs, "other", "b").unwrap();
    let writes: Vec<_> = [("g", "1"), ("h", "1"), ("g", "2"), ("h", "2"), ("g", "1"), ("other", "1")]
        .map(|(graph, id)| write(graph, node(id)))
        .into();
    let results = graphs.commit(&writes, Durability::Sync);
    let done: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, true, false, true, true], "an update is no addition");
    let refused = over(results.into_iter().nth(3).unwrap());
    let expected = OverQuota { tenant: "a".into(), of: Counted::Nodes, used: 3, wanted: 4, limit: 3 };
    assert_eq!(refused, expected);
    assert!(refused.to_string().starts_with("QUOTA: tenant 'a' has 3 nodes of the 3"), "{refused}");
    graphs.write("h", Op::One(Mutation::RemoveNode { id: "1".into() })).unwrap();
    graphs.write("g", node("3")).unwrap();
    over(graphs.write("h", node("1")));
    assert_eq!(counts(&graphs, "a"), [2, 3, 0, 0]);
    agrees(&graphs);
}

#[test]
fn items_of_a_batch_fail_one_by_one() {
    let graphs = store(&[(Counted::Nodes, 2), (Counted::Edges, 1)]);
    create(&graphs, "g", "a").unwrap();
    let add = |id: &str| Mutation::AddNode { id: id.into(), properties: EMPTY.into() };
    let edge = || Mutation::AddEdge { source: "1".into(), target: "2".into(), properties: EMPTY.into() };
    let remove = Mutation::RemoveNode { id: "1".into() };
    let items = vec![add("1"), add("2"), add("3"), edge(), edge(), add("1"), remove, add("3"), add("4")];
    let Outcome::Batch(report) = graphs.write("g", Op::batch(items)).unwrap() else { panic!() };
    let failed: Vec<_> = report.errors.iter().map(|error| error.split_once(" of ").unwrap().0).collect();
    assert_eq!(
        failed,
        [
            "op[2]: QUOTA: tenant 'a' has 2 nodes",
            "op[4]: QUOTA: tenant 'a' has 1 edges",
            "op[8]: QUOTA: tenant 'a' has 2 nodes"
        ]
    );
    assert_eq!((report.added_nodes, report.added_edges, report.removed_nodes), (4, 1, 1));
    assert_eq!(counts(&graphs, "a"), [1, 2, 0, 0]);
    agrees(&graphs);
}

#[test]
fn graphs_and_embeddings() {
    let graphs = store(&[(Counted::Graphs, 2), (Counted::Embeddings, 1)]);
    create(&graphs, "g", "a").unwrap();
    create(&graphs, "tenant__a__h", "").unwrap();
    assert_eq!(over(create(&graphs, "i", "a")).of, Counted::Graphs);
    create(&graphs, "i", "b").unwrap();
    for id in ["1", "2"] {
        graphs.write("g", node(id)).unwrap();
    }
    let vector = |id: &str| Op::One(Mutation::AddEmbedding { node: id.into(), components: vec![0; 8] });
    graphs.write("g", vector("1")).unwrap();
    graphs.write("g", vector("1")).unwrap();
    assert_eq!(over(graphs.write("g", vector("2"))).of, Counted::Embeddings);
    graphs.write("g", Op::Delete).unwrap();
    create(&graphs, "j", "a").unwrap();
    assert_eq!(counts(&graphs, "a"), [2, 0, 0, 0]);
    agrees(&graphs);
}

#[test]
fn a_lowered_limit_keeps_what_is_there_and_lets_it_shrink() {
    let graphs = store(&[]);
    create(&graphs, "g", "a").unwrap();
    for id in ["1", "2", "3"] {
        graphs.write("g", node(id)).unwrap();
    }
    limit(&graphs, &[(Counted::Nodes, 1)]);
    let refused = over(graphs.write("g", node("4")));
    assert_eq!((refused.used, refused.limit), (3, 1));
    graphs.write("g", node("2")).unwrap();
    graphs.write("g", Op::One(Mutation::RemoveNode { id: "1".into() })).unwrap();
    over(graphs.write("g", node("1")));
    graphs.write("g", Op::Clear).unwrap();
    graphs.write("g", node("1")).unwrap();
    graphs.limit_tenants(None);
    graphs.write("g", node("2")).unwrap();
    assert!(graphs.tenant_counts().is_empty());
}

#[test]
fn revisions_are_all_made_or_none() {
    let graphs = store(&[(Counted::Edges, 1)]);
    create(&graphs, "g", "a").unwrap();
    for id in ["1", "2"] {
        graphs.write("g", node(id)).unwrap();
    }
    let graph = graphs.graph("g").unwrap();
    let add =
        || ConditionalChange::AddEdge { source: "1".into(), target: "2".into(), properties: EMPTY.into() };
    let conditional = |changes| {
        let since = graph.counters().sequence;
        Op::Conditional { of: graph.id(), since, changes, in_parts: false }
    };
    over(graphs.write("g", conditional(vec![add(), add()])));
    assert_eq!(graph.counters().edges, 0);
    graphs.write("g", conditional(vec![add()])).unwrap();
    assert_eq!(graph.counters().edges, 1);
}

#[test]
fn loads_are_checked_and_what_arrives_is_only_counted() {
    let graphs = store(&[(Counted::Nodes, 2)]);
    create(&graphs, "g", "a").unwrap();
    graphs.write("g", node("1")).unwrap();
    let loaded = |count: u64| {
        let mut loader = graphs.load();
        for sequence in 1..=count {
            loader.node(&sequence.to_string(), sequence, EMPTY).unwrap();
        }
        let mut loaded = loader.finish().unwrap();
        loaded.set_tenant(Some("a".into()));
        loaded
    };
    assert_eq!(over(graphs.write("g", Op::Replace(loaded(3)))).wanted, 3);
    graphs.write("g", Op::Replace(loaded(2))).unwrap();
    let install = |count, replace| {
        let (kind, owner) = (GraphType::Agent, None);
        Op::Install { loaded: loaded(count), kind, owner, replace }
    };
    assert_eq!(over(graphs.write("h", install(1, false))).wanted, 3);
    over(graphs.write("g", install(3, true)));
    graphs.write("g", install(1, true)).unwrap();
    assert_eq!(counts(&graphs, "a"), [1, 1, 0, 0]);
    let step = |op| graphs.write("h", Op::Move(op)).unwrap();
    step(MoveOp::Arrive { move_id: "m".into(), from: "elsewhere".into() });
    let (move_id, kind) = ("m".to_owned(), GraphType::Agent);
    step(MoveOp::Fill { move_id: move_id.clone(), loaded: loaded(5), kind, owner: None, origin: None });
    assert_eq!(counts(&graphs, "a"), [1, 1, 0, 0], "it is not served here yet");
    step(MoveOp::Admit { move_id, copy: None, sequence: 5, epoch: None, rename: None });
    assert_eq!(counts(&graphs, "a"), [2, 6, 0, 0]);
    over(graphs.write("h", node("new")));
    agrees(&graphs);
}

#[test]
fn what_is_refused_for_another_reason_counts_for_nothing() {
    let graphs = store(&[(Counted::Edges, 1)]);
    create(&graphs, "g", "a").unwrap();
    for id in ["1", "2"] {
        graphs.write("g", node(id)).unwrap();
    }
    let refused = graphs.write("g", edge("1", "ghost"));
    assert!(matches!(refused, Err(GraphError::TargetNotFound(_))), "{refused:?}");
    graphs.write("g", edge("1", "2")).unwrap();
    over(graphs.write("g", edge("1", "2")));
    assert_eq!(counts(&graphs, "a"), [1, 2, 1, 0]);
    agrees(&graphs);
}

/// Commits a write in parts to its end; how many there were, and how many bytes they wrote.
fn in_parts(graphs: &GraphStore, graph: &str, op: Op) -> (usize, u64) {
    let writes = [write(graph, op)];
    let (mut reached, mut parts, mut bytes) = (Progress::default(), 0, 0);
    loop {
        let (mut results, written) =
            graphs.commit_counted(&writes, std::slice::from_ref(&reached), Durability::Sync);
        (parts, bytes) = (parts + 1, bytes + written[0]);
        let Outcome::Unfinished(further) = results.remove(0).unwrap() else { return (parts, bytes) };
        reached = *further;
    }
}

#[test]
fn what_is_removed_in_parts_is_given_back_part_by_part() {
    let graphs = store(&[(Counted::Edges, 5000)]);
    create(&graphs, "g", "a").unwrap();
    let mut items = vec![Mutation::AddNode { id: "hub".into(), properties: EMPTY.into() }];
    for number in 0..5000 {
        let id = number.to_string();
        items.push(Mutation::AddNode { id: id.clone(), properties: EMPTY.into() });
        items.push(Mutation::AddEdge { source: "hub".into(), target: id, properties: EMPTY.into() });
    }
    graphs.write("g", Op::batch(items)).unwrap();
    over(graphs.write("g", edge("1", "2")));
    let writes = [write("g", Op::One(Mutation::RemoveNode { id: "hub".into() }))];
    let first = graphs.commit_in_parts(&writes, &[Progress::default()], Durability::Sync).remove(0);
    let Ok(Outcome::Unfinished(reached)) = first else { panic!("{first:?}") };
    let left = counts(&graphs, "a")[2];
    assert!(left > 0 && left < 5000, "{left}");
    graphs.write("g", edge("1", "2")).unwrap();
    let mut reached = *reached;
    let go_on = |reached| graphs.commit_in_parts(&writes, &[reached], Durability::Sync).remove(0);
    while let Outcome::Unfinished(further) = go_on(reached.clone()).unwrap() {
        reached = *further;
    }
    assert_eq!(counts(&graphs, "a"), [1, 5000, 1, 0]);
    agrees(&graphs);
}

/// One field rewrites the node, a label is a record with the id of its node: requests do not tell that.
#[test]
fn what_a_write_really_wrote_is_told() {
    let graphs = store(&[]);
    create(&graphs, "g", "a").unwrap();
    let large = [b"\x81\xa1a\xc6\x00\x10\x00\x00".as_slice(), &[7; 1 << 20]].concat();
    let (_, bytes) = in_parts(&graphs, "g", Op::One(Mutation::AddNode { id: "n".into(), properties: large }));
    assert!((2 << 20..(2 << 20) + 1000).contains(&bytes), "{bytes}");
    let (conditions, updates) = (b"\x80".to_vec(), b"\x81\xa1b\x01".to_vec());
    let op = Op::One(Mutation::CompareAndSet { node: "n".into(), conditions, updates });
    assert!(op.cost() < 1000, "{}", op.cost());
    let (_, bytes) = in_parts(&graphs, "g", op);
    assert!((2 << 20..(2 << 20) + 1000).contains(&bytes), "{bytes}");
    let labels: Vec<u8> = (0..100_u8).flat_map(|label| [0xa1, label % 26 + b'a']).collect();
    let properties = [b"\x81\xa6labels\xdc\x00\x64".as_slice(), &labels].concat();
    let (_, bytes) = in_parts(&graphs, "g", Op::One(Mutation::AddNode { id: "n".repeat(8000), properties }));
    assert!(bytes > 26 * 8000, "{bytes}");
    let (_, bytes) =
        in_parts(&graphs, "g", Op::One(Mutation::AddNode { id: "m".into(), properties: EMPTY.into() }));
    assert!(bytes < 200, "{bytes}");
}

#[test]
fn a_write_that_is_made_once_is_refused_as_any_and_may_be_tried_again() {
    let graphs = store(&[(Counted::Nodes, 1)]);
    create(&graphs, "g", "a").unwrap();
    graphs.write("g", node("1")).unwrap();
    let once = || Op::Once(Once { key: [1; 16], request: [2; 16] }, Box::new(node("2")));
    over(graphs.write("g", once()));
    graphs.write("g", Op::One(Mutation::RemoveNode { id: "1".into() })).unwrap();
    graphs.write("g", once()).unwrap();
    graphs.write("g", once()).unwrap();
    assert_eq!(counts(&graphs, "a")[1], 1);
    agrees(&graphs);
}

#[test]
fn whether_a_whole_graph_has_room_is_known_before() {
    let graphs = store(&[(Counted::Nodes, 10), (Counted::Graphs, 1)]);
    let room = |name: &str, tenant, nodes| {
        graphs.has_room(name, Some(tenant), None, &GraphCounters { nodes, ..GraphCounters::default() })
    };
    room("g", "a", 10).unwrap();
    assert!(room("g", "a", 11).is_err());
    room("g", "b", 11).unwrap();
    create(&graphs, "g", "a").unwrap();
    graphs.write("g", node("1")).unwrap();
    room("g", "a", 10).unwrap();
    assert!(room("h", "a", 1).is_err(), "a second graph");
}

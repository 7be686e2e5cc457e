//! Against a list of nodes and a list of edges.

use epistemic_storage::{Mutation, graph::Op};
use proptest::prelude::*;

use super::{
    super::{
        Projections,
        testing::{EMPTY_MAP, add_node, create, store},
    },
    *,
};

/// Ids that are prefixes of each other, with zero bytes and letters of several bytes.
const ID: &str = "[a\0\u{1}é𝄞]{0,3}";

#[derive(Debug, Clone)]
enum Change {
    AddNode(String),
    AddEdge(String, String),
    RemoveEdge(String, String),
    RemoveNode(String),
}

impl Change {
    fn op(&self) -> Op {
        let properties = EMPTY_MAP.to_vec();
        match self.clone() {
            Change::AddNode(id) => Op::One(Mutation::AddNode { id, properties }),
            Change::AddEdge(source, target) => Op::One(Mutation::AddEdge { source, target, properties }),
            Change::RemoveEdge(source, target) => Op::One(Mutation::RemoveEdge { source, target }),
            Change::RemoveNode(id) => Op::One(Mutation::RemoveNode { id }),
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => ID.prop_map(Change::AddNode),
        8 => (ID, ID).prop_map(|(source, target)| Change::AddEdge(source, target)),
        1 => (ID, ID).prop_map(|(source, target)| Change::RemoveEdge(source, target)),
        1 => ID.prop_map(Change::RemoveNode),
    ];
    prop::collection::vec(change, 0..60)
}

/// Nodes and edges in insertion order.
#[derive(Default)]
struct Model {
    nodes: Vec<String>,
    edges: Vec<(String, String)>,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::AddNode(id) => {
                if !self.nodes.contains(id) {
                    self.nodes.push(id.clone());
                }
            }
            Change::AddEdge(source, target) => self.edges.push((source.clone(), target.clone())),
            Change::RemoveEdge(source, target) => {
                self.edges.retain(|edge| (&edge.0, &edge.1) != (source, target))
            }
            Change::RemoveNode(id) => {
                self.nodes.retain(|node| node != id);
                self.edges.retain(|(source, target)| source != id && target != id);
            }
        }
    }

    /// The other ends of a node's edges, newest first.
    fn successors(&self, node: &str) -> Vec<&str> {
        let edges = self.edges.iter().rev().filter(|(source, _)| source == node);
        edges.map(|(_, target)| target.as_str()).collect()
    }

    /// The other ends of the edges that reach a node, by age of that node.
    fn predecessors(&self, node: &str) -> Vec<&str> {
        let sources = self.nodes.iter().flat_map(|source| {
            let edges = self.edges.iter().filter(move |(from, to)| from == source && to == node);
            edges.map(|(from, _)| from.as_str())
        });
        sources.collect()
    }
}

fn names<'a>(projection: &'a Projection, rows: &'a Rows, node: &str) -> Vec<&'a str> {
    let number = projection.ids.number(node).unwrap();
    rows.of(number).iter().map(|&far| projection.ids.get(far)).collect()
}

proptest! {
    #[test]
    fn a_projection_is_the_graph(changes in changes()) {
        let graphs = store();
        create(&graphs, "g");
        let mut model = Model::default();
        for change in &changes {
            if graphs.write("g", change.op()).is_ok() {
                model.apply(change);
            }
        }
        let graph = graphs.graph("g").unwrap();
        let projections = Projections::new(1 << 20);
        let projection = projections.get(&graphs, &graph, &Cancel::default()).unwrap();
        prop_assert!(projection.ids.iter().eq(&model.nodes));
        prop_assert_eq!(projection.topology.edges(), model.edges.len());
        for node in &model.nodes {
            prop_assert_eq!(names(&projection, projection.topology.out(), node), model.successors(node));
            prop_assert_eq!(names(&projection, projection.topology.incoming(), node), model.predecessors(node));
        }
    }
}

/// More edges than are looked up together.
#[test]
fn every_edge_comes_once_with_its_properties() {
    const NODES: u32 = 700;
    let graphs = store();
    create(&graphs, "g");
    let nodes = (0..NODES).map(|n| Mutation::AddNode { id: format!("n{n}"), properties: EMPTY_MAP.into() });
    let ends = (0..NODES).flat_map(|n| (0..3).map(move |step| (n, (n * 31 + step) % NODES)));
    let edges = ends.clone().map(|(source, target)| Mutation::AddEdge {
        source: format!("n{source}"),
        target: format!("n{target}"),
        properties: (source * NODES + target).to_be_bytes().into(),
    });
    graphs.write("g", Op::batch(nodes.chain(edges))).unwrap();
    let graph = graphs.graph("g").unwrap();
    let (view, cancel) = (graphs.read_view(), Cancel::default());
    let reader = GraphReader::new(&*view, &graph);
    let nodes = Nodes::read(&reader, &graph.counters(), &cancel, |_| Ok(())).unwrap();
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let mut found = Vec::new();
    let keep = |source, target, sequence, number| found.push((sequence, source, target, number));
    nodes.for_each_edge(&reader, &cancel, number, keep).unwrap();
    found.sort_unstable();
    let found = found.into_iter().map(|(_, source, target, number)| ((source, target), number));
    assert!(found.eq(ends.map(|(source, target)| ((source, target), source * NODES + target))));
}

#[test]
fn reading_stops_when_there_is_no_more_room() {
    let graphs = store();
    create(&graphs, "g");
    ["a", "bb", "ccc", "dddd"].iter().for_each(|id| add_node(&graphs, "g", id));
    let graph = graphs.graph("g").unwrap();
    let view = graphs.read_view();
    let asked = std::cell::RefCell::new(Vec::new());
    let fits = |bytes| {
        asked.borrow_mut().push(bytes);
        if bytes <= 3 { Ok(()) } else { Err(ProjectionError::TooMany) }
    };
    let read = Nodes::read(&GraphReader::new(&*view, &graph), &graph.counters(), &Cancel::default(), fits);
    assert!(matches!(read, Err(ProjectionError::TooMany)));
    assert_eq!(asked.into_inner(), [1, 3, 6]);
}

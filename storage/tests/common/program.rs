//! Random programs: groups of mutations and reads that are the same for one seed, whatever the store below.

use epistemic_storage::{
    GraphStore, Mutation,
    graph::{
        COMMONS, ConditionalChange, GraphError, GraphType, LedgerRecord, LoadedGraph, MAX_PAUSE, Op, Write,
    },
    snapshot,
};

use super::random::Random;

/// Names of graphs, some that are easily confused.
pub fn names() -> Vec<String> {
    ["__commons__", "", "a", "a", "t:a", "t/a", "..", "a\0", "🦀"]
        .map(String::from)
        .into_iter()
        .chain(["n".repeat(4096)])
        .collect()
}

/// Ids of nodes, some that are easily confused.
pub fn ids() -> Vec<String> {
    let short =
        ["", "\0", "\0\u{1}", "a", "a", "a\0", "a\0b", "ab", "a/b", "a:b", "a|b", "é", "🦀", "\u{10ffff}"];
    short.map(String::from).into_iter().chain(["x".repeat(4096)]).collect()
}

fn properties(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => Vec::new(),
        1 => b"\xc1 undecodable".to_vec(),
        2 => b"\x80".to_vec(),
        3 => vec![random.next() as u8; random.below(3000)],
        _ => super::labelled(random.pick(&["", "A", "A\0", "B", "é"])),
    }
}

/// Makes the operations.
pub struct Program {
    pub random: Random,
    pub names: Vec<String>,
    pub ids: Vec<String>,
}

impl Program {
    pub fn name(&mut self) -> String {
        self.random.pick(&self.names)
    }

    pub fn id(&mut self) -> String {
        self.random.pick(&self.ids)
    }

    pub fn kind(&mut self) -> GraphType {
        self.random.pick(&[GraphType::Agent, GraphType::Team, GraphType::Global])
    }

    fn item(&mut self) -> Result<Mutation, String> {
        Ok(match self.random.below(12) {
            0..4 => Mutation::AddNode { id: self.id(), properties: properties(&mut self.random) },
            4..9 => Mutation::AddEdge {
                source: self.id(),
                target: self.id(),
                properties: properties(&mut self.random),
            },
            9 => Mutation::RemoveNode { id: self.id() },
            10 => Mutation::RemoveEdge { source: self.id(), target: self.id() },
            _ => return Err("unreadable".into()),
        })
    }

    pub fn load(&mut self, graphs: &GraphStore) -> LoadedGraph {
        let mut loader = graphs.load();
        let count = self.random.below(self.ids.len());
        for (number, id) in (1..).zip(&self.ids.clone()[..count]) {
            if self.ids[..number as usize - 1].contains(id) {
                continue;
            }
            loader.node(id, number, &properties(&mut self.random)).unwrap();
            loader.edge(id, "", number + 100, b"").unwrap();
            loader.embedding(id, &[0; 8]).unwrap();
        }
        loader.ledger(300, LedgerRecord::Text("loaded").encode(7)).unwrap();
        loader.finish().unwrap()
    }

    fn op(&mut self, graphs: &GraphStore, name: &str) -> Op {
        match self.random.below(112) {
            0..10 => Op::Create { kind: self.kind(), owner: Some(self.id()), tenant: None },
            10..13 => Op::Delete,
            13..20 => self.whole(graphs),
            20..28 => self.step(graphs, name),
            _ => self.change(graphs, name),
        }
    }

    /// Drops or replaces all of a graph.
    pub fn whole(&mut self, graphs: &GraphStore) -> Op {
        match self.random.below(7) {
            0..2 => Op::Clear,
            2 => Op::Replace(self.load(graphs)),
            3..5 => Op::Install {
                loaded: self.load(graphs),
                kind: self.kind(),
                owner: None,
                replace: self.random.below(2) == 0,
            },
            _ => self.fork(graphs),
        }
    }

    /// Changes a part of a graph, or its ledger.
    pub fn change(&mut self, graphs: &GraphStore, name: &str) -> Op {
        match self.random.below(82) {
            0..2 => Op::ClearLedger,
            2..12 => Op::Batch((0..self.random.below(20)).map(|_| self.item()).collect()),
            12..37 => Op::One(Mutation::AddNode { id: self.id(), properties: properties(&mut self.random) }),
            37..47 => Op::One(Mutation::RemoveNode { id: self.id() }),
            47..62 => Op::One(Mutation::AddEdge {
                source: self.id(),
                target: self.id(),
                properties: properties(&mut self.random),
            }),
            62..68 => {
                let components = vec![0; 4 * self.random.below(3)];
                Op::One(Mutation::AddEmbedding { node: self.id(), components })
            }
            68..71 => Op::Touch { nodes: self.some_ids(), now: self.random.below(3) as u64 },
            71..76 => self.revise(graphs, name),
            _ => Op::One(Mutation::RemoveEdge { source: self.id(), target: self.id() }),
        }
    }

    fn some_ids(&mut self) -> Vec<String> {
        (0..self.random.below(6)).map(|_| self.id()).collect()
    }

    /// Changes of what is there now, some of them twice, and of what is not there; seldom of another graph's.
    fn revise(&mut self, graphs: &GraphStore, name: &str) -> Op {
        let mut seen = Vec::new();
        let name = if self.random.below(8) == 0 { self.name() } else { name.into() };
        let target = graphs.graph(&name).or_else(|_| graphs.graph_in_any_state(COMMONS)).unwrap();
        let (of, since) =
            (target.id(), target.counters().sequence.saturating_sub(self.random.below(4) as u64));
        if let Ok(graph) = graphs.graph(&name) {
            let reader = graphs.latest(&graph);
            let every = 1 + self.random.below(4);
            let mut nodes = reader.node_cursor().unwrap();
            while let Some((id, properties)) = nodes.advance().unwrap() {
                let (id, expected) = (id.to_owned(), properties.to_vec());
                seen.push(ConditionalChange::Node { id, expected, properties: self.rewritten() });
            }
            reader
                .for_each_edge(|source, target, sequence, properties| {
                    seen.push(ConditionalChange::Edge {
                        source: source.to_owned(),
                        target: target.to_owned(),
                        sequence,
                        expected: properties.to_vec(),
                        properties: self.rewritten(),
                    });
                    Ok::<_, epistemic_storage::StoreError>(())
                })
                .unwrap();
            seen.retain(|_| self.random.below(every) == 0);
            seen.extend(seen.clone().into_iter().take(2));
        }
        for _ in 0..self.random.below(4) {
            let properties = properties(&mut self.random);
            seen.push(ConditionalChange::AddEdge { source: self.id(), target: self.id(), properties });
        }
        Op::Conditional { of, since, changes: seen, in_parts: false }
    }

    fn rewritten(&mut self) -> Option<Vec<u8>> {
        (self.random.below(3) > 0).then(|| properties(&mut self.random))
    }

    fn fork(&mut self, graphs: &GraphStore) -> Op {
        let loaded = self.copy(graphs);
        let replace = self.random.below(2) == 0;
        Op::Install { loaded, kind: self.kind(), owner: Some(self.id()), replace }
    }

    /// A copy of some graph, or an empty one.
    pub fn copy(&mut self, graphs: &GraphStore) -> LoadedGraph {
        match graphs.graph(&self.name()) {
            Ok(graph) => graphs.fork(&graph).unwrap(),
            Err(_) => graphs.load().finish().unwrap(),
        }
    }

    /// Mutations of any graphs, whole graphs and steps of moves included.
    pub fn group(&mut self, graphs: &GraphStore) -> Vec<Write> {
        // The fences of the departures before stop no writes of this group.
        graphs.advance_leases(MAX_PAUSE);
        if self.random.below(12) == 0 {
            return vec![self.replay(graphs)];
        }
        let size = 1 + self.random.below(10);
        (0..size)
            .map(|_| {
                let name = self.name();
                let op = self.op(graphs, &name);
                Write { graph: name.into(), op }
            })
            .collect()
    }

    /// The answers to some reads, as text.
    pub fn reads(&mut self, graphs: &GraphStore) -> Vec<String> {
        (0..5).map(|_| self.read(graphs).unwrap_or_else(|error| format!("error: {error}"))).collect()
    }

    fn read(&mut self, graphs: &GraphStore) -> Result<String, GraphError> {
        let (name, a, b, kind) = (self.name(), self.id(), self.id(), self.random.below(8));
        let graph = graphs.graph(&name)?;
        let reader = graphs.latest(&graph);
        Ok(match kind {
            0 => format!("{:?}", reader.nodes(&[&a, &b, &a])?),
            1 => format!("{:?} {}", reader.edges_between(&a, &b)?, reader.has_edge(&a, &b)?),
            2 => format!("{:?} {:?}", reader.successors(&a)?, reader.predecessors(&a)?),
            3 => format!("{} {} {}", reader.out_degree(&a)?, reader.in_degree(&a)?, reader.has_node(&b)?),
            4 => format!("{:?} {:?}", reader.by_label("all", 0)?, reader.by_label("A\0", 2)?),
            5 => format!("{:?}", reader.ledger_lines()?),
            6 => format!("{:?}", reader.ids_by_label("all", 3)?),
            _ => format!("{:?} {:?}", graph.counters(), snapshot::content_digest(graphs, &graph).unwrap()),
        })
    }
}

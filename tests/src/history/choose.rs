//! What the clients of a history send.
//!
//! | Nodes | Who changes them |
//! |---|---|
//! | `b00` ... | there from the beginning; batches give all of them the same new properties |
//! | `p00` ... | batches add or remove all of them |
//! | `s0` ... | there from the beginning; everybody replaces them and adds edges between them, batches replace the edges |
//! | `mN` | of client N: begins and ends each of its batches, with two values, of which only the second is ever seen |
//! | `wN.I` | of client N alone, who adds and removes it, its edges and its embedding |

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::event::Change;
use super::question::Question;
use crate::wire::{map, pack};

/// Nodes that each batch writes together: more than the server looks up at a time.
pub const BATCH_NODES: usize = 40;
const SHARED_NODES: usize = 6;
const LABELS: [&str; 3] = ["Apple", "Pear", "Plum"];

/// Node number `number` of those that each batch gives the same properties.
pub fn batch_node(number: usize) -> String {
    format!("b{number:02}")
}

fn toggled_node(number: usize) -> String {
    format!("p{number:02}")
}

fn shared_node(number: usize) -> String {
    format!("s{number}")
}

/// The first write of a history.
pub(super) fn first_write() -> Vec<Change> {
    let properties = pack(&map([("type", LABELS[0].into()), ("v", 0.into())]));
    let ids = (0..BATCH_NODES).map(batch_node).chain((0..SHARED_NODES).map(shared_node));
    ids.map(|id| Change::AddNode { id, properties: properties.clone() }).collect()
}

/// What one client sends next.
#[derive(Debug)]
pub(super) struct Chooser {
    random: StdRng,
    client: usize,
    clients: usize,
    written: u64,
    /// Number of the node of its own, and whether it is there.
    own: (u64, bool),
    /// Sequence number that it saw last.
    pub(super) seen: u64,
}

impl Chooser {
    /// For client number `client` of `clients`.
    pub(super) fn new(random: StdRng, client: usize, clients: usize) -> Chooser {
        Chooser { random, client, clients, written: 0, own: (0, false), seen: 0 }
    }

    /// A number that no other write of any client has.
    fn unique(&mut self) -> u64 {
        self.written += 1;
        self.written * self.clients as u64 + self.client as u64
    }

    /// Properties that no other write has.
    fn properties(&mut self) -> Vec<u8> {
        let label = *LABELS.choose(&mut self.random).expect("not empty");
        pack(&map([("type", label.into()), ("v", self.unique().into())]))
    }

    fn shared(&mut self) -> String {
        shared_node(self.random.random_range(0..SHARED_NODES))
    }

    fn own_node(&self) -> String {
        format!("w{}.{}", self.client, self.own.0)
    }

    /// Any node, also one that is not there.
    fn any_node(&mut self) -> String {
        match self.random.random_range(0..8) {
            0..2 => batch_node(self.random.random_range(0..BATCH_NODES)),
            2..4 => toggled_node(self.random.random_range(0..BATCH_NODES)),
            4..6 => self.shared(),
            6 => format!("m{}", self.random.random_range(0..self.clients)),
            _ => {
                let number = self.random.random_range(0..=self.own.0);
                format!("w{}.{number}", self.random.random_range(0..self.clients))
            }
        }
    }

    /// A write that anybody may send at any time.
    pub(super) fn write(&mut self) -> Vec<Change> {
        match self.random.random_range(0..10) {
            0..3 => vec![Change::AddNode { id: self.shared(), properties: self.properties() }],
            3..6 => {
                let (source, target) = (self.shared(), self.shared());
                vec![Change::AddEdge { source, target, properties: self.properties() }]
            }
            6..8 => {
                let node = batch_node(self.random.random_range(0..BATCH_NODES));
                vec![Change::AddEmbedding { node, components: self.components() }]
            }
            _ => self.batch(),
        }
    }

    fn batch(&mut self) -> Vec<Change> {
        let id = format!("m{}", self.client);
        let mut changes = vec![Change::AddNode { id: id.clone(), properties: self.properties() }];
        match self.random.random_range(0..4) {
            0 => {
                let properties = self.properties();
                let add = |id| Change::AddNode { id, properties: properties.clone() };
                changes.extend((0..BATCH_NODES).map(batch_node).map(add));
            }
            1 => {
                let properties = self.properties();
                let add = |id| Change::AddNode { id, properties: properties.clone() };
                changes.extend((0..BATCH_NODES).map(toggled_node).map(add));
            }
            2 => {
                changes.extend((0..BATCH_NODES).map(|number| Change::RemoveNode { id: toggled_node(number) }))
            }
            _ => {
                let (properties, hub) = (self.properties(), self.shared());
                for number in 0..SHARED_NODES {
                    let (source, target) = (hub.clone(), shared_node(number));
                    changes.push(Change::RemoveEdge { source: source.clone(), target: target.clone() });
                    changes.push(Change::AddEdge { source, target, properties: properties.clone() });
                }
            }
        }
        changes.push(Change::AddNode { id, properties: self.properties() });
        changes
    }

    /// A vector of two components, whose cosine with the query is a multiple of 0.01 and whose length no other has.
    fn components(&mut self) -> Vec<u8> {
        let (cosine, length) = (f64::from(self.random.random_range(1..=100)) / 100.0, self.unique() as f64);
        let components = [cosine * length, (1.0 - cosine * cosine).sqrt() * length];
        components.iter().flat_map(|component| (*component as f32).to_le_bytes()).collect()
    }

    /// A write to the node of its own. It must be told how it ended before it is asked for another one.
    pub(super) fn own_write(&mut self) -> Vec<Change> {
        let (id, target) = (self.own_node(), shared_node(0));
        vec![match (self.own.1, self.random.random_range(0..6)) {
            (false, _) | (true, 0) => Change::AddNode { id, properties: self.properties() },
            (true, 1) => Change::AddEmbedding { node: id, components: self.components() },
            (true, 2) => Change::AddEdge { source: id, target, properties: self.properties() },
            (true, 3) => Change::RemoveEdge { source: id, target },
            (true, _) => Change::RemoveNode { id },
        }]
    }

    /// Its write to its own node was done.
    pub(super) fn own_done(&mut self, changes: &[Change]) {
        self.own.1 = !matches!(changes, [Change::RemoveNode { .. }]);
    }

    /// It is unknown whether its write to its own node was done: from now on it has another one.
    pub(super) fn own_lost(&mut self) {
        self.own = (self.own.0 + 1, false);
    }

    /// A read; of the whole graph now and then.
    pub(super) fn question(&mut self) -> Question {
        let numbers = 0..BATCH_NODES;
        let all = |name: fn(usize) -> String| numbers.clone().map(name).collect::<Vec<_>>();
        match self.random.random_range(0..100) {
            0..6 => Question::Node(self.any_node()),
            6..11 => Question::HasNode(self.any_node()),
            11..19 => Question::Nodes(all(batch_node)),
            19..27 => Question::HaveNodes(all(toggled_node)),
            27..31 => Question::HasEdge(self.shared(), self.shared()),
            31..39 => Question::EdgesBetween(self.pairs()),
            39..42 => Question::InDegree(self.shared()),
            42..45 => Question::OutDegree(self.shared()),
            45..47 => Question::Predecessors(self.shared()),
            47..49 => Question::Successors(self.shared()),
            49..55 => Question::Neighbors(self.shared()),
            55..59 => Question::DegreeCentrality(self.any_node()),
            59..62 => Question::BlastRadius(self.shared()),
            62..64 => Question::Centralities,
            64..67 => Question::NodeIds,
            67..70 => Question::AllNodes,
            70..73 => Question::AllEdges,
            73..76 => Question::Subgraph((0..SHARED_NODES).map(shared_node).collect()),
            76..80 => Question::Label((*LABELS.choose(&mut self.random).expect("not empty")).into()),
            80..84 => Question::Similar,
            84..88 => Question::NodeCount,
            88..92 => Question::EdgeCount,
            92..94 => Question::Metrics,
            94..97 => Question::Stats,
            97..99 => Question::Changes(self.seen),
            _ if self.random.random_bool(0.5) => Question::Ledger,
            _ => Question::Document,
        }
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let hub = self.shared();
        (0..SHARED_NODES).map(|number| (hub.clone(), shared_node(number))).collect()
    }

    /// How many requests are sent before the first answer is waited for.
    pub(super) fn burst(&mut self) -> usize {
        self.random.random_range(1..=4)
    }

    /// Whether the next request is one of so many in a hundred.
    pub(super) fn percent(&mut self, share: u32) -> bool {
        self.random.random_ratio(share, 100)
    }
}

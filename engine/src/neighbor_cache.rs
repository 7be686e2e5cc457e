//! Answers of `GetNeighbors`, kept while their graph does not change.
//!
//! Finding the edges of a node takes two searches in ordered storage; agents ask for the same neighbourhoods again and
//! again. An answer is stored with the graph's ledger sequence from before it was read, and given out only while the
//! graph is still at that sequence: any write to the graph, once it is about to be acknowledged, ends its answers. So
//! nothing has to be told to the cache, and it cannot be stale.

use std::hash::{BuildHasher, RandomState};

use epistemic_storage::graph::Graph;
use lru::LruCache;
use parking_lot::Mutex;

use crate::metrics::Asked;

const SHARDS: usize = 16;
/// Larger answers are not kept.
const MAX_ANSWER: usize = 16 << 10;

struct Answer {
    sequence: u64,
    bytes: Box<[u8]>,
}

struct Shard {
    answers: LruCache<Box<[u8]>, Answer>,
    bytes: usize,
    asked: Asked,
}

/// A bounded cache of encoded answers.
pub(crate) struct NeighborCache {
    hasher: RandomState,
    /// Bytes of keys and answers of one shard.
    shard_bytes: usize,
    shards: [Mutex<Shard>; SHARDS],
}

impl NeighborCache {
    /// A cache of at most `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        let shard =
            |_| Mutex::new(Shard { answers: LruCache::unbounded(), bytes: 0, asked: Asked::default() });
        let shard_bytes = bytes / SHARDS;
        Self { hasher: RandomState::new(), shard_bytes, shards: std::array::from_fn(shard) }
    }

    /// Appends the answer for `node` to `out` if it is known for the graph at `sequence`.
    pub(crate) fn get(&self, graph: &Graph, sequence: u64, node: &str, out: &mut Vec<u8>) -> bool {
        let key = key(graph, node);
        let Shard { answers, asked, .. } = &mut *self.shard(&key).lock();
        match answers.get(&*key) {
            Some(answer) if answer.sequence == sequence => {
                asked.hits += 1;
                out.extend_from_slice(&answer.bytes);
                true
            }
            _ => {
                asked.misses += 1;
                false
            }
        }
    }

    /// Keeps an answer that was read after the graph had been seen at `sequence`.
    pub(crate) fn put(&self, graph: &Graph, sequence: u64, node: &str, bytes: &[u8]) {
        if bytes.len() > MAX_ANSWER || node.len() > MAX_ANSWER {
            return;
        }
        let key = key(graph, node);
        let mut shard = self.shard(&key).lock();
        shard.bytes += weight(key.len(), bytes.len());
        let length = key.len();
        if let Some(old) = shard.answers.put(key, Answer { sequence, bytes: bytes.into() }) {
            shard.bytes -= weight(length, old.bytes.len());
        }
        while shard.bytes > self.shard_bytes
            && let Some((key, answer)) = shard.answers.pop_lru()
        {
            shard.bytes -= weight(key.len(), answer.bytes.len());
        }
    }

    /// Bytes of all keys and answers.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes).sum()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> Asked {
        self.shards.iter().map(|shard| shard.lock().asked).sum()
    }

    fn shard(&self, key: &[u8]) -> &Mutex<Shard> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

/// Graph ids are never used again, so a graph of the same name has other keys.
fn key(graph: &Graph, node: &str) -> Box<[u8]> {
    [&graph.id().number().to_be_bytes(), node.as_bytes()].concat().into()
}

/// Bytes of an entry with its share of the maps, roughly.
fn weight(key: usize, answer: usize) -> usize {
    key + answer + 128
}

#[cfg(test)]
mod tests {
    use epistemic_storage::{
        GraphStore, MemoryStore, Mutation,
        graph::{GraphType, Op},
    };

    use super::*;

    fn graphs() -> GraphStore {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        graphs.write("g", Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
        graphs
    }

    #[test]
    fn answers_end_with_the_next_change() {
        let (graphs, cache) = (graphs(), NeighborCache::new(32 << 20));
        let graph = graphs.graph("g").unwrap();
        let known = |node| {
            let mut out = vec![1];
            let found = cache.get(&graph, graph.counters().sequence, node, &mut out);
            assert!(found || out == [1]);
            found.then(|| out.split_off(1))
        };
        assert_eq!(known("a"), None);
        cache.put(&graph, graph.counters().sequence, "a", b"answer");
        assert_eq!(known("a").unwrap(), b"answer");
        assert_eq!(known("b"), None);
        graphs.write("g", Op::One(Mutation::AddNode { id: "x".into(), properties: Vec::new() })).unwrap();
        assert_eq!(known("a"), None);
    }

    #[test]
    fn memory_is_bounded() {
        let (graphs, cache) = (graphs(), NeighborCache::new(32 << 20));
        let graph = graphs.graph("g").unwrap();
        for node in 0..20_000 {
            cache.put(&graph, 1, &format!("node {node}"), &[0; 4096]);
            cache.put(&graph, 1, &format!("node {node}"), &[0; 4000]);
        }
        cache.put(&graph, 1, "large", &[0; MAX_ANSWER + 1]);
        let mut out = Vec::new();
        assert!(cache.get(&graph, 1, "node 19999", &mut out) && !cache.get(&graph, 1, "node 0", &mut out));
        assert!(!cache.get(&graph, 1, "large", &mut out));
        for shard in &cache.shards {
            let shard = shard.lock();
            let held: usize =
                shard.answers.iter().map(|(key, answer)| weight(key.len(), answer.bytes.len())).sum();
            assert_eq!(held, shard.bytes);
            assert!(held <= cache.shard_bytes && held > cache.shard_bytes / 2);
        }
    }
}

//! Things worked out from graphs, each kept until others need the memory.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use epistemic_storage::graph::Graph;
use lru::LruCache;
use parking_lot::Mutex;

use crate::{
    analytics::{Cancel, Cancelled},
    metrics::Asked,
};

/// How long a computation waits for what another one works out before it looks whether its client is gone.
const PATIENCE: Duration = Duration::from_millis(20);

/// Something that is kept for a graph.
pub(crate) trait Kept {
    /// Bytes in memory, its place in the cache included.
    fn bytes(&self) -> usize;
}

/// One `T` per graph id, bounded in memory. What running computations still use counts only while it is cached.
pub(crate) struct GraphCache<T> {
    budget: usize,
    cached: Mutex<Cached<T>>,
    asked: Mutex<Asked>,
}

struct Cached<T> {
    places: LruCache<u64, Place<T>>,
    bytes: usize,
}

/// The lock is held while the graph's `T` is worked out.
type Slot<T> = Arc<Mutex<Option<T>>>;

struct Place<T> {
    slot: Slot<T>,
    bytes: usize,
    graph: Weak<Graph>,
}

impl<T> Cached<T> {
    fn drop_place(&mut self, id: u64) {
        if let Some(place) = self.places.pop(&id) {
            self.bytes -= place.bytes;
        }
    }

    /// Drops the oldest until `more` bytes fit, but not the place of `spared`.
    fn make_room(&mut self, spared: u64, more: usize, budget: usize) {
        while self.bytes.saturating_add(more) > budget {
            let mut by_age = self.places.iter().rev();
            let oldest = by_age.find(|(id, place)| **id != spared && place.bytes > 0).map(|(id, _)| *id);
            match oldest {
                Some(id) => self.drop_place(id),
                None => return,
            }
        }
    }
}

impl<T: Kept> GraphCache<T> {
    /// A cache of at most `budget` bytes or so.
    pub(crate) fn new(budget: usize) -> Self {
        let cached = Mutex::new(Cached { places: LruCache::unbounded(), bytes: 0 });
        Self { budget, cached, asked: Mutex::default() }
    }

    /// Bytes that may be kept.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Runs `renew` on what is kept for the graph, one caller at a time, and keeps what it leaves there. Waits while
    /// another caller is at it.
    pub(crate) fn renew<R, E: From<Cancelled>>(
        &self,
        graph: &Arc<Graph>,
        cancel: &Cancel,
        renew: impl FnOnce(&mut Option<T>) -> Result<R, E>,
    ) -> Result<R, E> {
        let id = graph.id().number();
        let place = || Place { slot: Slot::default(), bytes: 0, graph: Arc::downgrade(graph) };
        let slot = Arc::clone(&self.cached.lock().places.get_or_insert(id, place).slot);
        let mut held = loop {
            if let Some(held) = slot.try_lock_for(PATIENCE) {
                break held;
            }
            cancel.check()?;
        };
        let result = renew(&mut held);
        self.account(id, &slot, held.as_ref().map_or(0, T::bytes));
        result
    }

    /// What `look` finds in what is kept for the graph. Does not block: nothing while somebody works it out.
    pub(crate) fn peek<R>(&self, graph: &Graph, look: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        let slot = Arc::clone(&self.cached.lock().places.peek(&graph.id().number())?.slot);
        let held = slot.try_lock()?;
        look(held.as_ref()?)
    }

    /// Counts what is in the slot now, unless the graph has another one by now.
    fn account(&self, id: u64, slot: &Slot<T>, bytes: usize) {
        let mut cached = self.cached.lock();
        let Some(place) = cached.places.peek_mut(&id).filter(|place| Arc::ptr_eq(&place.slot, slot)) else {
            return;
        };
        let old = std::mem::replace(&mut place.bytes, bytes);
        cached.bytes = cached.bytes - old + bytes;
        // One clone is in the cache, one is the caller's; others wait for their turn.
        let unused = bytes == 0 && Arc::strong_count(slot) <= 2;
        if unused || bytes > self.budget {
            cached.drop_place(id);
        }
        cached.make_room(id, 0, self.budget);
    }

    /// Drops what was not asked for the longest until `more` bytes fit beside what is left.
    pub(crate) fn make_room(&self, spared: &Graph, more: usize) {
        self.cached.lock().make_room(spared.id().number(), more, self.budget);
    }

    /// Drops what is kept of graphs that are gone.
    pub(crate) fn forget_deleted(&self) {
        let mut cached = self.cached.lock();
        let gone = |(id, place): (&u64, &Place<T>)| (place.graph.strong_count() == 0).then_some(*id);
        let deleted: Vec<u64> = cached.places.iter().filter_map(gone).collect();
        deleted.into_iter().for_each(|id| cached.drop_place(id));
    }

    /// What was kept for a graph was of use, or not.
    pub(crate) fn found(&self, hit: bool) {
        let mut asked = self.asked.lock();
        if hit { asked.hits += 1 } else { asked.misses += 1 }
    }

    /// How often it was asked, and had what was asked for.
    pub(crate) fn asked(&self) -> Asked {
        *self.asked.lock()
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.cached.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use epistemic_storage::{
        GraphStore, MemoryStore,
        graph::{GraphType, Op},
    };

    use super::*;

    impl Kept for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    fn graph(graphs: &GraphStore, name: &str) -> Arc<Graph> {
        graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
        graphs.graph(name).unwrap()
    }

    fn put(cache: &GraphCache<usize>, graph: &Arc<Graph>, bytes: usize) -> Option<usize> {
        let renewed: Result<_, Cancelled> =
            cache.renew(graph, &Cancel::default(), |held| Ok(held.replace(bytes)));
        renewed.unwrap()
    }

    #[test]
    fn the_least_recently_used_make_room() {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| graph(&graphs, name));
        let cache = GraphCache::new(100);
        assert_eq!((put(&cache, &a, 40), put(&cache, &b, 40), put(&cache, &a, 50)), (None, None, Some(40)));
        assert_eq!(cache.bytes(), 90);
        assert_eq!(put(&cache, &c, 20), None);
        assert_eq!((cache.peek(&b, |_| Some(())), cache.bytes()), (None, 70), "b was used longest ago");
        assert_eq!(put(&cache, &c, 101), Some(20), "too large to be kept, although it was worked out");
        assert_eq!((cache.peek(&c, |_| Some(())), cache.bytes()), (None, 50));
        cache.make_room(&c, 60);
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn deleted_graphs_and_failures_keep_nothing() {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        let [a, b] = ["a", "b"].map(|name| graph(&graphs, name));
        let cache = GraphCache::new(100);
        put(&cache, &a, 10);
        graphs.write("a", Op::Delete).unwrap();
        drop(a);
        graphs.reclaim().unwrap();
        put(&cache, &b, 5);
        cache.forget_deleted();
        assert_eq!(cache.bytes(), 5);
        let failed: Result<(), Cancelled> = cache.renew(&b, &Cancel::default(), |held| {
            *held = None;
            Err(Cancelled)
        });
        assert_eq!((failed, cache.bytes()), (Err(Cancelled), 0));
        assert!(cache.cached.lock().places.is_empty());
    }

    #[test]
    fn one_that_waits_gets_what_another_works_out_or_is_cancelled() {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        let a = graph(&graphs, "a");
        let cache = GraphCache::new(100);
        let (started, begun) = std::sync::mpsc::channel();
        let (release, gate) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let (cache, a) = (&cache, &a);
            scope.spawn(move || {
                let worked: Result<(), Cancelled> = cache.renew(a, &Cancel::default(), |held| {
                    started.send(()).unwrap();
                    gate.recv().unwrap();
                    *held = Some(7);
                    Ok(())
                });
                worked.unwrap();
            });
            begun.recv().unwrap();
            assert_eq!(cache.peek(a, |bytes| Some(*bytes)), None, "and does not block");
            let cancelled = Cancel::default();
            cancelled.cancel();
            assert_eq!(cache.renew(a, &cancelled, |_| Ok::<_, Cancelled>(())), Err(Cancelled));
            let waiting =
                scope.spawn(move || cache.renew(a, &Cancel::default(), |held| Ok::<_, Cancelled>(*held)));
            release.send(()).unwrap();
            assert_eq!(waiting.join().unwrap(), Ok(Some(7)));
        });
        assert_eq!(cache.bytes(), 7);
    }
}

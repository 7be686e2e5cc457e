//! Limits on requests in flight, so that overload is answered and one graph cannot take every place.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

/// Bytes of the requests in flight, whatever their number; one graph may have a quarter of them.
const MAX_BYTES: usize = 256 << 20;

/// Counts requests in flight and their bytes, in all and per graph.
pub(crate) struct Admission {
    limit: u32,
    places: Mutex<Places>,
    rejections: AtomicU64,
}

#[derive(Default)]
struct Places {
    total: Held,
    graphs: HashMap<Arc<str>, Held>,
}

#[derive(Default)]
struct Held {
    requests: u32,
    bytes: usize,
}

impl Held {
    /// Whether one more request of `bytes` fits; the first one always does.
    fn has_room(&self, bytes: usize, requests: u32, limit: usize) -> bool {
        self.requests < requests && (self.requests == 0 || self.bytes.saturating_add(bytes) <= limit)
    }

    fn add(&mut self, bytes: usize) {
        self.requests += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.requests -= 1;
        self.bytes -= bytes;
    }
}

/// A place in flight; given back when dropped.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    graph: Arc<str>,
    bytes: usize,
}

/// Refusal of a request for lack of a place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    #[error("BUSY: server at capacity, retry with backoff")]
    Server,
    #[error("BUSY: graph '{graph}' has its share of {share} requests in flight, retry with backoff")]
    Graph { graph: Arc<str>, share: u32 },
    #[error("BUSY: graph '{graph}' has its share of bytes in flight, retry with backoff")]
    GraphBytes { graph: Arc<str> },
}

impl Admission {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit, places: Mutex::default(), rejections: AtomicU64::new(0) })
    }

    /// A quarter of all places, at least one.
    fn share(&self) -> u32 {
        (self.limit / 4).max(1)
    }

    /// Takes a place for a request of `bytes`.
    pub(crate) fn admit(self: &Arc<Self>, graph: &Arc<str>, bytes: usize) -> Result<Permit, Busy> {
        let mut places = self.places.lock();
        let held = places.graphs.get(graph);
        let refusal = if !places.total.has_room(bytes, self.limit, MAX_BYTES) {
            Some(Busy::Server)
        } else if held.is_some_and(|held| held.requests >= self.share()) {
            Some(Busy::Graph { graph: Arc::clone(graph), share: self.share() })
        } else if held.is_some_and(|held| !held.has_room(bytes, self.share(), MAX_BYTES / 4)) {
            Some(Busy::GraphBytes { graph: Arc::clone(graph) })
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.rejections.fetch_add(1, Ordering::Relaxed);
            return Err(refusal);
        }
        places.total.add(bytes);
        places.graphs.entry(Arc::clone(graph)).or_default().add(bytes);
        Ok(Permit { admission: Arc::clone(self), graph: Arc::clone(graph), bytes })
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.places.lock().total.requests
    }

    pub(crate) fn available(&self) -> u32 {
        self.limit - self.in_flight()
    }

    pub(crate) fn rejections(&self) -> u64 {
        self.rejections.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut places = self.admission.places.lock();
        places.total.remove(self.bytes);
        if let Some(held) = places.graphs.get_mut(&self.graph) {
            held.remove(self.bytes);
            if held.requests == 0 {
                places.graphs.remove(&self.graph);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_graph_gets_a_quarter_and_the_others_the_rest() {
        let admission = Admission::new(8);
        let (a, b) = (Arc::<str>::from("a"), Arc::<str>::from("b"));
        let first = [admission.admit(&a, 10).unwrap(), admission.admit(&a, 10).unwrap()];
        let refused = admission.admit(&a, 10).err().unwrap();
        assert!(refused.to_string().starts_with("BUSY: graph 'a'"));
        let second = admission.admit(&b, 10).unwrap();
        assert_eq!(admission.in_flight(), 3);
        drop(first);
        drop(second);
        assert_eq!((admission.in_flight(), admission.rejections()), (0, 1));
        admission.admit(&a, 10).unwrap();
    }

    #[test]
    fn the_total_is_bounded() {
        let admission = Admission::new(4);
        let held: Vec<_> = (0..4).map(|n| admission.admit(&format!("g{n}").into(), 10).unwrap()).collect();
        assert_eq!(admission.admit(&"h".into(), 10).err(), Some(Busy::Server));
        drop(held);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let admission = Admission::new(1024);
        let (a, b) = (Arc::<str>::from("a"), Arc::<str>::from("b"));
        let huge = admission.admit(&a, MAX_BYTES).unwrap();
        assert!(admission.admit(&a, 1).is_err(), "over the graph's share");
        assert_eq!(admission.admit(&b, 1).err(), Some(Busy::Server));
        drop(huge);
        let held = [admission.admit(&a, MAX_BYTES / 8).unwrap(), admission.admit(&a, MAX_BYTES / 8).unwrap()];
        assert!(admission.admit(&a, 1).is_err());
        admission.admit(&b, 1).unwrap();
        drop(held);
    }
}

//! Limits on requests in flight, so that overload is answered and one graph cannot take every place.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

/// Counts requests in flight, in all and per graph.
pub(crate) struct Admission {
    limit: u32,
    places: Mutex<Places>,
    rejections: AtomicU64,
}

#[derive(Default)]
struct Places {
    total: u32,
    graphs: HashMap<Arc<str>, u32>,
}

/// A place in flight; given back when dropped.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    graph: Arc<str>,
}

/// Refusal of a request for lack of a place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    #[error("BUSY: server at capacity, retry with backoff")]
    Server,
    #[error("BUSY: graph '{graph}' has its share of {share} requests in flight, retry with backoff")]
    Graph { graph: Arc<str>, share: u32 },
}

impl Admission {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit, places: Mutex::default(), rejections: AtomicU64::new(0) })
    }

    /// A quarter of all places, at least one.
    fn share(&self) -> u32 {
        (self.limit / 4).max(1)
    }

    pub(crate) fn admit(self: &Arc<Self>, graph: &Arc<str>) -> Result<Permit, Busy> {
        let mut places = self.places.lock();
        if places.total >= self.limit {
            self.rejections.fetch_add(1, Ordering::Relaxed);
            return Err(Busy::Server);
        }
        let held = places.graphs.entry(Arc::clone(graph)).or_default();
        if *held >= self.share() {
            self.rejections.fetch_add(1, Ordering::Relaxed);
            return Err(Busy::Graph { graph: Arc::clone(graph), share: self.share() });
        }
        *held += 1;
        places.total += 1;
        Ok(Permit { admission: Arc::clone(self), graph: Arc::clone(graph) })
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.places.lock().total
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
        places.total -= 1;
        if let Some(held) = places.graphs.get_mut(&self.graph) {
            *held -= 1;
            if *held == 0 {
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
        let first = [admission.admit(&a).unwrap(), admission.admit(&a).unwrap()];
        let refused = admission.admit(&a).err().unwrap();
        assert!(refused.to_string().starts_with("BUSY: graph 'a'"));
        let second = admission.admit(&b).unwrap();
        assert_eq!(admission.in_flight(), 3);
        drop(first);
        drop(second);
        assert_eq!((admission.in_flight(), admission.rejections()), (0, 1));
        admission.admit(&a).unwrap();
    }

    #[test]
    fn the_total_is_bounded() {
        let admission = Admission::new(4);
        let held: Vec<_> = (0..4).map(|n| admission.admit(&format!("g{n}").into()).unwrap()).collect();
        assert_eq!(admission.admit(&"h".into()).err(), Some(Busy::Server));
        drop(held);
    }
}

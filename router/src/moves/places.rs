//! Where graphs were found that are not on the shard that the list gives them to.

use std::num::NonZero;

use epistemic_protocol::placement::Endpoint;
use lru::LruCache;
use parking_lot::Mutex;

/// Graphs remembered. One that is forgotten costs its next call the way from its owner again.
const MOST: NonZero<usize> = NonZero::new(1 << 16).expect("it is not 0");

/// By graph, least recently used forgotten first.
#[derive(Debug)]
pub(crate) struct Places(Mutex<LruCache<String, Endpoint>>);

impl Default for Places {
    fn default() -> Self {
        // The memory is taken as graphs come.
        let mut places = LruCache::unbounded();
        places.resize(MOST);
        Self(Mutex::new(places))
    }
}

impl Places {
    pub(crate) fn get(&self, graph: &str) -> Option<Endpoint> {
        self.0.lock().get(graph).cloned()
    }

    pub(crate) fn learn(&self, graph: &str, place: &Endpoint) {
        self.0.lock().put(graph.to_owned(), place.clone());
    }

    pub(crate) fn forget(&self, graph: &str) {
        self.0.lock().pop(graph);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_bound_and_the_oldest_goes_first() {
        let (places, place) = (Places::default(), Endpoint::parse("unix:///a").unwrap());
        for n in 0..=MOST.get() {
            places.learn(&n.to_string(), &place);
        }
        assert_eq!(places.get("0"), None);
        assert_eq!(places.get("1"), Some(place));
        places.forget("1");
        assert_eq!(places.get("1"), None);
        assert_eq!(places.0.lock().len(), MOST.get() - 1);
    }
}

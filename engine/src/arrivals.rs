//! How far the copies are that moves bring here, for those who watch them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use epistemic_storage::snapshot::Header;
use parking_lot::Mutex;

/// The copies that are taken in, by the names of their graphs.
#[derive(Default)]
pub(crate) struct Arrivals(Arc<Mutex<HashMap<String, Arc<Filled>>>>);

struct Filled {
    records: AtomicU64,
    of: u64,
    begun: Instant,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Records that arrived.
    pub(crate) records: u64,
    /// Records in all, by what the source said when it began to send; what it has of its ledger beyond that does not count.
    pub(crate) of: u64,
    /// Seconds left at the pace until now; none while there is none.
    pub(crate) left_s: Option<u64>,
}

/// A copy that is taken in until this is dropped.
pub(crate) struct Filling {
    all: Arc<Mutex<HashMap<String, Arc<Filled>>>>,
    graph: String,
    filled: Arc<Filled>,
}

impl Arrivals {
    /// A copy of the graph begins to arrive, in place of one of before.
    pub(crate) fn begin(&self, graph: &str, header: &Header) -> Filling {
        let ledger = (header.sequence + 1).saturating_sub(header.complete_from);
        let of = header.nodes.saturating_add(header.edges).saturating_add(ledger);
        let filled = Arc::new(Filled { records: AtomicU64::new(0), of, begun: Instant::now() });
        self.0.lock().insert(graph.to_owned(), Arc::clone(&filled));
        Filling { all: Arc::clone(&self.0), graph: graph.to_owned(), filled }
    }

    /// How far the copy of the graph is, while it is taken in.
    pub(crate) fn progress(&self, graph: &str) -> Option<Progress> {
        let all = self.0.lock();
        let Filled { records, of, begun } = &**all.get(graph)?;
        let records = records.load(Ordering::Relaxed);
        Some(progress(records, *of, begun.elapsed().as_secs_f64()))
    }
}

impl Filling {
    /// So many records of it are here.
    pub(crate) fn has(&self, records: u64) {
        self.filled.records.store(records, Ordering::Relaxed);
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if all.get(&self.graph).is_some_and(|filled| Arc::ptr_eq(filled, &self.filled)) {
            all.remove(&self.graph);
        }
    }
}

fn progress(records: u64, of: u64, seconds: f64) -> Progress {
    let of = of.max(records);
    let left = (of - records) as f64 * seconds / records as f64;
    let left_s = left.is_finite().then_some(left.ceil() as u64);
    Progress { records, of, left_s }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_goes_by_the_pace_until_now() {
        let of = |records, left_s| Progress { records, of: 1000, left_s };
        assert_eq!(progress(250, 1000, 10.0), of(250, Some(30)));
        assert_eq!(progress(0, 1000, 10.0), of(0, None), "there is no pace yet");
        assert_eq!(progress(1000, 1000, 10.0), of(1000, Some(0)));
        let more = Progress { records: 1200, of: 1200, left_s: Some(0) };
        assert_eq!(progress(1200, 1000, 10.0), more, "embeddings are not told before");
    }
}

//! The transfers of all connections: an export that nobody reads on keeps what was overwritten since on disk, so it is
//! ended after a while.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{
    memory::Accounts,
    transfer::{Open, Transfers},
};

/// Watches over the transfers of all connections.
pub(crate) struct OpenTransfers {
    connections: Mutex<Vec<Weak<Transfers>>>,
    /// Of all connections together: each has a thread and some buffers.
    places: Arc<Semaphore>,
    memory: Arc<Accounts>,
    /// So long a transfer may wait for its next piece; none for ever.
    idle_limit: Option<Duration>,
    ended: AtomicU64,
}

impl OpenTransfers {
    pub(crate) fn new(most: usize, memory: &Arc<Accounts>, idle_limit: Option<Duration>) -> Self {
        let (places, memory) = (Arc::new(Semaphore::new(most)), Arc::clone(memory));
        Self { connections: Mutex::default(), places, memory, idle_limit, ended: AtomicU64::new(0) }
    }

    /// The transfers of a new connection from `origin`.
    pub(crate) fn connect(&self, origin: &Arc<str>) -> Arc<Transfers> {
        let (places, memory) = (Arc::clone(&self.places), Arc::clone(&self.memory));
        let transfers = Arc::new(Transfers::new(places, memory, Arc::clone(origin)));
        self.connections.lock().push(Arc::downgrade(&transfers));
        transfers
    }

    /// Those of the connections that are there.
    fn all(&self) -> Vec<Arc<Transfers>> {
        let mut connections = self.connections.lock();
        connections.retain(|transfers| transfers.strong_count() > 0);
        connections.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends the transfers that have waited for too long. Call it now and then.
    pub(crate) fn end_idle(&self) {
        let all = self.all();
        let Some(limit) = self.idle_limit else { return };
        let ended: u64 = all.iter().map(|transfers| transfers.end_idle(limit)).sum();
        if ended > 0 {
            self.ended.fetch_add(ended, Ordering::Relaxed);
            tracing::warn!(
                transfers = ended,
                seconds = limit.as_secs(),
                "ended transfers that nobody went on with"
            );
        }
    }

    /// Transfers that were ended because nobody went on with them.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// What is open now, but for those whose next piece is on its way at this moment.
    pub(crate) fn open(&self) -> Open {
        self.all().iter().fold(Open::default(), |open, transfers| {
            let Open { count, oldest } = transfers.open();
            Open { count: open.count + count, oldest: open.oldest.max(oldest) }
        })
    }
}

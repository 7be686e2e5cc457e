//! Keeps the log short. A start replays it object by object, some thousand in a second, and SlateDB by itself does not write
//! tables before there are 4,096.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use slatedb::{
    Db, ErrorKind,
    config::{FlushOptions, FlushType},
};
use tokio::{sync::Notify, time::timeout};

/// Commits after which tables are written.
const COMMITS: u64 = 500;
/// After this time they are written if there was any commit.
const PERIOD: Duration = Duration::from_secs(10);

/// What lies in the log and in no table yet.
#[derive(Default)]
pub(crate) struct Unwritten {
    commits: AtomicU64,
    bytes: AtomicU64,
    many: Notify,
}

impl Unwritten {
    /// Another commit of this many bytes is in the log.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        if self.commits.fetch_add(1, Relaxed) + 1 >= COMMITS {
            self.many.notify_one();
        }
    }

    /// Commits that are in no table.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Bytes of keys and values, as they were committed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Writes tables of all that is in the log. Durable on return.
    pub(crate) async fn write(&self, db: &Db) -> Result<(), slatedb::Error> {
        let (commits, bytes) = (self.commits.swap(0, Relaxed), self.bytes.swap(0, Relaxed));
        let written = db.flush_with_options(FlushOptions { flush_type: FlushType::MemTable }).await;
        if written.is_err() {
            self.commits.fetch_add(commits, Relaxed);
            self.bytes.fetch_add(bytes, Relaxed);
        }
        written
    }
}

/// Writes tables again and again, until the database is closed.
pub(crate) async fn keep_log_short(db: Db, unwritten: Arc<Unwritten>) {
    loop {
        let _ = timeout(PERIOD, unwritten.many.notified()).await;
        if unwritten.commits.load(Relaxed) == 0 {
            if db.status().close_reason.is_some() {
                return;
            }
            continue;
        }
        if let Err(error) = unwritten.write(&db).await {
            if matches!(error.kind(), ErrorKind::Closed(_)) {
                return;
            }
            tracing::warn!(%error, "the log cannot be written to tables now: a start would take longer");
        }
    }
}

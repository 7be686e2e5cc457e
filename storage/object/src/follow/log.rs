//! The log as all states need it: what no table holds yet is read once, and kept until a table holds it.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use parking_lot::Mutex;
use slatedb::wal::{
    SlateDbWalReader, SlateDbWalReaderBuilder, WalError, WalFileRange, WalIterator, WalReader, WalRows,
};

use crate::{Result, error::of_slatedb, identity::DATABASE, location::Location};

/// The log of a store that others write, with the part that no table holds in memory.
pub(super) struct Log {
    below: SlateDbWalReader,
    kept: Mutex<BTreeMap<u64, WalRows>>,
    /// The last object that was seen.
    last: AtomicU64,
}

impl Log {
    pub(super) fn new(location: &Location) -> Result<Self> {
        let builder = SlateDbWalReaderBuilder::new()
            .with_path(location.path(DATABASE))
            .with_object_store(location.objects.clone());
        let below = builder.build().map_err(|error| of_slatedb(&location.url, &error))?;
        Ok(Self { below, kept: Mutex::default(), last: AtomicU64::new(0) })
    }

    /// The number of the last object that was seen. A state that was opened before this call has all up to there.
    pub(super) fn last(&self) -> u64 {
        self.last.load(SeqCst)
    }

    /// Objects in memory.
    pub(super) fn kept(&self) -> u64 {
        self.kept.lock().len() as u64
    }
}

#[async_trait]
impl WalReader for Log {
    async fn iterator(&self, range: WalFileRange) -> Result<Box<dyn WalIterator>, WalError> {
        let WalFileRange(Bound::Included(start), Bound::Excluded(end)) = range else {
            return self.below.iterator(range).await;
        };
        let from = {
            let mut kept = self.kept.lock();
            *kept = kept.split_off(&start);
            (start..end).find(|number| !kept.contains_key(number)).unwrap_or(end)
        };
        if from < end {
            let mut read = self.below.iterator((from..end).into()).await?;
            while let Some(object) = read.next().await.map_err(whole)? {
                self.kept.lock().insert(object.last_consumed_wal_file_id, object);
            }
        }
        let objects: VecDeque<WalRows> =
            self.kept.lock().range(start..end).map(|(_, rows)| rows.clone()).collect();
        if objects.len() as u64 != end - start {
            return Err(gone(format!("{} of {} objects", objects.len(), end - start)));
        }
        Ok(Box::new(Kept(objects)))
    }

    async fn last_wal_file_id(&self, replay_after: u64) -> Result<u64, WalError> {
        let last = self.below.last_wal_file_id(replay_after.max(self.last())).await?;
        self.last.fetch_max(last, SeqCst);
        Ok(last)
    }
}

/// SlateDB takes a log that ends in the middle for all that there is: the state would be an older one than it is taken for.
fn whole(error: WalError) -> WalError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is open, and all others are told as they are"
    )]
    match error {
        WalError::WalTruncated(number) => gone(format!("it ends before object {number}")),
        error => error,
    }
}

fn gone(detail: String) -> WalError {
    let text = format!("a part of the log was removed while it was read: {detail}");
    WalError::Unavailable(Arc::new(std::io::Error::other(text)))
}

struct Kept(VecDeque<WalRows>);

#[async_trait]
impl WalIterator for Kept {
    async fn next(&mut self) -> Result<Option<WalRows>, WalError> {
        Ok(self.0.pop_front())
    }
}

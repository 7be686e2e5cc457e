//! Checkpoints of the shard: on request, at an interval and at shutdown.

use std::{collections::HashSet, sync::Arc, time::Instant};

use epistemic_storage::{
    GraphStore, StoreError, clock,
    datadir::{DataDir, Retention, create_checkpoint_keeping, list_checkpoints},
};
use parking_lot::Mutex;

use crate::metrics::Metrics;

/// Names of graphs written since the last checkpoint. Keeps none where there are no checkpoints.
pub(crate) struct Dirty {
    enabled: bool,
    names: Mutex<HashSet<Arc<str>>>,
}

impl Dirty {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, names: Mutex::default() }
    }

    pub(crate) fn note(&self, names: impl Iterator<Item = Arc<str>>) {
        if self.enabled {
            self.names.lock().extend(names);
        }
    }

    fn take(&self) -> HashSet<Arc<str>> {
        std::mem::take(&mut self.names.lock())
    }
}

/// Takes checkpoints, one at a time.
pub(crate) struct Checkpoints {
    directory: Option<DataDir>,
    retention: Retention,
    dirty: Arc<Dirty>,
    metrics: Arc<Metrics>,
    /// Change number of the store at the newest checkpoint.
    newest: Mutex<Option<u64>>,
}

impl Checkpoints {
    /// Without a directory every checkpoint does nothing. Graphs changed behind the newest checkpoint count as written.
    pub(crate) fn new(
        directory: Option<DataDir>,
        keep: usize,
        dirty: Arc<Dirty>,
        metrics: Arc<Metrics>,
        graphs: &GraphStore,
    ) -> Result<Self, StoreError> {
        let mut newest = None;
        if let Some(directory) = &directory {
            // They are copies: a store whose copies cannot be looked at is served all the same.
            let taken = list_checkpoints(directory.path()).unwrap_or_else(|error| {
                tracing::warn!(%error, "the checkpoints cannot be listed");
                Vec::new()
            });
            newest = taken.last().map(|info| info.sequence);
            if newest != Some(graphs.store().stats()?.sequence) {
                dirty.note(graphs.graphs().iter().map(|graph| Arc::clone(graph.name())));
            }
        }
        let retention = Retention { newest: keep, by_age: true };
        Ok(Self { directory, retention, dirty, metrics, newest: Mutex::new(newest) })
    }

    pub(crate) fn directory(&self) -> Option<&DataDir> {
        self.directory.as_ref()
    }

    /// Takes a checkpoint when anything changed since the last one; returns how many graphs had changed. Blocks;
    /// durable on return.
    pub(crate) fn take(&self, graphs: &GraphStore) -> Result<usize, StoreError> {
        let Some(directory) = &self.directory else {
            return Ok(0);
        };
        let mut newest = self.newest.lock();
        let sequence = graphs.store().stats()?.sequence;
        if *newest == Some(sequence) {
            self.metrics.checkpoint_done(None, clock::unix_ms());
            return Ok(0);
        }
        let dirty = self.dirty.take();
        let begun = Instant::now();
        let info = create_checkpoint_keeping(directory, graphs.store(), self.retention)
            .inspect_err(|_| self.dirty.note(dirty.iter().cloned()))?;
        *newest = Some(info.sequence);
        self.metrics.checkpoint_done(Some(begun.elapsed()), clock::unix_ms());
        let all = graphs.graph_count();
        let written = dirty.iter().filter(|name| graphs.graph(name).is_ok()).count();
        tracing::info!(
            checkpoint = info.name,
            "Checkpoint wrote {written} graph(s), skipped {} clean, to {}",
            all.saturating_sub(written),
            directory.path().display()
        );
        Ok(written)
    }
}

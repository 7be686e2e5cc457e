//! Checkpoints of the shard: on request, at an interval and at shutdown. Those of a directory lie in it; those of a store on an
//! object store are its restore points.

use std::{collections::HashSet, sync::Arc, time::Instant};

use epistemic_storage::{
    GraphStore, RestorePoint, RestorePoints, Retention, StoreError, clock,
    datadir::{CheckpointInfo, DataDir, create_checkpoint_keeping, list_checkpoints},
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

    /// Whether there are checkpoints.
    pub(crate) fn is_kept(&self) -> bool {
        self.enabled
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
    /// Those of an object store, oldest first, as they were when one was last taken: asking takes a request for each.
    points: Mutex<Vec<RestorePoint>>,
    /// Change number of the store at the newest checkpoint.
    newest: Mutex<Option<u64>>,
}

/// A checkpoint, for the status.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) created_ms: u64,
    pub(crate) bytes: u64,
}

impl Checkpoints {
    /// Without a directory and without restore points every checkpoint does nothing. Graphs changed behind the newest
    /// checkpoint count as written.
    pub(crate) fn new(
        directory: Option<DataDir>,
        retention: Retention,
        dirty: Arc<Dirty>,
        metrics: Arc<Metrics>,
        graphs: &GraphStore,
    ) -> Result<Self, StoreError> {
        let (mut newest, mut points) = (None, Vec::new());
        // They are copies: a store whose copies cannot be looked at is served all the same.
        let unlisted = |error: &StoreError| tracing::warn!(%error, "the checkpoints cannot be listed");
        if let Some(directory) = &directory {
            let taken = list_checkpoints(directory.path()).inspect_err(unlisted).unwrap_or_default();
            newest = taken.last().map(|info| info.sequence);
        } else if let Some(kept) = graphs.store().restore_points() {
            points = kept.list().inspect_err(unlisted).unwrap_or_default();
            newest = points.last().map(|point| point.sequence);
        }
        if dirty.enabled && newest != Some(graphs.store().stats()?.sequence) {
            dirty.note(graphs.graphs().iter().map(|graph| Arc::clone(graph.name())));
        }
        let (points, newest) = (Mutex::new(points), Mutex::new(newest));
        Ok(Self { directory, retention, dirty, metrics, points, newest })
    }

    pub(crate) fn directory(&self) -> Option<&DataDir> {
        self.directory.as_ref()
    }

    /// Complete ones, oldest first. Looks into the directory; asks no object store.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let Some(directory) = &self.directory else {
            let listed = |point: &RestorePoint| Listed {
                name: point.name.clone(),
                created_ms: point.created_ms,
                bytes: point.bytes,
            };
            return Ok(self.points.lock().iter().map(listed).collect());
        };
        let listed = |info: &CheckpointInfo| Listed {
            name: info.name.clone(),
            created_ms: info.created_ms,
            bytes: info.bytes(),
        };
        Ok(list_checkpoints(directory.path())?.iter().map(listed).collect())
    }

    /// Takes a checkpoint when anything changed since the last one; returns how many graphs had changed. Blocks;
    /// durable on return.
    pub(crate) fn take(&self, graphs: &GraphStore) -> Result<usize, StoreError> {
        let points = graphs.store().restore_points();
        if self.directory.is_none() && points.is_none() {
            return Ok(0);
        }
        let mut newest = self.newest.lock();
        let sequence = graphs.store().stats()?.sequence;
        if *newest == Some(sequence) {
            self.metrics.checkpoint_done(None, clock::unix_ms());
            return Ok(0);
        }
        let dirty = self.dirty.take();
        let begun = Instant::now();
        let taken = match (&self.directory, points) {
            (Some(directory), _) => create_checkpoint_keeping(directory, graphs.store(), self.retention)
                .map(|info| (info.name, info.sequence, directory.path().display().to_string())),
            (None, Some(points)) => self
                .keep_point(points)
                .map(|point| (point.name, point.sequence, "the object store".to_owned())),
            (None, None) => return Ok(0),
        };
        let (name, taken, place) = taken.inspect_err(|_| self.dirty.note(dirty.iter().cloned()))?;
        *newest = Some(taken);
        self.metrics.checkpoint_done(Some(begun.elapsed()), clock::unix_ms());
        let all = graphs.graph_count();
        let written = dirty.iter().filter(|name| graphs.graph(name).is_ok()).count();
        tracing::info!(
            checkpoint = name,
            "Checkpoint wrote {written} graph(s), skipped {} clean, to {place}",
            all.saturating_sub(written),
        );
        Ok(written)
    }

    /// Makes a restore point, and gives up those that are not to stay. One that cannot be given up stays.
    fn keep_point(&self, points: &dyn RestorePoints) -> Result<RestorePoint, StoreError> {
        let earlier = self.points.lock().last().map_or(0, |last| last.created_ms);
        let name = format!("{:015}", clock::unix_ms().max(earlier + 1));
        let point = points.create(&name)?;
        let mut all = points.list()?;
        let taken: Vec<u64> = all.iter().map(|point| point.created_ms).collect();
        for place in self.retention.surplus(&taken).into_iter().rev() {
            match points.delete(&all[place].name) {
                Ok(()) => {
                    all.remove(place);
                }
                Err(error) => {
                    tracing::warn!(checkpoint = all[place].name, %error, "an old checkpoint cannot be given up");
                }
            }
        }
        *self.points.lock() = all;
        Ok(point)
    }
}

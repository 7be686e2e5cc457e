//! Changes of records that belong to no graph: those of channels and identities, reservations, reclamation. They are committed
//! in one batch with a group of writes, and share its sync.

use std::sync::{
    Arc,
    mpsc::{SyncSender, sync_channel},
};

use parking_lot::Mutex;

use crate::{
    batch::WriteBatch,
    error::{Result, StoreError},
    graph::store::GraphStore,
    store::Durability,
};

/// Called once with how the commit has ended, before any write of the group is answered.
pub(crate) type End<'a> = Box<dyn FnOnce(Result<()>) + 'a>;

/// Takes changes to be committed with the next group; gives them back when nobody commits groups any more.
pub type GroupCommitter = dyn Fn(Arc<dyn Beside>) -> std::result::Result<(), Arc<dyn Beside>> + Send + Sync;

/// Changes that wait to be committed with a group. Who made them is told of their end by their own ways.
pub trait Beside: Send + Sync {
    /// When they are to be on disk, at the latest.
    #[doc(hidden)]
    fn durability(&self) -> Durability;

    /// Whether they give more room back than they take.
    #[doc(hidden)]
    fn frees_room(&self) -> bool {
        false
    }

    /// Adds what waits to the batch. Once in a group, one group at a time, before the writes of graphs.
    #[doc(hidden)]
    fn begin<'a>(&'a self, graphs: &'a GraphStore, batch: &mut WriteBatch) -> End<'a>;

    /// Whether some of it was left for the next group: whoever commits goes on with it.
    fn has_more(&self) -> bool {
        false
    }

    /// Tells all who wait that nothing was done, and leaves nothing for a next group. Those whose commit has begun go on waiting.
    fn refuse(&self, error: &StoreError);
}

impl GraphStore {
    /// Has changes of records that belong to no graph committed by `committer` from now on, together with the writes that it
    /// commits ([`GraphStore::commit_with`]). Without one each is a commit of its own. A first one stays. It must not block, and
    /// gives back what it cannot have committed.
    pub fn set_group_committer(&self, committer: Box<GroupCommitter>) {
        let first = self.group_committer.set(committer).is_ok();
        debug_assert!(first, "there is one committer");
    }

    /// Has what waits committed: with the next group, or here and now, which blocks.
    pub(crate) fn commit_beside(&self, changes: Arc<dyn Beside>) {
        let left = match self.group_committer.get() {
            Some(committer) => committer(changes).err(),
            None => Some(changes),
        };
        let Some(changes) = left else { return };
        loop {
            self.commit_with(&[], &[], std::slice::from_ref(&changes), changes.durability());
            if !changes.has_more() {
                return;
            }
        }
    }

    /// Commits the records that `build` adds to a batch, together with a group where there is one. Blocks; on return they are as
    /// durable as asked. `build` runs between two commits. Nothing is committed when it adds nothing. Fails as
    /// [`GraphStore::commit`] does. Not for the thread that commits groups, which would wait for itself.
    pub(crate) fn commit_records(
        &self,
        durability: Durability,
        room: Room,
        build: impl FnOnce(&GraphStore, &mut WriteBatch) + Send + 'static,
    ) -> Result<()> {
        let (reply, replied) = sync_channel(1);
        let build = Mutex::new(Some(Box::new(build) as Build));
        self.commit_beside(Arc::new(Records { durability, room, build, reply }));
        replied.recv().unwrap_or_else(|_| Err(StoreError::other("the server is shutting down")))
    }
}

/// What becomes of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Records take it.
    Takes,
    /// More is given back than taken.
    Frees,
}

type Build = Box<dyn FnOnce(&GraphStore, &mut WriteBatch) + Send>;

/// One change, which somebody waits for.
struct Records {
    durability: Durability,
    room: Room,
    build: Mutex<Option<Build>>,
    reply: SyncSender<Result<()>>,
}

impl Records {
    fn answer(&self, result: Result<()>) {
        // It has room for the one answer there is.
        let _ = self.reply.try_send(result);
    }
}

impl Beside for Records {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn frees_room(&self) -> bool {
        self.room == Room::Frees
    }

    fn begin<'a>(&'a self, graphs: &'a GraphStore, batch: &mut WriteBatch) -> End<'a> {
        if let Some(build) = self.build.lock().take() {
            build(graphs, batch);
        }
        Box::new(|result| self.answer(result))
    }

    fn refuse(&self, error: &StoreError) {
        if self.build.lock().take().is_some() {
            self.answer(Err(error.clone()));
        }
    }
}

/// The changes beside a group that is being committed. Those that free room are apart: they may go through without the others.
#[derive(Default)]
pub(crate) struct Begun<'a> {
    batches: [WriteBatch; 2],
    ends: [Vec<End<'a>>; 2],
    must_sync: bool,
}

impl<'a> Begun<'a> {
    pub(crate) fn begin(graphs: &'a GraphStore, besides: &'a [Arc<dyn Beside>]) -> Self {
        let mut begun = Self::default();
        for beside in besides {
            let room = usize::from(beside.frees_room());
            begun.ends[room].push(beside.begin(graphs, &mut begun.batches[room]));
            begun.must_sync |= beside.durability() == Durability::Sync;
        }
        begun
    }

    pub(crate) fn must_sync(&self) -> bool {
        self.must_sync && !self.batches.iter().all(WriteBatch::is_empty)
    }

    pub(crate) fn any_frees_room(&self) -> bool {
        !self.batches[1].is_empty()
    }

    pub(crate) fn all_free_room(&self) -> bool {
        self.batches[0].is_empty()
    }

    /// Ends those that take room.
    pub(crate) fn refuse_takers(&mut self, error: &StoreError) {
        self.batches[0] = WriteBatch::new();
        for end in std::mem::take(&mut self.ends[0]) {
            end(Err(error.clone()));
        }
    }

    /// These changes, then those of the group: where both are of one record, that of the group is the newer one.
    pub(crate) fn before(&self, group: WriteBatch) -> WriteBatch {
        if self.batches.iter().all(WriteBatch::is_empty) {
            return group;
        }
        let mut all = WriteBatch::new();
        for batch in self.batches.iter().chain([&group]) {
            all.append(batch);
        }
        all
    }

    pub(crate) fn end(self, result: &Result<()>) {
        for end in self.ends.into_iter().flatten() {
            end(result.clone());
        }
    }
}

//! A party for tests that sees every call.

use std::io::Read;

use anyhow::Result;
use epistemic_storage::graph::{Changes, Departure, Fenced, Origin};

use super::{
    directory::DirectoryParty,
    party::{Admission, Changed, Content, Export, Look, Party, Refusal, Status},
};
use crate::remote::ServiceTaken;

/// What happens around a call.
pub(crate) trait Hook: Send + Sync {
    /// Runs the call, or fails instead or after it.
    fn call<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T>;
}

/// A party all of whose calls go through a hook.
pub(crate) struct Hooked<H> {
    pub(crate) hook: H,
    pub(crate) inner: DirectoryParty,
    /// Bytes of ledger records in one answer at most.
    pub(crate) max_bytes: usize,
}

impl<H: Hook> Party for Hooked<H> {
    fn endpoint(&self) -> &str {
        self.inner.endpoint()
    }
    fn is_guarded(&self) -> Result<bool> {
        self.hook.call(|| self.inner.is_guarded())
    }
    fn status(&self, graph: &str) -> Result<Option<Status>> {
        self.hook.call(|| self.inner.status(graph))
    }
    fn look(&self, graph: &str, move_id: &str) -> Result<Look> {
        self.hook.call(|| self.inner.look(graph, move_id))
    }
    fn export(&self, graph: &str) -> Result<Export> {
        self.hook.call(|| self.inner.export(graph))
    }
    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Changes> {
        self.hook.call(|| self.inner.changes(graph, after, max_bytes.min(self.max_bytes)))
    }
    fn content(&self, graph: &str) -> Result<Content> {
        self.hook.call(|| self.inner.content(graph))
    }
    fn changed(&self, graph: &str, after: u64) -> Result<Changed> {
        self.hook.call(|| self.inner.changed(graph, after))
    }
    fn arrive(&self, graph: &str, move_id: &str, from: &str) -> Result<()> {
        self.hook.call(|| self.inner.arrive(graph, move_id, from))
    }
    fn export_service(&self) -> Result<Box<dyn Read + Send>> {
        self.hook.call(|| self.inner.export_service())
    }
    fn import_service(&self, input: &mut (dyn Read + Send)) -> Result<ServiceTaken> {
        self.hook.call(|| self.inner.import_service(input))
    }
    fn fill(
        &self,
        graph: &str,
        move_id: &str,
        origin: Option<Origin>,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()> {
        self.hook.call(|| self.inner.fill(graph, move_id, origin, input, sent))
    }
    fn replay(
        &self,
        graph: &str,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<u64> {
        self.hook.call(|| self.inner.replay(graph, move_id, copy, records))
    }
    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<Fenced> {
        self.hook.call(|| self.inner.fence(graph, move_id, to, lease_ms))
    }
    fn renew(&self, graph: &str, token: u64, lease_ms: u64) -> Result<()> {
        self.hook.call(|| self.inner.renew(graph, token, lease_ms))
    }
    fn release(&self, graph: &str, token: u64) -> Result<()> {
        self.hook.call(|| self.inner.release(graph, token))
    }
    fn depart(&self, graph: &str, move_id: &str, departure: &Departure) -> Result<()> {
        self.hook.call(|| self.inner.depart(graph, move_id, departure))
    }
    fn admit(&self, graph: &str, move_id: &str, agreed: &Admission) -> Result<()> {
        self.hook.call(|| self.inner.admit(graph, move_id, agreed))
    }
    fn admit_as(
        &self,
        graph: &str,
        move_id: &str,
        agreed: &Admission,
        served: &str,
        replace: bool,
    ) -> Result<()> {
        self.hook.call(|| self.inner.admit_as(graph, move_id, agreed, served, replace))
    }
    fn checkpoint(&self) -> Result<()> {
        self.hook.call(|| self.inner.checkpoint())
    }
    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()> {
        self.hook.call(|| self.inner.drop_records(graph, move_id))
    }
    fn refuse(&self, graph: &str, move_id: &str, refusal: Refusal<'_>) -> Result<Look> {
        self.hook.call(|| self.inner.refuse(graph, move_id, refusal))
    }
    fn come_back(&self, graph: &str, move_id: &str) -> Result<()> {
        self.hook.call(|| self.inner.come_back(graph, move_id))
    }
}

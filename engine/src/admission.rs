//! Limits on requests in flight, so that overload is answered and nobody can take every place.
//!
//! Who has many places gets no more of them as they become few: a graph may have as many as are free, a tenant three times
//! as many. So there are always some for those who have none. Long work, computations and reads of whole graphs, has half
//! of the places at most: writes have the rest, however many computations wait.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use epistemic_protocol::ErrorCode;
use parking_lot::Mutex;

use crate::{account::Account, memory::Charge};

/// Bytes of the requests in flight, whatever their number; one graph may have a quarter of them.
const MAX_BYTES: usize = 256 << 20;

/// What a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A write.
    Short,
    /// A computation, or a read of a whole graph.
    Long,
}

/// Counts requests in flight and their bytes, in all, per tenant and per graph.
pub(crate) struct Admission {
    limit: u32,
    places: Mutex<Places>,
    rejections: AtomicU64,
}

#[derive(Default)]
struct Places {
    total: Held,
    /// Those of long work, which the total has too.
    long: u32,
    tenants: HashMap<Arc<str>, Held>,
    graphs: HashMap<Arc<str>, Held>,
}

#[derive(Default, Clone, Copy)]
struct Held {
    requests: u32,
    bytes: usize,
}

impl Held {
    /// Whether one more request of `bytes` fits; the first one always does.
    fn has_room(self, bytes: usize, requests: u32, limit: usize) -> bool {
        self.requests < requests && (self.requests == 0 || self.bytes.saturating_add(bytes) <= limit)
    }

    fn add(&mut self, bytes: usize) {
        self.requests += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.requests -= 1;
        self.bytes -= bytes;
    }
}

/// A place in flight; given back when dropped.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    account: Account,
    kind: Kind,
    bytes: usize,
    /// For what the request became when it was decoded.
    _memory: Option<Charge>,
}

impl Permit {
    /// The same, holding a charge for as long.
    pub(crate) fn with(mut self, charge: Charge) -> Self {
        self._memory = Some(charge);
        self
    }
}

/// Refusal of a request for lack of a place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    #[error("{code}: server at capacity, retry with backoff", code = ErrorCode::Busy)]
    Server,
    #[error(
        "{code}: {tenant} has its share of the requests in flight, retry with backoff",
        code = ErrorCode::Busy
    )]
    Tenant { tenant: Arc<str> },
    #[error(
        "{code}: graph '{graph}' has its share of {share} requests in flight, retry with backoff",
        code = ErrorCode::Busy
    )]
    Graph { graph: Arc<str>, share: u32 },
    #[error(
        "{code}: graph '{graph}' has its share of bytes in flight, retry with backoff",
        code = ErrorCode::Busy
    )]
    GraphBytes { graph: Arc<str> },
}

impl Admission {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit, places: Mutex::default(), rejections: AtomicU64::new(0) })
    }

    /// A quarter of all places, at least one.
    fn share(&self) -> u32 {
        (self.limit / 4).max(1)
    }

    /// Takes a place for a request of `bytes`.
    pub(crate) fn admit(
        self: &Arc<Self>,
        account: &Account,
        kind: Kind,
        bytes: usize,
    ) -> Result<Permit, Busy> {
        let mut places = self.places.lock();
        if let Some(refusal) = self.refusal(&places, account, kind, bytes) {
            self.rejections.fetch_add(1, Ordering::Relaxed);
            return Err(refusal);
        }
        places.total.add(bytes);
        places.long += u32::from(kind == Kind::Long);
        places.tenants.entry(Arc::clone(&account.tenant)).or_default().add(bytes);
        places.graphs.entry(Arc::clone(&account.graph)).or_default().add(bytes);
        Ok(Permit { admission: Arc::clone(self), account: account.clone(), kind, bytes, _memory: None })
    }

    fn refusal(&self, places: &Places, account: &Account, kind: Kind, bytes: usize) -> Option<Busy> {
        let free = match kind {
            Kind::Short => self.limit - places.total.requests,
            Kind::Long => (self.limit - places.total.requests).min(self.most_long() - places.long),
        };
        if free == 0 || !places.total.has_room(bytes, self.limit, MAX_BYTES) {
            return Some(Busy::Server);
        }
        let graph = places.graphs.get(&account.graph).copied().unwrap_or_default();
        if graph.requests >= self.share() {
            return Some(Busy::Graph { graph: Arc::clone(&account.graph), share: self.share() });
        }
        if !graph.has_room(bytes, self.share(), MAX_BYTES / 4) {
            return Some(Busy::GraphBytes { graph: Arc::clone(&account.graph) });
        }
        if graph.requests >= free {
            return Some(Busy::Server);
        }
        let tenant = places.tenants.get(&account.tenant).copied().unwrap_or_default();
        let over =
            tenant.requests >= free.saturating_mul(3) || !tenant.has_room(bytes, u32::MAX, MAX_BYTES / 4 * 3);
        // The first requests of a graph have a place while there are some: a tenant's graphs are fair to each other too.
        if over && !(graph.requests == 0 && free > self.limit / 16) {
            return Some(Busy::Tenant { tenant: Arc::clone(&account.tenant) });
        }
        None
    }

    /// Places that long work may have.
    fn most_long(&self) -> u32 {
        (self.limit / 2).max(1)
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.places.lock().total.requests
    }

    /// All places.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
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
        let Places { total, long, tenants, graphs } = &mut *places;
        total.remove(self.bytes);
        *long -= u32::from(self.kind == Kind::Long);
        give_back(tenants, &self.account.tenant, self.bytes);
        give_back(graphs, &self.account.graph, self.bytes);
    }
}

fn give_back(all: &mut HashMap<Arc<str>, Held>, whose: &Arc<str>, bytes: usize) {
    if let Some(held) = all.get_mut(whose) {
        held.remove(bytes);
        if held.requests == 0 {
            all.remove(whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(tenant: &str, graph: &str) -> Account {
        Account { tenant: tenant.into(), graph: graph.into() }
    }

    fn short(admission: &Arc<Admission>, account: &Account, bytes: usize) -> Result<Permit, Busy> {
        admission.admit(account, Kind::Short, bytes)
    }

    #[test]
    fn one_graph_gets_a_quarter_and_the_others_the_rest() {
        let admission = Admission::new(8);
        let (a, b) = (account("t", "a"), account("t", "b"));
        let first = [short(&admission, &a, 10).unwrap(), short(&admission, &a, 10).unwrap()];
        let refused = short(&admission, &a, 10).err().unwrap();
        assert!(refused.to_string().starts_with("BUSY: graph 'a'"));
        let second = short(&admission, &b, 10).unwrap();
        assert_eq!(admission.in_flight(), 3);
        drop(first);
        drop(second);
        assert_eq!((admission.in_flight(), admission.rejections()), (0, 1));
        short(&admission, &a, 10).unwrap();
    }

    #[test]
    fn the_total_is_bounded() {
        let admission = Admission::new(4);
        let held: Vec<_> = (0..4)
            .map(|n| short(&admission, &account(&format!("t{n}"), &format!("g{n}")), 10).unwrap())
            .collect();
        assert_eq!(short(&admission, &account("u", "h"), 10).err(), Some(Busy::Server));
        drop(held);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let admission = Admission::new(1024);
        let (a, b) = (account("t", "a"), account("u", "b"));
        let huge = short(&admission, &a, MAX_BYTES).unwrap();
        assert!(short(&admission, &a, 1).is_err(), "over the graph's share");
        assert_eq!(short(&admission, &b, 1).err(), Some(Busy::Server));
        drop(huge);
        let held =
            [short(&admission, &a, MAX_BYTES / 8).unwrap(), short(&admission, &a, MAX_BYTES / 8).unwrap()];
        assert!(short(&admission, &a, 1).is_err());
        short(&admission, &b, 1).unwrap();
        drop(held);
    }

    /// Takes all places that a tenant gets on so many graphs.
    fn take_all(admission: &Arc<Admission>, tenant: &str, graphs: usize, kind: Kind) -> Vec<Permit> {
        let mut held = Vec::new();
        for _ in 0..1024 {
            for graph in 0..graphs {
                let account = account(tenant, &format!("{tenant} {graph}"));
                held.extend(admission.admit(&account, kind, 10));
            }
        }
        held
    }

    #[test]
    fn a_tenant_with_many_graphs_leaves_places_to_the_others() {
        let admission = Admission::new(1024);
        let greedy = take_all(&admission, "greedy", 64, Kind::Short);
        assert!(greedy.len() >= 700 && greedy.len() <= 960, "{}", greedy.len());
        let second = take_all(&admission, "second", 64, Kind::Short);
        assert!(second.len() >= 32, "{}", second.len());
        for n in 0..16 {
            short(&admission, &account("victim", "v"), 10).unwrap_or_else(|busy| panic!("{n}: {busy}"));
        }
        drop((greedy, second));
        assert_eq!(admission.in_flight(), 0);
    }

    #[test]
    fn computations_that_wait_leave_half_of_the_places_to_writes() {
        let admission = Admission::new(1024);
        let waiting = take_all(&admission, "t", 4, Kind::Long);
        let more = take_all(&admission, "u", 4, Kind::Long);
        assert!(waiting.len() + more.len() <= 512);
        // Of the same tenant, of another graph.
        let _writes: Vec<_> =
            (0..100).map(|_| short(&admission, &account("t", "victim"), 10).unwrap()).collect();
    }
}

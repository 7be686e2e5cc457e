//! Transactions that clients stage over several requests. They are kept in memory until they are committed, rolled back or
//! forgotten: when they are idle for too long, or the connection that began them has ended. So a restart forgets them all,
//! and nothing of one was done that was not committed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use epistemic_storage::{
    Mutation,
    graph::{OptimisticTransaction, Seen},
    limits::{OverLimit, RequestLimits},
};
use parking_lot::Mutex;

use crate::{
    account::Account,
    memory::{Accounts, Charge, NoRoom, Part},
    transfer::Transfers,
};

/// Open transactions of one graph at most, of one tenant, and of all.
const MOST_OF_GRAPH: usize = 256;
const MOST_OF_TENANT: usize = 1024;
const MOST: usize = 4096;
/// Changes of one transaction at most: the commit thread makes them in one go, while other writers wait.
const MOST_CHANGES: usize = 100_000;
/// Bytes of one transaction at most; all together have a part of the memory.
const MOST_BYTES: usize = 64 << 20;
/// What a change, or a node that was seen, takes beside its ids and values.
const OVERHEAD: usize = 128;
/// So long a transaction may wait for its next request.
const IDLE: Duration = Duration::from_secs(300);

/// Why a transaction is not begun, or a step of it not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "unknown transaction '{0}': it was committed or rolled back, was idle for {idle} s, or the connection that began \
         it has ended; begin again",
        idle = IDLE.as_secs()
    )]
    Unknown(String),
    #[error(
        "too many open transactions for graph '{0}': {MOST_OF_GRAPH} are the most; commit or roll back some"
    )]
    OfGraph(Arc<str>),
    #[error(
        "too many open transactions of one tenant: {MOST_OF_TENANT} are the most; commit or roll back some"
    )]
    OfTenant,
    #[error("too many open transactions: {MOST} are the most; commit or roll back some")]
    TooMany,
    #[error("the transaction has {MOST_CHANGES} changes, which is the most; commit it in parts")]
    Changes,
    #[error("the transaction would have more than {MOST_BYTES} bytes, which is the most; commit it in parts")]
    Bytes,
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// The open transactions of all clients.
pub(crate) struct Transactions {
    memory: Arc<Accounts>,
    state: Mutex<State>,
    forgotten: AtomicU64,
}

#[derive(Default)]
struct State {
    open: HashMap<String, Open>,
}

struct Open {
    graph: Arc<str>,
    /// Who began it.
    agent: Option<String>,
    /// The connection that began it.
    connection: Weak<Transfers>,
    /// What was seen first of the nodes that its changes touch.
    reads: HashMap<String, Seen>,
    changes: Vec<Mutation>,
    /// For their bytes.
    charge: Charge,
    /// Bytes that the changes write, roughly.
    cost: usize,
    used: Instant,
}

impl Open {
    fn is_over(&self, now: Instant) -> bool {
        self.connection.strong_count() == 0 || now.saturating_duration_since(self.used) > IDLE
    }
}

/// How much a transaction is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Bytes that it takes here.
    pub(crate) bytes: usize,
    /// Bytes that its changes write, roughly.
    pub(crate) cost: usize,
    /// Whether they add to what is stored.
    pub(crate) grows: bool,
}

/// A transaction that is to be committed.
pub(crate) struct Staged {
    pub(crate) transaction: OptimisticTransaction,
    /// To be held until it is done.
    pub(crate) charge: Charge,
}

impl Transactions {
    pub(crate) fn new(memory: &Arc<Accounts>) -> Self {
        Self { memory: Arc::clone(memory), state: Mutex::default(), forgotten: AtomicU64::new(0) }
    }

    /// Begins a transaction, on the account of `tenant`; returns its name, which nobody can guess.
    pub(crate) fn begin(
        &self,
        Account { tenant, graph }: Account,
        agent: Option<&str>,
        connection: &Arc<Transfers>,
    ) -> Result<String, Refusal> {
        self.forget(Instant::now());
        let mut state = self.state.lock();
        if state.open.len() >= MOST {
            return Err(Refusal::TooMany);
        }
        let (mut of_graph, mut of_tenant) = (0, 0);
        for open in state.open.values() {
            of_graph += usize::from(open.graph == graph);
            of_tenant += usize::from(*open.charge.owner() == *tenant);
        }
        if of_graph >= MOST_OF_GRAPH {
            return Err(Refusal::OfGraph(graph));
        }
        if of_tenant >= MOST_OF_TENANT {
            return Err(Refusal::OfTenant);
        }
        let id = format!("txn-{:032x}", rand::random::<u128>());
        let open = Open {
            graph,
            agent: agent.map(str::to_owned),
            connection: Arc::downgrade(connection),
            reads: HashMap::new(),
            changes: Vec::new(),
            charge: self.memory.open(Part::Transactions, &tenant),
            cost: 0,
            used: Instant::now(),
        };
        state.open.insert(id.clone(), open);
        Ok(id)
    }

    /// The graph of a transaction.
    pub(crate) fn graph(&self, id: &str, agent: Option<&str>) -> Result<Arc<str>, Refusal> {
        Ok(Arc::clone(&self.state.lock().of(id, agent)?.graph))
    }

    /// Adds a change to a transaction, and what its nodes are now; what was seen of them before stays.
    pub(crate) fn stage(
        &self,
        id: &str,
        agent: Option<&str>,
        change: Mutation,
        seen: Vec<(String, Seen)>,
        limits: &RequestLimits,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        let open = state.of(id, agent)?;
        let is_new = |(node, _): &&(String, Seen)| !open.reads.contains_key(node);
        let reads: usize = seen.iter().filter(is_new).map(|(node, _)| OVERHEAD + node.len()).sum();
        let bytes = open.charge.bytes() + OVERHEAD + change.bytes() + reads;
        if open.changes.len() >= MOST_CHANGES {
            return Err(Refusal::Changes);
        }
        if bytes > MOST_BYTES {
            return Err(Refusal::Bytes);
        }
        let cost = open.cost + change.cost();
        limits.check_batch(cost)?;
        open.charge.set(bytes)?;
        for (node, seen) in seen {
            open.reads.entry(node).or_insert(seen);
        }
        open.changes.push(change);
        open.cost = cost;
        open.used = Instant::now();
        Ok(())
    }

    /// Takes a transaction out, if `admit` has room for it.
    pub(crate) fn take<T, E: From<Refusal>>(
        &self,
        id: &str,
        agent: Option<&str>,
        admit: impl FnOnce(Size) -> Result<T, E>,
    ) -> Result<(Staged, T), E> {
        let mut state = self.state.lock();
        let open = state.of(id, agent)?;
        let grows = open.changes.iter().any(Mutation::grows);
        let admitted = admit(Size { bytes: open.charge.bytes(), cost: open.cost, grows })?;
        let open = state.open.remove(id).ok_or_else(|| Refusal::Unknown(id.to_owned()))?;
        let Open { reads, changes, charge, .. } = open;
        let transaction = OptimisticTransaction { reads: reads.into_iter().collect(), changes, report: None };
        Ok((Staged { transaction, charge }, admitted))
    }

    /// Gives a transaction up.
    pub(crate) fn roll_back(&self, id: &str, agent: Option<&str>) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        state.of(id, agent)?;
        state.open.remove(id);
        Ok(())
    }

    /// Forgets transactions that are idle for too long or whose connection has ended. Call it now and then.
    pub(crate) fn forget(&self, now: Instant) {
        let mut state = self.state.lock();
        let over: Vec<_> =
            state.open.iter().filter(|(_, open)| open.is_over(now)).map(|(id, _)| id.clone()).collect();
        for id in &over {
            state.open.remove(id);
        }
        drop(state);
        self.forgotten.fetch_add(over.len() as u64, Ordering::Relaxed);
    }

    /// Open transactions, and their bytes.
    pub(crate) fn open(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.open.len(), state.open.values().map(|open| open.charge.bytes()).sum())
    }

    /// Transactions that were forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}

impl State {
    /// The transaction, if it is the agent's.
    fn of(&mut self, id: &str, agent: Option<&str>) -> Result<&mut Open, Refusal> {
        let open = self.open.get_mut(id);
        let open = open.filter(|open| open.agent.as_deref() == agent && !open.is_over(Instant::now()));
        open.ok_or_else(|| Refusal::Unknown(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::memory::{Budget, MemoryBudget};

    fn change(bytes: usize) -> Mutation {
        Mutation::AddNode { id: "n".into(), properties: vec![0; bytes] }
    }

    fn add(transactions: &Transactions, id: &str, bytes: usize) -> Result<(), Refusal> {
        transactions.stage(
            id,
            None,
            change(bytes),
            vec![("n".into(), Seen::of(None))],
            &RequestLimits::default(),
        )
    }

    fn unknown(id: &str) -> Refusal {
        Refusal::Unknown(id.into())
    }

    fn account(graph: &str) -> Account {
        Account { tenant: "tenant t".into(), graph: graph.into() }
    }

    /// With 256 MiB for all of them, and the connection of a client.
    fn open() -> (Transactions, Arc<Transfers>) {
        let memory = Accounts::new(&Budget::of(MemoryBudget::Bytes(16 << 30), &[]).unwrap());
        let transfers = Transfers::new(Arc::new(Semaphore::new(0)), Arc::clone(&memory), "peer".into());
        (Transactions::new(&memory), Arc::new(transfers))
    }

    fn take(
        transactions: &Transactions,
        id: &str,
        agent: Option<&str>,
    ) -> Result<OptimisticTransaction, Refusal> {
        transactions.take(id, agent, |_| Ok::<_, Refusal>(())).map(|(staged, ())| staged.transaction)
    }

    #[test]
    fn what_was_seen_first_counts() {
        let (transactions, connection) = open();
        let id = transactions.begin(account("g"), None, &connection).unwrap();
        for seen in [None, Some(b"1".as_slice())] {
            transactions
                .stage(&id, None, change(1), vec![("n".into(), Seen::of(seen))], &RequestLimits::default())
                .unwrap();
        }
        let staged = take(&transactions, &id, None).unwrap();
        assert_eq!(staged.reads, [("n".to_owned(), Seen::of(None))]);
        assert_eq!(staged.changes, [change(1), change(1)]);
        assert_eq!(transactions.open(), (0, 0));
        assert_eq!(take(&transactions, &id, None).unwrap_err(), unknown(&id));
    }

    #[test]
    fn one_belongs_to_who_began_it() {
        let (transactions, connection) = open();
        let id = transactions.begin(account("g"), Some("a"), &connection).unwrap();
        for other in [None, Some("b"), Some("")] {
            assert_eq!(transactions.graph(&id, other), Err(unknown(&id)));
            assert_eq!(transactions.roll_back(&id, other), Err(unknown(&id)));
            assert_eq!(take(&transactions, &id, other).unwrap_err(), unknown(&id));
        }
        transactions.roll_back(&id, Some("a")).unwrap();
    }

    #[test]
    fn one_without_room_stays() {
        let (transactions, connection) = open();
        let id = transactions.begin(account("g"), None, &connection).unwrap();
        let refused = transactions.take(&id, None, |_| Err::<(), _>(Refusal::TooMany));
        assert_eq!(refused.err(), Some(Refusal::TooMany));
        take(&transactions, &id, None).unwrap();
    }

    #[test]
    fn idle_ones_and_those_of_connections_that_ended_are_forgotten() {
        let (transactions, connection) = open();
        let id = transactions.begin(account("g"), None, &connection).unwrap();
        add(&transactions, &id, 10).unwrap();
        let begun = Instant::now();
        transactions.forget(begun + IDLE / 2);
        assert_eq!(transactions.open().0, 1);
        transactions.forget(begun + IDLE * 2);
        assert_eq!((transactions.open(), transactions.forgotten()), ((0, 0), 1));
        assert_eq!(add(&transactions, &id, 10), Err(unknown(&id)));

        let id = transactions.begin(account("g"), None, &connection).unwrap();
        add(&transactions, &id, 10).unwrap();
        drop(connection);
        assert_eq!(add(&transactions, &id, 10), Err(unknown(&id)), "at once");
        transactions.forget(Instant::now());
        assert_eq!((transactions.open(), transactions.forgotten()), ((0, 0), 2));
    }

    #[test]
    fn they_are_bounded_in_number_and_bytes() {
        let (transactions, connection) = open();
        let begin_of = |tenant: String, graph: &str| {
            let account = Account { tenant: tenant.into(), graph: graph.into() };
            transactions.begin(account, None, &connection)
        };
        let begin = |graph: &str| begin_of("tenant t".into(), graph);
        let ids: Vec<_> = (0..MOST_OF_GRAPH).map(|_| begin("g").unwrap()).collect();
        assert_eq!(begin("g"), Err(Refusal::OfGraph("g".into())));
        for number in MOST_OF_GRAPH..MOST_OF_TENANT {
            begin(&(number / MOST_OF_GRAPH).to_string()).unwrap();
        }
        assert_eq!(begin("other"), Err(Refusal::OfTenant));
        for number in MOST_OF_TENANT..MOST {
            begin_of((number / MOST_OF_TENANT).to_string(), &(number / MOST_OF_GRAPH).to_string()).unwrap();
        }
        assert_eq!(begin_of("v".into(), "v"), Err(Refusal::TooMany));
        transactions.roll_back(&ids[0], None).unwrap();
        begin("other").unwrap();

        let half = MOST_BYTES / 2;
        add(&transactions, &ids[1], half).unwrap();
        assert_eq!(add(&transactions, &ids[1], half), Err(Refusal::Bytes));
        for id in &ids[2..4] {
            add(&transactions, id, half).unwrap();
        }
        // The tenant has half of all.
        let no_room = NoRoom::Now { part: Part::Transactions, limit: 256 << 20 };
        assert_eq!(add(&transactions, &ids[9], half), Err(no_room.into()));
        assert_eq!(transactions.open().1, transactions.memory.held(Part::Transactions));
        transactions.roll_back(&ids[1], None).unwrap();
        add(&transactions, &ids[9], half).unwrap();
    }

    #[test]
    fn changes_are_bounded() {
        let (transactions, connection) = open();
        let id = transactions.begin(account("g"), None, &connection).unwrap();
        for _ in 0..MOST_CHANGES {
            add(&transactions, &id, 0).unwrap();
        }
        assert_eq!(add(&transactions, &id, 0), Err(Refusal::Changes));
    }
}

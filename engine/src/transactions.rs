//! Transactions that clients stage over several requests. They are kept in memory until they are committed, rolled back or
//! forgotten: when they are idle for too long, or the connection that began them has ended. So a restart forgets them all,
//! and nothing of one was done that was not committed.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use epistemic_storage::{
    graph::{OptimisticTransaction, Seen, TransactionChange},
    limits::{OverLimit, RequestLimits},
};
use parking_lot::Mutex;

use crate::transfer::Transfers;

/// Open transactions of one graph at most, and of all.
const MOST_OF_GRAPH: usize = 256;
const MOST: usize = 4096;
/// Changes of one transaction at most: the commit thread makes them in one go, while other writers wait.
const MOST_CHANGES: usize = 100_000;
/// Bytes of one transaction at most, and of all together.
const MOST_BYTES: usize = 64 << 20;
const MOST_BYTES_OF_ALL: usize = 256 << 20;
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
    #[error("too many open transactions: {MOST} are the most; commit or roll back some")]
    TooMany,
    #[error("the transaction has {MOST_CHANGES} changes, which is the most; commit it in parts")]
    Changes,
    #[error("the transaction would have more than {MOST_BYTES} bytes, which is the most; commit it in parts")]
    Bytes,
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    #[error(
        "BUSY: the open transactions of all clients have their share of memory, commit or retry with backoff"
    )]
    BytesOfAll,
}

/// The open transactions of all clients.
#[derive(Default)]
pub(crate) struct Transactions {
    state: Mutex<State>,
    forgotten: AtomicU64,
}

#[derive(Default)]
struct State {
    open: HashMap<String, Open>,
    bytes: usize,
}

struct Open {
    graph: Arc<str>,
    /// Who began it.
    agent: Option<String>,
    /// The connection that began it.
    connection: Weak<Transfers>,
    /// What was seen first of the nodes that its changes touch.
    reads: HashMap<String, Seen>,
    changes: Vec<TransactionChange>,
    bytes: usize,
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
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) transaction: OptimisticTransaction,
    pub(crate) bytes: usize,
}

impl Transactions {
    /// Begins a transaction; returns its name, which nobody can guess.
    pub(crate) fn begin(
        &self,
        graph: Arc<str>,
        agent: Option<&str>,
        connection: &Arc<Transfers>,
    ) -> Result<String, Refusal> {
        self.forget(Instant::now());
        let mut state = self.state.lock();
        if state.open.len() >= MOST {
            return Err(Refusal::TooMany);
        }
        if state.open.values().filter(|open| open.graph == graph).count() >= MOST_OF_GRAPH {
            return Err(Refusal::OfGraph(graph));
        }
        let id = format!("txn-{:032x}", rand::random::<u128>());
        let open = Open {
            graph,
            agent: agent.map(str::to_owned),
            connection: Arc::downgrade(connection),
            reads: HashMap::new(),
            changes: Vec::new(),
            bytes: 0,
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
        change: TransactionChange,
        seen: Vec<(String, Seen)>,
        limits: &RequestLimits,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        let all = state.bytes;
        let open = state.of(id, agent)?;
        let is_new = |(node, _): &&(String, Seen)| !open.reads.contains_key(node);
        let reads: usize = seen.iter().filter(is_new).map(|(node, _)| OVERHEAD + node.len()).sum();
        let bytes = OVERHEAD + change.bytes() + reads;
        if open.changes.len() >= MOST_CHANGES {
            return Err(Refusal::Changes);
        }
        if open.bytes + bytes > MOST_BYTES {
            return Err(Refusal::Bytes);
        }
        let cost = open.cost + change.cost();
        limits.check_batch(cost)?;
        if all + bytes > MOST_BYTES_OF_ALL {
            return Err(Refusal::BytesOfAll);
        }
        for (node, seen) in seen {
            open.reads.entry(node).or_insert(seen);
        }
        open.changes.push(change);
        open.bytes += bytes;
        open.cost = cost;
        open.used = Instant::now();
        state.bytes += bytes;
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
        let grows = open.changes.iter().any(TransactionChange::grows);
        let admitted = admit(Size { bytes: open.bytes, cost: open.cost, grows })?;
        let open = state.remove(id).ok_or_else(|| Refusal::Unknown(id.to_owned()))?;
        let Open { reads, changes, bytes, .. } = open;
        let transaction = OptimisticTransaction { reads: reads.into_iter().collect(), changes, report: None };
        Ok((Staged { transaction, bytes }, admitted))
    }

    /// Gives a transaction up.
    pub(crate) fn roll_back(&self, id: &str, agent: Option<&str>) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        state.of(id, agent)?;
        state.remove(id);
        Ok(())
    }

    /// Forgets transactions that are idle for too long or whose connection has ended. Call it now and then.
    pub(crate) fn forget(&self, now: Instant) {
        let mut state = self.state.lock();
        let over: Vec<_> =
            state.open.iter().filter(|(_, open)| open.is_over(now)).map(|(id, _)| id.clone()).collect();
        for id in &over {
            state.remove(id);
        }
        drop(state);
        self.forgotten.fetch_add(over.len() as u64, Ordering::Relaxed);
    }

    /// Open transactions, and their bytes.
    pub(crate) fn open(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.open.len(), state.bytes)
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

    fn remove(&mut self, id: &str) -> Option<Open> {
        let Entry::Occupied(open) = self.open.entry(id.to_owned()) else { return None };
        let open = open.remove();
        self.bytes -= open.bytes;
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn change(bytes: usize) -> TransactionChange {
        TransactionChange::AddNode { id: "n".into(), properties: vec![0; bytes] }
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

    fn connection() -> Arc<Transfers> {
        Arc::new(Transfers::new(Arc::new(Semaphore::new(0))))
    }

    fn take(transactions: &Transactions, id: &str, agent: Option<&str>) -> Result<Staged, Refusal> {
        transactions.take(id, agent, |_| Ok::<_, Refusal>(())).map(|(staged, ())| staged)
    }

    #[test]
    fn what_was_seen_first_counts() {
        let (transactions, connection) = (Transactions::default(), connection());
        let id = transactions.begin("g".into(), None, &connection).unwrap();
        for seen in [None, Some(b"1".as_slice())] {
            transactions
                .stage(&id, None, change(1), vec![("n".into(), Seen::of(seen))], &RequestLimits::default())
                .unwrap();
        }
        let staged = take(&transactions, &id, None).unwrap();
        assert_eq!(staged.transaction.reads, [("n".to_owned(), Seen::of(None))]);
        assert_eq!(staged.transaction.changes, [change(1), change(1)]);
        assert_eq!(transactions.open(), (0, 0));
        assert_eq!(take(&transactions, &id, None).unwrap_err(), unknown(&id));
    }

    #[test]
    fn one_belongs_to_who_began_it() {
        let (transactions, connection) = (Transactions::default(), connection());
        let id = transactions.begin("g".into(), Some("a"), &connection).unwrap();
        for other in [None, Some("b"), Some("")] {
            assert_eq!(transactions.graph(&id, other), Err(unknown(&id)));
            assert_eq!(transactions.roll_back(&id, other), Err(unknown(&id)));
            assert_eq!(take(&transactions, &id, other).unwrap_err(), unknown(&id));
        }
        transactions.roll_back(&id, Some("a")).unwrap();
    }

    #[test]
    fn one_without_room_stays() {
        let (transactions, connection) = (Transactions::default(), connection());
        let id = transactions.begin("g".into(), None, &connection).unwrap();
        let refused = transactions.take(&id, None, |_| Err::<(), _>(Refusal::BytesOfAll));
        assert_eq!(refused.unwrap_err(), Refusal::BytesOfAll);
        take(&transactions, &id, None).unwrap();
    }

    #[test]
    fn idle_ones_and_those_of_connections_that_ended_are_forgotten() {
        let (transactions, connection) = (Transactions::default(), connection());
        let id = transactions.begin("g".into(), None, &connection).unwrap();
        add(&transactions, &id, 10).unwrap();
        let begun = Instant::now();
        transactions.forget(begun + IDLE / 2);
        assert_eq!(transactions.open().0, 1);
        transactions.forget(begun + IDLE * 2);
        assert_eq!((transactions.open(), transactions.forgotten()), ((0, 0), 1));
        assert_eq!(add(&transactions, &id, 10), Err(unknown(&id)));

        let id = transactions.begin("g".into(), None, &connection).unwrap();
        add(&transactions, &id, 10).unwrap();
        drop(connection);
        assert_eq!(add(&transactions, &id, 10), Err(unknown(&id)), "at once");
        transactions.forget(Instant::now());
        assert_eq!((transactions.open(), transactions.forgotten()), ((0, 0), 2));
    }

    #[test]
    fn they_are_bounded_in_number_and_bytes() {
        let (transactions, connection) = (Transactions::default(), connection());
        let begin = |graph: &str| transactions.begin(graph.into(), None, &connection);
        let ids: Vec<_> = (0..MOST_OF_GRAPH).map(|_| begin("g").unwrap()).collect();
        assert_eq!(begin("g"), Err(Refusal::OfGraph("g".into())));
        for number in MOST_OF_GRAPH..MOST {
            begin(&(number / MOST_OF_GRAPH).to_string()).unwrap();
        }
        assert_eq!(begin("other"), Err(Refusal::TooMany));
        transactions.roll_back(&ids[0], None).unwrap();
        begin("other").unwrap();

        let half = MOST_BYTES / 2;
        add(&transactions, &ids[1], half).unwrap();
        assert_eq!(add(&transactions, &ids[1], half), Err(Refusal::Bytes));
        for id in &ids[2..9] {
            add(&transactions, id, half - 1024).unwrap();
        }
        assert_eq!(add(&transactions, &ids[9], half), Err(Refusal::BytesOfAll));
        transactions.roll_back(&ids[1], None).unwrap();
        add(&transactions, &ids[9], half).unwrap();
    }

    #[test]
    fn changes_are_bounded() {
        let (transactions, connection) = (Transactions::default(), connection());
        let id = transactions.begin("g".into(), None, &connection).unwrap();
        for _ in 0..MOST_CHANGES {
            add(&transactions, &id, 0).unwrap();
        }
        assert_eq!(add(&transactions, &id, 0), Err(Refusal::Changes));
    }
}

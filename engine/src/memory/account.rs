//! Who holds how much of the memory that requests fill.

use std::{collections::HashMap, sync::Arc};

use epistemic_protocol::ErrorCode;
use parking_lot::Mutex;

use super::budget::{Budget, Part};

/// What is held of each part, in all and by whom.
pub(crate) struct Accounts {
    requests: Account,
    answers: Account,
    transfers: Account,
    transactions: Account,
}

struct Account {
    part: Part,
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    /// By tenant, or where a request comes from that is not decoded yet.
    owners: HashMap<Arc<str>, usize>,
    refused: u64,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    /// At this moment.
    #[error(
        "{code}: {of} fill their memory, {limit} bytes ({flag}); nothing was changed, retry with backoff",
        of = words(.part), flag = flag(.part), code = ErrorCode::Busy
    )]
    Now { part: Part, limit: usize },
    /// Nor ever.
    #[error(
        "{code}: {bytes} bytes of memory for one of the {of}, {limit} are the most ({flag}); nothing was changed, ask for less at \
         a time ({code:#})",
        of = words(.part), flag = flag(.part), code = ErrorCode::LimitExceeded
    )]
    Ever { part: Part, bytes: usize, limit: usize },
    /// On disk, at this moment, for an answer that has none in memory.
    #[error(
        "{code}: large answers fill their room on disk (--answer-disk, --min-free-bytes); nothing was changed, retry with backoff",
        code = ErrorCode::Busy
    )]
    Disk,
}

fn words(part: &Part) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "there are four accounts")]
    match part {
        Part::Answers => "answers that their clients have not taken yet",
        Part::Transfers => "snapshots in pieces",
        Part::Transactions => "open transactions",
        _ => "requests in progress",
    }
}

fn flag(part: &Part) -> &'static str {
    if *part == Part::Answers { "--answer-memory" } else { "--memory-budget" }
}

/// A part of an account; given back when dropped.
pub(crate) struct Charge {
    accounts: Arc<Accounts>,
    part: Part,
    owner: Arc<str>,
    bytes: usize,
    /// What the same request holds by other charges.
    along: usize,
}

impl Accounts {
    pub(crate) fn new(budget: &Budget) -> Arc<Self> {
        let account = |part| Account { part, limit: budget.bytes(part), held: Mutex::default() };
        Arc::new(Self {
            requests: account(Part::Requests),
            answers: account(Part::Answers),
            transfers: account(Part::Transfers),
            transactions: account(Part::Transactions),
        })
    }

    fn of(&self, part: Part) -> &Account {
        #[expect(clippy::wildcard_enum_match_arm, reason = "there are four accounts")]
        match part {
            Part::Answers => &self.answers,
            Part::Transfers => &self.transfers,
            Part::Transactions => &self.transactions,
            _ => &self.requests,
        }
    }

    /// A charge of nothing, to be [grown](Charge::set).
    pub(crate) fn open(self: &Arc<Self>, part: Part, owner: &Arc<str>) -> Charge {
        Charge { accounts: Arc::clone(self), part, owner: Arc::clone(owner), bytes: 0, along: 0 }
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// There is no room for them.
    pub(crate) fn take(
        self: &Arc<Self>,
        part: Part,
        owner: &Arc<str>,
        bytes: usize,
    ) -> Result<Charge, NoRoom> {
        let mut charge = self.open(part, owner);
        charge.set(bytes)?;
        Ok(charge)
    }

    /// The most bytes of a part.
    pub(crate) fn limit(&self, part: Part) -> usize {
        self.of(part).limit
    }

    /// Bytes held of a part.
    pub(crate) fn held(&self, part: Part) -> usize {
        self.of(part).held.lock().total
    }

    /// How often there was no room in any of them.
    pub(crate) fn refused(&self) -> u64 {
        [&self.requests, &self.answers, &self.transfers, &self.transactions]
            .iter()
            .map(|account| account.held.lock().refused)
            .sum()
    }
}

impl Account {
    /// Changes what `owner` holds from `old` bytes to `new`. Less always fits; what `must` be told is counted and not refused. One
    /// owner has half of all, but for a single request, which holds `along` bytes besides.
    fn change(
        &self,
        owner: &Arc<str>,
        (old, new): (usize, usize),
        along: usize,
        must: bool,
    ) -> Result<(), NoRoom> {
        let mut held = self.held.lock();
        let own = held.owners.get(owner).copied().unwrap_or(0);
        let (others, beside) = (held.total - old, own - old);
        let fits = others.saturating_add(new) <= self.limit
            && (beside <= along || beside.saturating_add(new) <= self.limit / 2);
        if new > old && !fits && !must {
            held.refused += 1;
            let (part, limit) = (self.part, self.limit);
            let bytes = new.saturating_add(along);
            return Err(if bytes > limit {
                NoRoom::Ever { part, bytes, limit }
            } else {
                NoRoom::Now { part, limit }
            });
        }
        held.total = others + new;
        match beside + new {
            0 => drop(held.owners.remove(owner)),
            bytes => drop(held.owners.insert(Arc::clone(owner), bytes)),
        }
        Ok(())
    }
}

impl Charge {
    /// The same, of a request that holds `along` bytes by other charges: what does not fit beside them never does.
    pub(crate) fn beside(mut self, along: usize) -> Self {
        self.along = along;
        self
    }

    /// Changes it to `bytes`; when that fails it stays as it was.
    ///
    /// # Errors
    /// There is no room for more.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if bytes != self.bytes {
            self.accounts.of(self.part).change(&self.owner, (self.bytes, bytes), self.along, false)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Changes it to `bytes`, which are there already.
    pub(crate) fn note(&mut self, bytes: usize) {
        if bytes != self.bytes
            && self.accounts.of(self.part).change(&self.owner, (self.bytes, bytes), self.along, true).is_ok()
        {
            self.bytes = bytes;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// On whose account it is.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.note(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Given, MemoryBudget};

    const MIB: usize = 1 << 20;

    fn accounts(mib: u64) -> Arc<Accounts> {
        let given = Given { part: Part::Answers, bytes: mib << 20, flag: "--answer-memory" };
        Accounts::new(&Budget::of(MemoryBudget::Bytes(2 << 30), &[given]).unwrap())
    }

    #[test]
    fn a_tenant_gets_half_and_what_is_given_back_is_there_again() {
        let accounts = accounts(100);
        let (greedy, other) = ("greedy".into(), "other".into());
        let take = |owner: &Arc<str>| accounts.take(Part::Answers, owner, 10 * MIB);
        let held: Vec<_> = (0..20).map_while(|_| take(&greedy).ok()).collect();
        assert_eq!(held.len(), 5);
        let _others: Vec<_> = (0..5).map(|_| take(&other).unwrap()).collect();
        assert!(take(&"third".into()).is_err());
        assert_eq!((accounts.held(Part::Answers), accounts.refused()), (100 * MIB, 2));
        drop(held);
        assert_eq!(accounts.held(Part::Answers), 50 * MIB);
        take(&"third".into()).unwrap();
        assert_eq!(accounts.held(Part::Requests), 0, "another account");
    }

    #[test]
    fn a_single_charge_may_have_all_and_no_more() {
        let accounts = accounts(100);
        let own = "t".into();
        let mut single = accounts.take(Part::Answers, &own, 60 * MIB).unwrap();
        single.set(100 * MIB).unwrap();
        assert!(matches!(single.set(101 * MIB), Err(NoRoom::Ever { .. })));
        assert_eq!(single.bytes(), 100 * MIB);
        single.set(60 * MIB).unwrap();
        let second = accounts.take(Part::Answers, &own, MIB).err();
        assert_eq!(second, Some(NoRoom::Now { part: Part::Answers, limit: 100 * MIB }));
        assert!(
            second
                .unwrap()
                .to_string()
                .starts_with("BUSY: answers that their clients have not taken yet fill")
        );
        drop(single);
        assert_eq!(accounts.held(Part::Answers), 0);
    }

    #[test]
    fn what_does_not_fit_beside_its_own_request_never_does() {
        let accounts = accounts(100);
        let (origin, own) = ("10.0.0.7".into(), "t".into());
        let _frame = accounts.take(Part::Answers, &origin, 40 * MIB).unwrap();
        let mut decoded = accounts.open(Part::Answers, &own).beside(40 * MIB);
        assert!(matches!(decoded.set(61 * MIB), Err(NoRoom::Ever { .. })));
        decoded.set(30 * MIB).unwrap();
        let mut more = accounts.open(Part::Answers, &own).beside(70 * MIB);
        more.set(30 * MIB).unwrap();
        assert!(accounts.take(Part::Answers, &own, MIB).is_err());
    }

    #[test]
    fn what_is_there_already_is_counted_and_not_refused() {
        let accounts = accounts(100);
        let mut told = accounts.open(Part::Answers, &"t".into());
        told.note(150 * MIB);
        assert_eq!(accounts.held(Part::Answers), 150 * MIB);
        assert!(accounts.take(Part::Answers, &"u".into(), MIB).is_err());
        told.set(MIB).unwrap();
        accounts.take(Part::Answers, &"u".into(), MIB).unwrap();
    }
}

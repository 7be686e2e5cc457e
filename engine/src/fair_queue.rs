//! Work that waits, taken in turn: weighted fair queueing with a self-clocked virtual time.
//!
//! Each graph has a line, whose first work is due at the virtual time at which it would be done if all lines were served side
//! by side, and what is due first is taken. The graphs of a tenant share what one tenant gets, so that many graphs give nobody
//! more. Who asks for little is served before those who ask for much.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use crate::account::Account;

/// Waiting work, each piece with its cost.
pub(crate) struct FairQueue<T> {
    lines: HashMap<Account, Line<T>>,
    /// The lines by when their first work is due.
    order: BTreeMap<Due, Account>,
    /// Lines of each tenant.
    tenants: HashMap<Arc<str>, u64>,
    /// The virtual time: that of what was taken last.
    now: u64,
    next: u64,
    len: usize,
    /// Its work was passed over for want of room: it is the first when there is room for anything.
    passed_over: Option<Account>,
}

/// A virtual time, and a number that keeps those of the same time in their order.
type Due = (u64, u64);

/// The work on one graph.
struct Line<T> {
    work: VecDeque<(u64, T)>,
    due: Due,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            order: BTreeMap::new(),
            tenants: HashMap::new(),
            now: 0,
            next: 0,
            len: 0,
            passed_over: None,
        }
    }
}

impl<T> FairQueue<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether work waits on this account.
    pub(crate) fn has(&self, account: &Account) -> bool {
        self.lines.contains_key(account)
    }

    /// Adds work behind the other of its account.
    pub(crate) fn push(&mut self, account: &Account, cost: u64, work: T) {
        self.len += 1;
        match self.lines.get_mut(account) {
            Some(line) => line.work.push_back((cost, work)),
            None => self.begin_line(account, VecDeque::from([(cost, work)])),
        }
    }

    /// Puts work before the other of its account.
    pub(crate) fn put_back(&mut self, account: &Account, cost: u64, work: T) {
        self.len += 1;
        let mut line = self.remove(account).map_or_else(VecDeque::new, |line| line.work);
        line.push_front((cost, work));
        self.begin_line(account, line);
    }

    fn begin_line(&mut self, account: &Account, work: VecDeque<(u64, T)>) {
        *self.tenants.entry(Arc::clone(&account.tenant)).or_default() += 1;
        let cost = work.front().map_or(0, |(cost, _)| *cost);
        let due = self.due(account, self.now, cost);
        self.order.insert(due, account.clone());
        self.lines.insert(account.clone(), Line { work, due });
    }

    /// When work is due that begins at `begin`.
    fn due(&mut self, account: &Account, begin: u64, cost: u64) -> Due {
        self.next += 1;
        let lines = self.tenants.get(&account.tenant).copied().unwrap_or(1);
        (begin.saturating_add(cost.max(1).saturating_mul(lines)), self.next)
    }

    /// Takes the next work of an account that `may` have some done, and that costs no more than there is `room` for; without a
    /// bound what had no room before is the first.
    pub(crate) fn pop(
        &mut self,
        room: Option<u64>,
        may: impl Fn(&Account) -> bool,
    ) -> Option<(Account, u64, T)> {
        if room.is_none()
            && let Some(account) = self.passed_over.take()
            && self.has(&account)
            && may(&account)
        {
            return self.take(&account);
        }
        let mut found = None;
        for account in self.order.values().filter(|account| may(account)) {
            let cost =
                self.lines.get(account).and_then(|line| line.work.front()).map_or(0, |(cost, _)| *cost);
            if room.is_none_or(|room| cost <= room) {
                found = Some(account.clone());
                break;
            }
            self.passed_over.get_or_insert_with(|| account.clone());
        }
        self.take(&found?)
    }

    fn take(&mut self, account: &Account) -> Option<(Account, u64, T)> {
        let mut line = self.remove(account)?;
        let (cost, work) = line.work.pop_front()?;
        self.len -= 1;
        self.now = self.now.max(line.due.0);
        if !line.work.is_empty() {
            self.begin_line(account, line.work);
        }
        Some((account.clone(), cost, work))
    }

    fn remove(&mut self, account: &Account) -> Option<Line<T>> {
        let line = self.lines.remove(account)?;
        self.order.remove(&line.due);
        if let Some(lines) = self.tenants.get_mut(&account.tenant) {
            *lines -= 1;
            if *lines == 0 {
                self.tenants.remove(&account.tenant);
            }
        }
        Some(line)
    }

    /// Takes out all work that `goes`.
    pub(crate) fn extract(&mut self, goes: impl Fn(&T) -> bool) -> Vec<T> {
        let mut gone = Vec::new();
        for line in self.lines.values_mut() {
            let (out, kept): (Vec<_>, Vec<_>) = line.work.drain(..).partition(|(_, work)| goes(work));
            gone.extend(out.into_iter().map(|(_, work)| work));
            line.work = kept.into();
        }
        self.len -= gone.len();
        let empty = self.lines.iter().filter(|(_, line)| line.work.is_empty());
        let empty: Vec<_> = empty.map(|(account, _)| account.clone()).collect();
        for account in &empty {
            self.remove(account);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(tenant: &str, graph: &str) -> Account {
        Account { tenant: tenant.into(), graph: graph.into() }
    }

    fn pop_all(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop(None, |_| true)).map(|(.., work)| work).collect()
    }

    #[test]
    fn tenants_take_turns_however_many_graphs_they_have() {
        let mut queue = FairQueue::default();
        for graph in ["1", "2", "3", "4"] {
            for _ in 0..10 {
                queue.push(&account("many", graph), 1000, "many");
            }
        }
        for _ in 0..5 {
            queue.push(&account("one", "g"), 1000, "one");
        }
        let order = pop_all(&mut queue);
        assert_eq!(order.len(), 45);
        // Within ten pieces of work each of them had about half.
        let ones = order[..10].iter().filter(|work| **work == "one").count();
        assert!((4..=5).contains(&ones), "{order:?}");
        assert!(queue.is_empty());
    }

    #[test]
    fn little_work_does_not_wait_for_much() {
        let mut queue = FairQueue::default();
        for _ in 0..4 {
            queue.push(&account("a", "g"), 8 << 20, "large");
        }
        for _ in 0..3 {
            queue.push(&account("b", "h"), 200, "small");
        }
        assert_eq!(pop_all(&mut queue), ["small", "small", "small", "large", "large", "large", "large"]);
        // Also between graphs of one tenant.
        queue.push(&account("a", "g"), 8 << 20, "large");
        queue.push(&account("a", "h"), 200, "small");
        assert_eq!(pop_all(&mut queue), ["small", "large"]);
    }

    #[test]
    fn what_has_no_room_is_the_first_when_there_is() {
        let mut queue = FairQueue::default();
        queue.push(&account("a", "g"), 100, "large");
        for _ in 0..1000 {
            queue.push(&account("b", "h"), 10, "small");
        }
        for _ in 0..20 {
            assert_eq!(queue.pop(Some(50), |_| true).unwrap().2, "small");
        }
        assert_eq!(queue.pop(None, |_| true).unwrap().2, "large", "it waits no longer than it must");
    }

    #[test]
    fn an_account_that_may_not_is_passed_over() {
        let mut queue = FairQueue::default();
        queue.push(&account("a", "g"), 1, "a");
        queue.push(&account("b", "g"), 1, "b");
        assert_eq!(queue.pop(None, |account| &*account.tenant == "b").unwrap().2, "b");
        assert!(queue.pop(None, |account| &*account.tenant == "b").is_none());
        assert_eq!(pop_all(&mut queue), ["a"]);
    }

    #[test]
    fn the_order_of_a_graph_stays_and_what_is_put_back_comes_first() {
        let mut queue = FairQueue::default();
        let own = account("a", "g");
        ["1", "2", "3"].into_iter().for_each(|work| queue.push(&own, 50_000, work));
        let (account, cost, work) = queue.pop(None, |_| true).unwrap();
        queue.put_back(&account, cost, work);
        assert_eq!(pop_all(&mut queue), ["1", "2", "3"]);
    }

    #[test]
    fn work_can_be_taken_out() {
        let mut queue = FairQueue::default();
        queue.push(&account("a", "g"), 1, "goes");
        queue.push(&account("a", "g"), 1, "stays");
        queue.push(&account("b", "g"), 1, "goes");
        assert_eq!(queue.extract(|work| *work == "goes").len(), 2);
        assert!(queue.len() == 1 && !queue.has(&account("b", "g")));
        assert_eq!(pop_all(&mut queue), ["stays"]);
    }
}

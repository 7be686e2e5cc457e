//! Writes that wait for a group: those that came since the last one, and those for which it had no room.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use epistemic_storage::{
    backend::GroupLimits,
    graph::{Op, Progress, Write},
};

use super::{Job, PART_COST, Waiter};
use crate::{account::Account, fair_queue::FairQueue};

/// Tenants that wrote one after the other within this time write at the same time.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What fits one group is committed in the order of its arrival. Beyond, tenants take turns by what their writes cost, and
/// within one its graphs. While several write, a group holds a part of what one of them has. The writes of a graph stay in their
/// order, and so do those of a connection: after a crash the first of them are there and the others not, on whichever graphs
/// they are.
pub(super) struct Waiting {
    /// Of a group.
    limits: GroupLimits,
    /// Those that came, and before them those that could not be put into a line yet.
    arrived: Vec<Job>,
    cost: u64,
    queued: FairQueue<Job>,
    /// The lines in which writes of a graph, or of a connection, are queued.
    graphs: Lines<Arc<str>>,
    connections: Lines<u64>,
    company: Company,
}

/// Whether several tenants write.
#[derive(Default)]
struct Company {
    newest: Option<Arc<str>>,
    /// When a write of another tenant than the one before came.
    changed: Option<Instant>,
}

impl Company {
    fn note(&mut self, tenant: &Arc<str>, at: Instant) {
        if self.newest.as_ref() != Some(tenant) && self.newest.replace(Arc::clone(tenant)).is_some() {
            self.changed = Some(at);
        }
    }

    fn is_there(&self) -> bool {
        self.changed.is_some_and(|at| at.elapsed() < AT_ONCE)
    }
}

/// Where something has writes queued: in one line, so that they stay in their order.
struct Lines<K>(HashMap<K, (Account, usize)>);

impl<K> Default for Lines<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Lines<K> {
    fn of(&self, key: &K) -> Option<&Account> {
        self.0.get(key).map(|(line, _)| line)
    }

    fn add(&mut self, key: K, line: &Account) {
        self.0.entry(key).or_insert_with(|| (line.clone(), 0)).1 += 1;
    }

    fn remove(&mut self, key: K) {
        if let Entry::Occupied(mut found) = self.0.entry(key) {
            found.get_mut().1 -= 1;
            if found.get().1 == 0 {
                found.remove();
            }
        }
    }
}

impl Waiting {
    pub(super) fn new(limits: GroupLimits) -> Self {
        Self {
            limits,
            arrived: Vec::new(),
            cost: 0,
            queued: FairQueue::default(),
            graphs: Lines::default(),
            connections: Lines::default(),
            company: Company::default(),
        }
    }

    /// Whether it is at least what a group may be.
    pub(super) fn fill_a_group(&self) -> bool {
        // The last group had no room for what is queued.
        !self.queued.is_empty() || self.len() >= self.limits.writes || self.cost >= self.limits.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.arrived.len() + self.queued.len()
    }

    pub(super) fn add(&mut self, job: Job) {
        self.cost += cost_of(&job);
        self.company.note(&job.waiter.account.tenant, job.waiter.queued);
        self.arrived.push(job);
    }

    /// Puts the rest of a write before what waits of its graph and of its connection.
    pub(super) fn put_back(&mut self, job: Job) {
        // Both are in the line that it was in.
        let line = self.line(&job).unwrap_or_else(|| job.waiter.account.clone());
        self.count(&job, &line);
        self.queued.put_back(&line, cost_of(&job), job);
    }

    /// The line that a write has to be in; none while its graph and its connection have writes in different ones.
    fn line(&self, job: &Job) -> Option<Account> {
        let of_graph = self.graphs.of(&job.waiter.account.graph);
        let of_connection = job.waiter.connection.and_then(|connection| self.connections.of(&connection));
        match (of_graph, of_connection) {
            (Some(one), Some(other)) if one != other => None,
            (Some(line), _) | (None, Some(line)) => Some(line.clone()),
            (None, None) => Some(job.waiter.account.clone()),
        }
    }

    fn count(&mut self, job: &Job, line: &Account) {
        self.graphs.add(Arc::clone(&job.waiter.account.graph), line);
        if let Some(connection) = job.waiter.connection {
            self.connections.add(connection, line);
        }
    }

    fn discount(&mut self, job: &Job) {
        self.graphs.remove(Arc::clone(&job.waiter.account.graph));
        if let Some(connection) = job.waiter.connection {
            self.connections.remove(connection);
        }
    }

    /// Puts what has arrived into lines. What has to wait for two of them keeps back what is behind it.
    fn line_up(&mut self, arrived: impl Iterator<Item = Job>) {
        let (mut graphs, mut connections) = (HashSet::new(), HashSet::new());
        for job in arrived {
            let (graph, connection) = (&job.waiter.account.graph, job.waiter.connection);
            let free =
                !graphs.contains(graph) && connection.is_none_or(|number| !connections.contains(&number));
            match self.line(&job).filter(|_| free) {
                Some(line) => {
                    self.count(&job, &line);
                    self.queued.push(&line, cost_of(&job), job);
                }
                None => {
                    graphs.insert(Arc::clone(graph));
                    connections.extend(connection);
                    self.arrived.push(job);
                }
            }
        }
        self.cost = self.arrived.iter().map(cost_of).sum();
    }

    /// Takes everything out.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        let mut all = self.queued.extract(|_| true);
        all.append(&mut self.arrived);
        *self = Self::new(self.limits);
        all
    }

    /// Takes out the writes to be committed next, in a group that costs `begun` already.
    pub(super) fn next_group(&mut self, begun: u64) -> Vec<Job> {
        let GroupLimits { writes, bytes, writes_of_one, bytes_of_one, .. } = self.limits;
        let several = self.company.is_there();
        let fits = |writes, bytes| {
            self.arrived.len() <= writes
                && (begun + self.cost <= bytes || begun == 0 && self.arrived.len() == 1)
        };
        let few = if several { fits(writes_of_one, bytes_of_one) } else { fits(writes, bytes) };
        if self.queued.is_empty() && few {
            self.cost = 0;
            return std::mem::take(&mut self.arrived);
        }
        let mut arrived = std::mem::take(&mut self.arrived).into_iter();
        let mut group = Vec::new();
        let mut left = bytes.saturating_sub(begun);
        let mut shares: HashMap<Arc<str>, (usize, u64)> = HashMap::new();
        // Who found nobody waiting goes first.
        if begun == 0
            && self.queued.is_empty()
            && let Some(first) = arrived.next()
        {
            left = left.saturating_sub(cost_of(&first));
            add_share(&mut shares, &first.waiter.account.tenant, cost_of(&first));
            group.push(first);
        }
        self.line_up(arrived);
        while group.len() < writes && left > 0 {
            let room = (begun > 0 || !group.is_empty()).then_some(left);
            let has_share = |line: &Account| match shares.get(&line.tenant) {
                Some((writes, bytes)) if several => *writes < writes_of_one && *bytes < bytes_of_one,
                Some(_) | None => true,
            };
            let Some((line, cost, job)) = self.queued.pop(room, has_share) else { break };
            self.discount(&job);
            left = left.saturating_sub(cost);
            add_share(&mut shares, &line.tenant, cost);
            group.push(job);
        }
        group
    }
}

/// Adds a write of a tenant to what a group has of it.
fn add_share(shares: &mut HashMap<Arc<str>, (usize, u64)>, tenant: &Arc<str>, cost: u64) {
    let (writes, bytes) = shares.entry(Arc::clone(tenant)).or_default();
    (*writes, *bytes) = (*writes + 1, *bytes + cost);
}

fn cost_of(job: &Job) -> u64 {
    cost(&job.write, &job.waiter)
}

/// What a write costs its group.
pub(super) fn cost(write: &Write, waiter: &Waiter) -> u64 {
    let touches_many = matches!(write.op.unkeyed(), Op::Touch { nodes, .. } if nodes.len() > 1);
    // What they really cost is known only when they are made; a part of them is all that a group does.
    if touches_many || waiter.reached != Progress::default() { PART_COST } else { write.op.cost() as u64 }
}

#[cfg(test)]
mod tests {
    use epistemic_storage::Mutation;
    use tokio::sync::oneshot;

    use super::{super::not_counted, *};

    fn job(tenant: &str, graph: &str, id: &str, bytes: usize) -> Job {
        job_by(None, (tenant, graph), id, bytes)
    }

    fn job_by(connection: Option<u64>, (tenant, graph): (&str, &str), id: &str, bytes: usize) -> Job {
        let account = Account { tenant: tenant.into(), graph: graph.into() };
        let op = Op::One(Mutation::AddNode { id: id.into(), properties: vec![0; bytes] });
        let write = Write { graph: Arc::clone(&account.graph), op };
        let waiter = Waiter::new(account, oneshot::channel().0, not_counted());
        Job { write, waiter: Waiter { connection, ..waiter } }
    }

    fn ids(group: &[Job]) -> Vec<String> {
        let id = |job: &Job| {
            if let Op::One(Mutation::AddNode { id, .. }) = &job.write.op { Some(id.clone()) } else { None }
        };
        group.iter().filter_map(id).collect()
    }

    #[test]
    fn what_fits_one_group_is_committed_in_the_order_of_its_arrival() {
        let mut waiting = Waiting::new(GroupLimits::default());
        for (tenant, id) in [("a", "1"), ("b", "2"), ("a", "3")] {
            waiting.add(job(tenant, tenant, id, 100));
        }
        assert_eq!(ids(&waiting.next_group(0)), ["1", "2", "3"]);
        assert!(waiting.is_empty());
    }

    /// Security finding 6: everybody's writes waited for all large ones before them.
    #[test]
    fn a_small_write_waits_for_one_group_only() {
        let mut waiting = Waiting::new(GroupLimits::default());
        for n in 0..4 {
            waiting.add(job("large", &format!("g{n}"), "large", 7 << 20));
        }
        assert_eq!(ids(&waiting.next_group(0)), ["large"], "it found nobody waiting");
        waiting.add(job("victim", "v", "small", 100));
        assert_eq!(ids(&waiting.next_group(0)), ["small"]);
        assert_eq!(ids(&waiting.next_group(0)), ["large"]);
        waiting.add(job("victim", "v", "small", 100));
        assert_eq!(ids(&waiting.next_group(0))[0], "small");
        while !waiting.is_empty() {
            assert_eq!(ids(&waiting.next_group(0)), ["large"], "each is a group of its own");
        }
    }

    #[test]
    fn many_small_writes_of_one_tenant_leave_room_to_another() {
        let limits = GroupLimits { writes_of_one: 5000, bytes_of_one: u64::MAX, ..GroupLimits::default() };
        let mut waiting = Waiting::new(limits);
        for n in 0..5000 {
            waiting.add(job("many", &format!("g{}", n % 50), "many", 100));
        }
        for _ in 0..5 {
            waiting.add(job("one", "v", "one", 100));
        }
        let first = waiting.next_group(0);
        assert_eq!(first.len(), GroupLimits::default().writes);
        assert_eq!(ids(&first).iter().filter(|id| *id == "one").count(), 5);
    }

    /// Whoever comes while a group is committed waits for it: it must not be long for one tenant's sake.
    #[test]
    fn while_several_write_a_group_has_a_part_of_what_one_has() {
        let limits = GroupLimits::default();
        let mut waiting = Waiting::new(limits);
        let many = |waiting: &mut Waiting, bytes| {
            (0..500).for_each(|n| waiting.add(job("many", &format!("g{}", n % 7), &n.to_string(), bytes)));
        };
        many(&mut waiting, 100);
        assert_eq!(waiting.next_group(0).len(), 500, "it is alone");
        many(&mut waiting, 100);
        waiting.add(job("one", "v", "one", 100));
        let group = ids(&waiting.next_group(0));
        assert!(group.len() == limits.writes_of_one + 1 && group.contains(&"one".to_owned()));
        assert_eq!(waiting.next_group(0).len(), limits.writes_of_one, "the other one is expected back");
        waiting.take_all();
        many(&mut waiting, 64 << 10);
        waiting.add(job("one", "v", "one", 100));
        let group = waiting.next_group(0);
        let bytes: u64 = group.iter().map(cost_of).sum();
        assert!(bytes <= limits.bytes_of_one + (65 << 10), "{bytes}");
    }

    /// A graph that gets its tenant, or is written by several, is in one line all the same.
    #[test]
    fn writes_of_one_graph_keep_their_order() {
        let mut waiting = Waiting::new(GroupLimits::default());
        waiting.add(job("x", "other", "x", 5 << 20));
        for (tenant, id) in [("peer", "1"), ("tenant", "2"), ("agent", "3"), ("peer", "4")] {
            waiting.add(job(tenant, "g", id, 1 << 20));
        }
        let mut order = Vec::new();
        while !waiting.is_empty() {
            order.extend(ids(&waiting.next_group(0)));
        }
        order.retain(|id| id != "x");
        assert_eq!(order, ["1", "2", "3", "4"]);
        // What was left over comes before what is behind it.
        waiting.add(job("x", "other", "x", 5 << 20));
        waiting.add(job("peer", "g", "behind", 100));
        assert_eq!(ids(&waiting.next_group(0)), ["x"]);
        waiting.put_back(job("peer", "g", "rest", 1 << 20));
        let mut order = Vec::new();
        while !waiting.is_empty() {
            order.extend(ids(&waiting.next_group(0)));
        }
        assert_eq!(order, ["rest", "behind"]);
    }

    /// Torture found it: a crash kept later writes of a connection without earlier ones on another graph.
    #[test]
    fn writes_of_one_connection_keep_their_order_on_all_graphs() {
        let mut waiting = Waiting::new(GroupLimits::default());
        waiting.add(job("x", "other", "x", 5 << 20));
        let mut sent = Vec::new();
        for number in 0..40 {
            for (connection, graphs) in [(1, ["a", "b", "both"]), (2, ["c", "both", "a"])] {
                let graph = graphs[number % 3];
                let id = format!("{connection} {number:02}");
                // Dear ones on graphs that nobody else writes to are passed by the others.
                let bytes = if number % 3 == 0 { 1 << 20 } else { 100 };
                waiting.add(job_by(Some(connection), (graph, graph), &id, bytes));
                sent.push(id);
            }
        }
        let mut order = Vec::new();
        while !waiting.is_empty() {
            order.extend(ids(&waiting.next_group(0)));
        }
        order.retain(|id| id != "x");
        assert_eq!(order.len(), sent.len());
        for connection in ["1 ", "2 "] {
            let of = |all: &[String]| -> Vec<String> {
                all.iter().filter(|id| id.starts_with(connection)).cloned().collect()
            };
            assert_eq!(of(&order), of(&sent));
        }
        assert!(waiting.graphs.0.is_empty() && waiting.connections.0.is_empty());
    }
}

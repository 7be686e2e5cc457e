//! Writes that wait for a group: those that came since the last one, and those for which it had no room.

use std::{collections::HashMap, sync::Arc};

use epistemic_storage::graph::{Op, Progress, Write};

use super::{Job, MAX_GROUP, MAX_GROUP_COST, PART_COST, Waiter};
use crate::{account::Account, fair_queue::FairQueue};

/// What fits one group is committed in the order of its arrival. Beyond, tenants take turns by what their writes cost, and
/// within one its graphs; the writes of a graph stay in their order.
#[derive(Default)]
pub(super) struct Waiting {
    arrived: Vec<Job>,
    cost: u64,
    queued: FairQueue<Job>,
    /// The account that a graph with queued writes is on: those of one graph are in one line.
    lines: HashMap<Arc<str>, Account>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.arrived.len() + self.queued.len()
    }

    pub(super) fn add(&mut self, job: Job) {
        self.cost += cost_of(&job);
        self.arrived.push(job);
    }

    /// Puts the rest of a write before what waits of its graph.
    pub(super) fn put_back(&mut self, job: Job) {
        let line = self.line(&job);
        self.queued.put_back(&line, cost_of(&job), job);
    }

    fn line(&mut self, job: &Job) -> Account {
        let line = self
            .lines
            .entry(Arc::clone(&job.waiter.account.graph))
            .or_insert_with(|| job.waiter.account.clone());
        line.clone()
    }

    /// Takes out the writes to be committed next, in a group that costs `begun` already.
    pub(super) fn next_group(&mut self, begun: u64) -> Vec<Job> {
        let few = self.arrived.len() <= MAX_GROUP
            && (begun + self.cost <= MAX_GROUP_COST || begun == 0 && self.arrived.len() == 1);
        if self.queued.is_empty() && few {
            self.cost = 0;
            return std::mem::take(&mut self.arrived);
        }
        let mut arrived = std::mem::take(&mut self.arrived).into_iter();
        let mut group = Vec::new();
        let mut left = MAX_GROUP_COST.saturating_sub(begun);
        // Who found nobody waiting goes first.
        if begun == 0
            && self.queued.is_empty()
            && let Some(first) = arrived.next()
        {
            left = left.saturating_sub(cost_of(&first));
            group.push(first);
        }
        for job in arrived {
            let (line, cost) = (self.line(&job), cost_of(&job));
            self.queued.push(&line, cost, job);
        }
        self.cost = 0;
        while group.len() < MAX_GROUP && left > 0 {
            let room = (begun > 0 || !group.is_empty()).then_some(left);
            let Some((line, cost, job)) = self.queued.pop(room, |_| true) else { break };
            if !self.queued.has(&line) {
                self.lines.remove(&line.graph);
            }
            left = left.saturating_sub(cost);
            group.push(job);
        }
        group
    }
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
    use tokio::sync::oneshot;

    use super::*;

    fn job(tenant: &str, graph: &str, id: &str, bytes: usize) -> Job {
        let account = Account { tenant: tenant.into(), graph: graph.into() };
        let op = Op::AddNode { id: id.into(), properties: vec![0; bytes] };
        let write = Write { graph: Arc::clone(&account.graph), op };
        let (reached, reply) = (Progress::default(), oneshot::channel().0);
        Job { write, waiter: Waiter { account, reached, reply, permit: None, charge: None, until: None } }
    }

    fn ids(group: &[Job]) -> Vec<String> {
        let id = |job: &Job| if let Op::AddNode { id, .. } = &job.write.op { Some(id.clone()) } else { None };
        group.iter().filter_map(id).collect()
    }

    #[test]
    fn what_fits_one_group_is_committed_in_the_order_of_its_arrival() {
        let mut waiting = Waiting::default();
        for (tenant, id) in [("a", "1"), ("b", "2"), ("a", "3")] {
            waiting.add(job(tenant, tenant, id, 100));
        }
        assert_eq!(ids(&waiting.next_group(0)), ["1", "2", "3"]);
        assert!(waiting.is_empty());
    }

    /// Security finding 6: everybody's writes waited for all large ones before them.
    #[test]
    fn a_small_write_waits_for_one_group_only() {
        let mut waiting = Waiting::default();
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
        let mut waiting = Waiting::default();
        for n in 0..5000 {
            waiting.add(job("many", &format!("g{}", n % 50), "many", 100));
        }
        for _ in 0..5 {
            waiting.add(job("one", "v", "one", 100));
        }
        let first = waiting.next_group(0);
        assert_eq!(first.len(), MAX_GROUP);
        assert_eq!(ids(&first).iter().filter(|id| *id == "one").count(), 5);
    }

    /// A graph that gets its tenant, or is written by several, is in one line all the same.
    #[test]
    fn writes_of_one_graph_keep_their_order() {
        let mut waiting = Waiting::default();
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
}

use epistemic_storage::{
    Durability, MemoryStore, Mutation,
    backend::GroupLimits,
    graph::{Departure, Fenced, GraphType, MoveOp, Progress, Write},
};
use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};

use super::{super::Waiter, *};
use crate::{
    account::Account,
    admission::{Admission, Kind},
};

const LONG: Duration = Duration::from_secs(60);

/// A store, and what waits for it.
struct Turns {
    graphs: GraphStore,
    held_up: HeldUp,
    admission: Arc<Admission>,
}

impl Turns {
    fn new(longest: Duration) -> Self {
        let graphs = GraphStore::open(MemoryStore::new()).unwrap();
        for name in ["g", "h"] {
            graphs.write(name, Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
        }
        Self { graphs, held_up: HeldUp::new(longest), admission: Admission::new(1 << 16) }
    }

    fn fence(&self) -> Fenced {
        self.graphs.fence("g", "m", "there", LONG).unwrap()
    }

    fn lower(&self, fenced: Fenced) {
        self.graphs.unfence("g", fenced.token);
    }

    /// One turn of the commit thread, which finds these writes.
    fn turn<const N: usize>(&mut self, writes: [(&str, Op); N]) -> [Receiver<Reply>; N] {
        let mut group = Group::new(GroupLimits::default());
        self.held_up.release(&self.graphs, &mut group);
        let receivers = writes.map(|(graph, op)| {
            let (reply, receiver) = oneshot::channel();
            let graph = Arc::from(graph);
            let account = Account { tenant: Arc::clone(&graph), graph: Arc::clone(&graph) };
            let permit = Some(self.admission.admit(&account, Kind::Short, 1).unwrap());
            let (reached, charge) = (Progress::default(), None);
            let waiter = Waiter { account, connection: None, reached, reply, permit, charge, until: None };
            let job = Job { write: Write { graph, op }, waiter };
            self.held_up.pass(job, &mut group);
            receiver
        });
        let results = self.graphs.commit(&group.writes, Durability::Sync);
        let jobs = group.writes.into_iter().zip(group.waiters);
        let jobs = jobs.map(|(write, waiter)| Job { write, waiter });
        self.held_up.answer(&self.graphs, jobs.zip(results));
        receivers
    }

    fn value(&self, node: &str) -> Option<Vec<u8>> {
        let graph = self.graphs.graph("g").unwrap();
        self.graphs.latest(&graph).node(node).unwrap().map(|node| node.properties)
    }
}

fn set(node: &str, value: u32) -> Op {
    Op::One(Mutation::AddNode { id: node.into(), properties: value.to_be_bytes().to_vec() })
}

fn create() -> Op {
    Op::Create { kind: GraphType::Agent, owner: None, tenant: None }
}

fn waits(receiver: &mut Receiver<Reply>) -> bool {
    matches!(receiver.try_recv(), Err(TryRecvError::Empty))
}

#[test]
fn writes_wait_for_the_fence_in_their_order_and_other_graphs_do_not() {
    let mut turns = Turns::new(LONG);
    turns.turn([("g", set("old", 0))]);
    let fenced = turns.fence();
    let [mut delete, mut again, mut first, mut other] =
        turns.turn([("g", Op::Delete), ("g", create()), ("g", set("x", 1)), ("h", set("x", 1))]);
    assert!(other.try_recv().unwrap().is_ok());
    let [mut second, mut other] = turns.turn([("g", set("x", 2)), ("h", set("x", 2))]);
    assert!(other.try_recv().unwrap().is_ok());
    for receiver in [&mut delete, &mut again, &mut first, &mut second] {
        assert!(waits(receiver));
    }
    assert_eq!(turns.admission.in_flight(), 4, "they keep their places");
    turns.lower(fenced);
    let [mut third] = turns.turn([("g", set("x", 3))]);
    for receiver in [&mut delete, &mut again, &mut first, &mut second, &mut third] {
        assert!(receiver.try_recv().unwrap().is_ok());
    }
    assert_eq!((turns.value("old"), turns.value("x")), (None, Some(3_u32.to_be_bytes().to_vec())));
    assert!(turns.held_up.is_empty());
    assert_eq!(turns.admission.in_flight(), 0);
}

#[test]
fn behind_the_departure_they_are_told_where_the_graph_is() {
    let mut turns = Turns::new(LONG);
    let Fenced { token, graph_id, epoch, sequence } = turns.fence();
    let departure = Departure { to: "there".into(), token, graph_id, epoch, sequence };
    let step = Op::Move(MoveOp::Depart { move_id: "m".into(), departure });
    let [mut before, mut departed, mut behind] =
        turns.turn([("g", set("x", 1)), ("g", step), ("g", set("x", 2))]);
    assert!(departed.try_recv().unwrap().is_ok(), "a step of a move waits for nothing");
    assert!(waits(&mut before) && waits(&mut behind));
    turns.turn([]);
    for receiver in [&mut before, &mut behind] {
        assert_eq!(
            receiver.try_recv().unwrap(),
            Err(GraphError::Moved { graph: "g".into(), to: "there".into() })
        );
    }
}

#[test]
fn nothing_waits_longer_than_it_may() {
    let mut turns = Turns::new(Duration::ZERO);
    let fenced = turns.fence();
    let moving = GraphError::Moving { graph: "g".into(), to: "there".into() };
    let [mut refused] = turns.turn([("g", set("x", 1))]);
    assert_eq!(refused.try_recv().unwrap(), Err(moving.clone()));
    turns.held_up.longest = LONG;
    let [mut waiting] = turns.turn([("g", set("x", 2))]);
    assert!(waits(&mut waiting));
    for job in turns.held_up.graphs.values_mut().flatten() {
        job.waiter.until = Some(Instant::now());
    }
    turns.turn([]);
    assert_eq!(waiting.try_recv().unwrap(), Err(moving));
    assert!(turns.held_up.is_empty());
    assert_eq!(turns.admission.in_flight(), 0);
    turns.lower(fenced);
    assert_eq!(turns.value("x"), None, "what was refused was not written");
}

/// Whoever is gone has his place back no later than others, and his writes are done in their order or not at all.
#[test]
fn the_writes_of_a_client_that_left_are_done() {
    let mut turns = Turns::new(LONG);
    let fenced = turns.fence();
    turns.turn([("g", set("x", 1)), ("g", set("x", 2))]);
    turns.lower(fenced);
    turns.turn([]);
    assert_eq!(turns.value("x"), Some(2_u32.to_be_bytes().to_vec()));
    assert_eq!(turns.admission.in_flight(), 0);
}

#[test]
fn more_than_a_group_keeps_its_order_though_the_fence_rises_again() {
    let mut turns = Turns::new(LONG);
    let fenced = turns.fence();
    let count = GroupLimits::default().writes as u32 + 10;
    let mut receivers = Vec::new();
    for value in 0..count {
        receivers.extend(turns.turn([("g", set("x", value))]));
    }
    turns.lower(fenced);
    let mut first = Group::new(GroupLimits::default());
    turns.held_up.release(&turns.graphs, &mut first);
    assert_eq!(first.writes.len(), GroupLimits::default().writes);
    // The fence rises before they are committed, so they go back to where they were.
    let fenced = turns.fence();
    let results = turns.graphs.commit(&first.writes, Durability::Sync);
    let jobs = first.writes.into_iter().zip(first.waiters);
    let jobs = jobs.map(|(write, waiter)| Job { write, waiter });
    turns.held_up.answer(&turns.graphs, jobs.zip(results));
    receivers.extend(turns.turn([("g", set("x", count))]));
    turns.lower(fenced);
    turns.turn([]);
    assert_eq!(turns.value("x"), Some((GroupLimits::default().writes as u32 - 1).to_be_bytes().to_vec()));
    turns.turn([]);
    assert_eq!(turns.value("x"), Some(count.to_be_bytes().to_vec()));
    assert!(receivers.iter_mut().all(|receiver| receiver.try_recv().unwrap().is_ok()));
}

#[test]
fn a_loaded_graph_waits_too_and_is_given_up_when_it_waited_in_vain() {
    let mut turns = Turns::new(LONG);
    let load = |graphs: &GraphStore| {
        let mut loader = graphs.load();
        loader.node("loaded", 1, b"\x80").unwrap();
        Op::Replace(loader.finish().unwrap())
    };
    let fenced = turns.fence();
    let op = load(&turns.graphs);
    let [mut waiting] = turns.turn([("g", op)]);
    turns.graphs.reclaim().unwrap();
    turns.lower(fenced);
    turns.turn([]);
    assert!(waiting.try_recv().unwrap().is_ok());
    assert_eq!(turns.value("loaded"), Some(b"\x80".to_vec()));

    turns.graphs.reclaim().unwrap();
    let fenced = turns.fence();
    turns.held_up.longest = Duration::ZERO;
    let op = load(&turns.graphs);
    let [mut refused] = turns.turn([("g", op)]);
    assert!(refused.try_recv().unwrap().is_err());
    turns.lower(fenced);
    assert!(turns.graphs.reclaim().unwrap() > 0, "its records are given up");
}

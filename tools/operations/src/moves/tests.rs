//! Moves between stores in memory, with writers, and with a death at every call in turn.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use anyhow::{Result, bail};
use epistemic_storage::{
    GraphStore, MemoryStore, Mutation,
    graph::{GraphError, GraphType, MAX_PAUSE, MigrationState, Op},
    snapshot::content_digest,
};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::{BeforeDrop, Control, Journal, Move, Receipt, Step, Timing, Watch, abort};
use crate::hosts::{DirectoryParty, Hook, Hooked, StandingName};

const GRAPH: &str = "tenant__a:/\u{1f980}";

struct Silent;

impl Watch for Silent {
    fn step(&self, _: &str, _: &Step) -> Result<()> {
        Ok(())
    }
    fn copied(&self, _: &str, _: u64) {}
}

/// What happens at a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Death {
    Before,
    After,
}

/// Two stores with a writer that writes to both at every call of the mover: what one of them takes has to be there at the end.
struct World {
    source: Arc<GraphStore>,
    destination: Arc<GraphStore>,
    written: Mutex<Vec<String>>,
    owner: Mutex<String>,
    next: AtomicU64,
    calls: AtomicUsize,
    dies: Mutex<Option<(usize, Death)>>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let source = Arc::new(GraphStore::open(MemoryStore::new()).unwrap());
        let destination = Arc::new(GraphStore::open(MemoryStore::new()).unwrap());
        let create = Op::Create { kind: GraphType::Team, owner: Some("o".into()), tenant: Some("A".into()) };
        source.write(GRAPH, create).unwrap();
        let world = Self {
            source,
            destination,
            written: Mutex::default(),
            owner: Mutex::new("o".into()),
            next: AtomicU64::new(0),
            calls: AtomicUsize::new(0),
            dies: Mutex::new(None),
            folder: tempfile::tempdir().unwrap(),
        };
        for _ in 0..20 {
            world.write();
        }
        world
    }

    /// Writes a node with an edge and an embedding wherever the graph is served, and now and then gives it to somebody else.
    fn write(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("n{number}");
        let mut takers = 0;
        for graphs in [&self.source, &self.destination] {
            let add = Op::One(Mutation::AddNode {
                id: id.clone(),
                properties: format!("\u{81}{number}").into_bytes(),
            });
            match graphs.write(GRAPH, add) {
                Ok(_) => takers += 1,
                Err(
                    GraphError::Moving { .. }
                    | GraphError::Moved { .. }
                    | GraphError::Arriving { .. }
                    | GraphError::GraphNotFound(_),
                ) => continue,
                Err(error) => panic!("{error}"),
            }
            let edge =
                Op::One(Mutation::AddEdge { source: id.clone(), target: "n0".into(), properties: vec![] });
            graphs.write(GRAPH, edge).unwrap();
            graphs
                .write(GRAPH, Op::One(Mutation::AddEmbedding { node: id.clone(), components: vec![1; 8] }))
                .unwrap();
            if number % 5 == 2 {
                let owner = format!("o{number}");
                graphs.write(GRAPH, Op::SetOwner(Some(owner.clone()))).unwrap();
                *self.owner.lock() = owner;
            }
            if number % 7 == 3 {
                graphs.write(GRAPH, Op::One(Mutation::RemoveNode { id: id.clone() })).unwrap();
            } else {
                self.written.lock().push(id.clone());
            }
        }
        assert!(takers <= 1, "two places took the same write");
    }

    fn call<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.write();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let death = self.dies.lock().filter(|(at, _)| *at == number).map(|(_, death)| death);
        if death == Some(Death::Before) {
            bail!("died before call {number}");
        }
        let done = act();
        self.write();
        if death == Some(Death::After) {
            bail!("died after call {number}");
        }
        done
    }

    fn run(&self, move_id: &str) -> Result<Receipt> {
        let (source, destination) = self.parties();
        let watched = |inner| Hooked { hook: self, inner, max_bytes: 300 };
        let (source, destination) = (watched(source), watched(destination));
        let journal = self.journal();
        let (control, watch) = (Control::new(None), Silent);
        Move {
            graph: GRAPH,
            move_id,
            source: &source,
            destination: &destination,
            journal: &journal,
            control: &control,
            timing: Timing::stepwise(),
            before_drop: BeforeDrop::Checkpoint,
            watch: &watch,
        }
        .run()
    }

    fn parties(&self) -> (DirectoryParty, DirectoryParty) {
        (
            DirectoryParty::new("tcp://a:1", Arc::clone(&self.source), None),
            DirectoryParty::new("tcp://b:1", Arc::clone(&self.destination), None),
        )
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.folder.path().join("journal.jsonl")).unwrap()
    }

    /// Every write is in `graphs`, once, and nothing else.
    fn assert_all_in(&self, graphs: &GraphStore, told: &str) {
        let graph = graphs.graph(GRAPH).unwrap_or_else(|error| panic!("{told}: {error}"));
        let mut ids = Vec::new();
        let reader = graphs.latest(&graph);
        reader
            .for_each_node(|id, _, _| {
                ids.push(id.to_owned());
                Ok::<_, epistemic_storage::StoreError>(())
            })
            .unwrap();
        let mut expected = self.written.lock().clone();
        expected.sort();
        assert_eq!(ids, expected, "{told}");
        content_digest(graphs, &graph).unwrap_or_else(|error| panic!("{told}: {error}"));
    }

    fn assert_moved(&self, receipt: &Receipt, told: &str) {
        self.assert_all_in(&self.destination, told);
        let gone = self.source.graph(GRAPH).unwrap_err();
        assert_eq!(gone, GraphError::Moved { graph: GRAPH.into(), to: "tcp://b:1".into() }, "{told}");
        assert_eq!(self.source.graph_in_any_state(GRAPH).unwrap().counters().nodes, 0, "{told}: dropped");
        let arrived = self.destination.graph(GRAPH).unwrap();
        assert_eq!(
            (arrived.tenant(), arrived.owner().as_deref(), arrived.kind()),
            (Some("A"), Some(self.owner.lock().as_str()), GraphType::Team),
            "{told}"
        );
        assert!(receipt.compared_at.unwrap() <= receipt.sequence, "{told}");
    }
}

impl Hook for &World {
    fn call<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        World::call(self, act)
    }
}

/// A fence that a dead mover left ends with its lease; here it ends at once.
fn lease_ends(world: &World) {
    world.source.advance_leases(MAX_PAUSE);
}

#[test]
fn a_graph_moves_and_moves_back_with_every_write() {
    let world = World::new();
    let receipt = world.run("m1").unwrap();
    world.assert_moved(&receipt, "there");
    assert!(receipt.pause_ms.is_some());
    assert_eq!(world.run("m1").unwrap(), receipt, "a finished move is finished");

    let (source, destination) = world.parties();
    let journal = world.journal();
    let back = Move {
        graph: GRAPH,
        move_id: "m2",
        source: &destination,
        destination: &source,
        journal: &journal,
        control: &Control::new(None),
        timing: Timing::stepwise(),
        before_drop: BeforeDrop::Nothing,
        watch: &Silent,
    };
    let receipt = back.run().unwrap();
    assert_eq!((receipt.source.as_str(), receipt.destination.as_str()), ("tcp://b:1", "tcp://a:1"));
    assert_eq!(receipt.compared_digest, receipt.digest, "nothing was written meanwhile");
    world.assert_all_in(&world.source, "back");
    assert!(matches!(world.destination.graph(GRAPH), Err(GraphError::Moved { .. })));
}

#[test]
fn a_death_at_any_call_loses_nothing_and_the_move_goes_on() {
    let calls = {
        let world = World::new();
        world.run("m").unwrap();
        world.calls.load(Ordering::Relaxed)
    };
    assert!(calls > 15);
    let mut died = 0;
    for at in 0..calls + 20 {
        for death in [Death::Before, Death::After] {
            let told = format!("death {death:?} call {at}");
            let world = World::new();
            *world.dies.lock() = Some((at, death));
            let first = world.run("m");
            died += usize::from(first.is_err());
            *world.dies.lock() = None;
            lease_ends(&world);
            world.write();
            let receipt = world.run("m").unwrap_or_else(|error| panic!("{told}: {error:#}"));
            world.write();
            world.assert_moved(&receipt, &told);
        }
    }
    assert!(died >= 2 * calls - 8, "{died} of {calls} calls");
}

#[test]
fn a_move_that_is_given_up_at_any_call_leaves_the_graph_where_it_was() {
    for at in 0..60 {
        for death in [Death::Before, Death::After] {
            let told = format!("death {death:?} call {at}");
            let world = World::new();
            *world.dies.lock() = Some((at, death));
            let first = world.run("m");
            let (source, destination) = world.parties();
            let given_up = abort(GRAPH, "m", &source, &destination, Some(&world.journal()));
            world.write();
            match given_up {
                Ok(here) => {
                    assert!(here.graph.is_some_and(|here| here.standing == StandingName::Served), "{told}");
                    abort(GRAPH, "m", &source, &destination, Some(&world.journal())).unwrap();
                    world.assert_all_in(&world.source, &told);
                    let gone = world.destination.graph(GRAPH).unwrap_err();
                    let sent_back = GraphError::Moved { graph: GRAPH.into(), to: "tcp://a:1".into() };
                    assert!(
                        gone == GraphError::GraphNotFound(GRAPH.into()) || gone == sent_back,
                        "{told}: {gone}"
                    );
                    world.assert_moved(&world.run("again").unwrap(), &told);
                }
                Err(error) => {
                    let text = format!("{error:#}");
                    let words = ["'tcp://b:1' serves the graph since", "it is complete"];
                    assert!(words.iter().any(|words| text.contains(words)), "{told}: {text}");
                    world.assert_all_in(&world.destination, &told);
                    if first.is_err() {
                        world.run("m").unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn a_copy_that_differs_is_never_served() {
    let world = World::new();
    *world.dies.lock() = Some((12, Death::Before));
    world.run("m").unwrap_err();
    // A record of the copy changes behind the back of its ledger.
    let arriving = world.destination.graph_in_any_state(GRAPH).unwrap();
    assert!(arriving.counters().nodes > 0, "the copy is filled");
    let Some(MigrationState::Arriving { origin, .. }) = arriving.migration_state() else {
        panic!("it arrives")
    };
    let mut loader = world.destination.load();
    let reader = world.destination.latest(&arriving);
    reader.for_each_node(|id, sequence, _| loader.node(id, sequence, b"other")).unwrap();
    reader.for_each_ledger(0, |sequence, record| loader.ledger(sequence, record.to_vec())).unwrap();
    let mut loaded = loader.finish().unwrap();
    loaded.set_sequence(arriving.counters().sequence, arriving.counters().complete_from);
    let fill = epistemic_storage::graph::MoveOp::Fill {
        move_id: "m".into(),
        loaded,
        kind: GraphType::Team,
        owner: None,
        origin,
    };
    world.destination.write(GRAPH, Op::Move(fill)).unwrap();
    lease_ends(&world);
    let error = format!("{:#}", world.run("m").unwrap_err());
    assert!(error.contains("the copy differs from the original"), "{error}");
    world.assert_all_in(&world.source, "it stays");
    let (source, destination) = world.parties();
    abort(GRAPH, "m", &source, &destination, Some(&world.journal())).unwrap();
    world.assert_moved(&world.run("again").unwrap(), "again");
}

#[test]
fn a_graph_that_is_cleared_meanwhile_is_copied_again() {
    let world = World::new();
    *world.dies.lock() = Some((8, Death::After));
    world.run("m").unwrap_err();
    lease_ends(&world);
    world.source.write(GRAPH, Op::Clear).unwrap();
    world.written.lock().clear();
    world
        .source
        .write(GRAPH, Op::One(Mutation::AddNode { id: "n0".into(), properties: vec![0x80] }))
        .unwrap();
    world.written.lock().push("n0".into());
    let receipt = world.run("m").unwrap();
    world.assert_moved(&receipt, "cleared");
}

#[test]
fn a_guarded_graph_does_not_move_to_where_nobody_is_registered() {
    use epistemic_storage::{
        Durability,
        identities::{Identities, Identity, Role},
    };
    let world = World::new();
    let register = |graphs: &GraphStore| {
        let identities = Identities::open(graphs, Durability::Sync).unwrap();
        let root = Identity::new(Role::System, vec![]);
        identities.register("root", root, || Ok::<_, GraphError>(())).unwrap();
    };
    register(&world.source);
    let error = format!("{:#}", world.run("m").unwrap_err());
    assert!(error.contains("register them there first"), "{error}");
    assert!(world.destination.graph_in_any_state(GRAPH).is_err(), "nothing is reserved");
    register(&world.destination);
    world.assert_moved(&world.run("m").unwrap(), "registered");
}

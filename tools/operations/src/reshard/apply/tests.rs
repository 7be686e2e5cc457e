//! Whole reshards between stores in memory, with a writer, and with a death at any call.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Result, bail};
use epistemic_router::{Affinity, Endpoint, EndpointList, hrw};
use epistemic_storage::{GraphStore, MemoryStore};
use epistemic_storage::{
    Mutation,
    graph::{GraphError, GraphType, Op},
};
use tempfile::TempDir;

use super::super::error::ReshardError;
use super::super::inventory::{Change, Shard};
use super::super::plan::plan;
use super::check::{Objection, check};
use super::outcome::Outcome;
use super::places::Places;
use super::progress::Unseen;
use super::run::{Failed, Run};
use super::state::{Claim, State, look, receipts, set_paused};
use super::summary::Summary;
use crate::hosts::{DirectoryParty, Hook, Hooked, Party, Status, stats_of};
use crate::moves::{Control, Timing};

const SHARDS: [&str; 4] = ["tcp://a:1", "tcp://b:1", "tcp://c:1", "tcp://d:1"];
const GRAPHS: usize = 48;

fn list(endpoints: &[&str]) -> EndpointList {
    EndpointList::new(endpoints.iter().map(|text| Endpoint::parse(text).unwrap()).collect()).unwrap()
}

/// Three shards that become four. A mover dies when its calls are used up; then all its calls fail.
struct World {
    change: Change,
    stores: Vec<Arc<GraphStore>>,
    folder: TempDir,
}

fn graph(number: usize) -> String {
    format!("tenant:{number}/é")
}

impl World {
    fn new() -> Self {
        let change = Change { from: list(&SHARDS[..3]), to: list(&SHARDS), affinity: Affinity::default() };
        let stores = SHARDS.map(|_| Arc::new(GraphStore::open(MemoryStore::new()).unwrap())).to_vec();
        let world = Self { change, stores, folder: tempfile::tempdir().unwrap() };
        for number in 0..GRAPHS {
            world.create(&graph(number), number);
        }
        world
    }

    /// On its owner by the old list.
    fn create(&self, name: &str, nodes: usize) {
        let owner = hrw::owner(&self.change.from, self.change.affinity.anchor(name));
        let place = SHARDS.iter().position(|shard| *shard == owner.as_str()).unwrap();
        let create = Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
        self.stores[place].write(name, create).unwrap();
        for node in 0..nodes {
            let add = Op::One(Mutation::AddNode { id: node.to_string(), properties: vec![0x80] });
            self.stores[place].write(name, add).unwrap();
        }
    }

    fn shards(&self) -> Vec<Shard> {
        let shard = |(endpoint, graphs): (&str, &Arc<GraphStore>)| Shard {
            endpoint: Endpoint::parse(endpoint).unwrap(),
            directory: None,
            checkpoint: false,
            store_id: Some(endpoint.to_owned()),
            free_bytes: Some(u64::MAX),
            refusal: None,
            told: None,
            graphs: graphs.graphs().iter().map(|graph| stats_of(graphs, graph, true)).collect(),
            on_the_move: graphs.migrating_graphs().iter().map(|graph| Status::of(graphs, graph)).collect(),
        };
        SHARDS.into_iter().zip(&self.stores).map(shard).collect()
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn begin(&self) -> State {
        let plan = plan(&self.change, &self.shards(), None).unwrap();
        let state = Claim::new(&self.dir()).unwrap().begin(plan, Vec::new());
        state.save().unwrap();
        state
    }

    fn check(&self, state: &mut State) -> Vec<usize> {
        let outcomes = state.outcomes();
        match check(&mut state.task, &outcomes, &self.change, self.shards()) {
            Ok(numbers) => numbers,
            Err(Objection::Other(failure)) => panic!("{failure}"),
            Err(Objection::Refused(refusals)) => panic!("{refusals:?}"),
        }
    }

    /// Reserves and moves with so many calls to live; whether it came to the end.
    fn run(&self, state: &mut State, calls: i64) -> Vec<Failed> {
        let numbers = self.check(state);
        state.save().unwrap();
        let control = Arc::new(Control::new(None));
        let places = self.places(&control, calls);
        let timing = Timing::stepwise();
        let run =
            Run { state, places: &places, control: &control, parallel: 2, timing, no_checkpoint: false };
        run.reserve(&numbers).unwrap();
        run.move_all(&numbers, &Unseen).unwrap()
    }

    fn places(&self, control: &Arc<Control>, calls: i64) -> Places {
        let calls = Arc::new(AtomicI64::new(calls));
        let party = |(endpoint, graphs): (&&str, &Arc<GraphStore>)| {
            let inner = DirectoryParty::new(*endpoint, Arc::clone(graphs), None);
            let hook = Mortal { calls: Arc::clone(&calls), control: Arc::clone(control) };
            let party: Arc<dyn Party> = Arc::new(Hooked { hook, inner, max_bytes: usize::MAX });
            ((*endpoint).to_owned(), party)
        };
        Places::of(SHARDS.iter().zip(&self.stores).map(party).collect())
    }

    /// Every graph is on its owner by the new list alone, with its nodes; elsewhere are signposts at most.
    fn assert_all_moved(&self, told: &str) {
        for number in 0..GRAPHS {
            let name = graph(number);
            let owner = hrw::owner(&self.change.to, self.change.affinity.anchor(&name));
            for (shard, graphs) in SHARDS.iter().zip(&self.stores) {
                match graphs.graph(&name) {
                    Ok(found) => {
                        assert_eq!(*shard, owner.as_str(), "{told}");
                        assert_eq!(found.counters().nodes, number as u64, "{told}");
                    }
                    Err(GraphError::Moved { to, .. }) => assert_eq!(to, owner.as_str(), "{told}"),
                    Err(error) => assert_eq!(error, GraphError::GraphNotFound(name.clone()), "{told}"),
                }
            }
        }
    }

    fn assert_receipts(&self, state: &State, told: &str) {
        let receipts = receipts(&self.dir()).unwrap();
        let have: BTreeSet<_> =
            receipts.iter().map(|receipt| (receipt.graph.clone(), receipt.nodes)).collect();
        let want: BTreeSet<_> = state.task.moves().map(|graph| (graph.graph.clone(), graph.nodes)).collect();
        assert_eq!((have, receipts.len()), (want, state.task.moves().count()), "{told}");
        assert!(state.outcomes().iter().all(|outcome| *outcome == Outcome::Moved), "{told}");
    }
}

/// A mover that dies when its calls are used up.
struct Mortal {
    calls: Arc<AtomicI64>,
    control: Arc<Control>,
}

impl Hook for Mortal {
    fn call<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.calls.fetch_sub(1, Ordering::Relaxed) <= 0 {
            self.control.stop();
            bail!("died");
        }
        act()
    }
}

const FOREVER: i64 = i64::MAX;

#[test]
fn a_reshard_that_dies_again_and_again_comes_to_its_end() {
    for calls in [1, 3, 5, 9, 14, 23, 40] {
        let world = World::new();
        drop(world.begin());
        let mut runs = 0;
        loop {
            let mut state = State::open(&world.dir()).unwrap();
            let before = state.task.moves().count();
            // Each run lives longer, so that it ends.
            let failed = world.run(&mut state, calls + 5 * runs);
            let errors: Vec<_> = failed.iter().map(|failed| format!("{:#}", failed.error)).collect();
            assert!(errors.is_empty(), "a stop is no failure: {calls} calls, {runs} deaths: {errors:?}");
            assert_eq!(state.task.moves().count(), before, "nothing is planned twice");
            if state.outcomes().iter().all(|outcome| !outcome.is_open()) {
                let told = format!("{calls} calls, {runs} deaths");
                assert!(runs > 0, "{told}");
                assert!(world.check(&mut state).is_empty(), "{told}");
                world.assert_all_moved(&told);
                world.assert_receipts(&state, &told);
                break;
            }
            runs += 1;
        }
    }
}

#[test]
fn names_are_reserved_before_the_first_graph_moves() {
    let world = World::new();
    let mut state = world.begin();
    let numbers = world.check(&mut state);
    world.run(&mut state, numbers.len() as i64);
    for &number in &numbers {
        let graph = state.task.get(number).unwrap();
        let place = SHARDS.iter().position(|shard| *shard == graph.to).unwrap();
        let refused = world.stores[place].graph(&graph.graph).unwrap_err();
        assert_eq!(refused, GraphError::Arriving { graph: graph.graph.clone(), from: graph.from.clone() });
    }
}

#[test]
fn graphs_that_appear_or_go_since_the_plan_are_seen_to() {
    let world = World::new();
    let mut state = world.begin();
    let planned = state.task.moves().count();
    let doomed = state.task.get(0).unwrap().clone();
    let late: Vec<String> = (0..8).map(|number| format!("late{number}")).collect();
    for name in &late {
        world.create(name, 2);
    }
    let numbers = world.check(&mut state);
    let more = state.task.moves().count() - planned;
    assert!(more > 0 && numbers.len() == planned + more, "{more}");
    // Deleted between the check and its move; its name is reserved then.
    let place = SHARDS.iter().position(|shard| *shard == doomed.from).unwrap();
    let there = SHARDS.iter().position(|shard| *shard == doomed.to).unwrap();
    world.stores[there]
        .write(
            &doomed.graph,
            Op::Move(epistemic_storage::graph::MoveOp::Arrive {
                move_id: state.task.move_id(0),
                from: doomed.from.clone(),
            }),
        )
        .unwrap();
    world.stores[place].write(&doomed.graph, Op::Delete).unwrap();
    assert!(world.run(&mut state, FOREVER).is_empty());
    assert_eq!(state.outcomes()[0], Outcome::Gone);
    assert!(world.stores[there].graph_in_any_state(&doomed.graph).is_err(), "its name is free");
    assert_eq!(receipts(&world.dir()).unwrap().len(), planned + more - 1);
    assert!(world.check(&mut state).is_empty());
}

#[test]
fn what_is_given_up_stays_and_is_not_moved_by_a_resume() {
    let world = World::new();
    let mut state = world.begin();
    world.run(&mut state, 60);
    let open = |state: &State| {
        let outcomes = state.outcomes();
        (0..outcomes.len()).filter(|&number| outcomes[number].is_open()).collect::<Vec<_>>()
    };
    let left = open(&state);
    assert!(left.len() > 1);
    let control = Arc::new(Control::new(None));
    let places = world.places(&control, FOREVER);
    let timing = Timing::stepwise();
    let run =
        Run { state: &state, places: &places, control: &control, parallel: 1, timing, no_checkpoint: false };
    // The first ones may be at their new owners already, short of a receipt.
    let last = &left[left.len() - 1..];
    assert!(run.abort(last, &[]).unwrap().is_empty());
    let given_up = state.task.get(last[0]).unwrap().clone();
    assert!(world.run(&mut state, FOREVER).is_empty());
    assert_eq!(open(&state), Vec::<usize>::new());
    let place = |endpoint: &str| SHARDS.iter().position(|shard| *shard == endpoint).unwrap();
    assert!(world.stores[place(&given_up.from)].graph(&given_up.graph).is_ok());
    let there = world.stores[place(&given_up.to)].graph(&given_up.graph);
    assert_eq!(there.unwrap_err(), GraphError::GraphNotFound(given_up.graph.clone()));
    assert!(world.check(&mut state).is_empty());
    let summary = Summary::new(&world.dir(), &state.task, &state.outcomes(), false, false).unwrap();
    assert_eq!((summary.given_up, summary.left), (1, 0));
    assert_eq!(summary.moved + 1, state.task.moves().count());
}

#[test]
fn another_store_behind_an_endpoint_is_refused() {
    let world = World::new();
    let mut state = world.begin();
    let mut shards = world.shards();
    shards[1].store_id = Some("other".to_owned());
    let outcomes = state.outcomes();
    let Err(Objection::Other(failure)) = check(&mut state.task, &outcomes, &world.change, shards) else {
        panic!("it was accepted");
    };
    assert!(failure.to_string().contains("'tcp://b:1' has the store other"), "{failure}");
}

#[test]
fn a_state_directory_has_one_holder_and_one_task() {
    let world = World::new();
    let state = world.begin();
    let error = State::open(&world.dir()).map(drop).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(ReshardError::Held { .. })), "{error:#}");
    let seen = look(&world.dir()).unwrap();
    assert!(seen.running && !seen.paused && seen.task.id == state.task.id);
    set_paused(&world.dir(), true).unwrap();
    assert!(state.is_paused());
    drop(state);
    assert!(!look(&world.dir()).unwrap().running);
    let error = Claim::new(&world.dir()).map(drop).unwrap_err();
    assert!(error.to_string().contains("egctl reshard resume"), "{error}");
    let none: HashMap<String, Arc<dyn Party>> = HashMap::new();
    assert!(Places::of(none).parties().get("tcp://a:1").is_err());
}

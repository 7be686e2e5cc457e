//! Renames in one store and between two, with a death at every call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;
use epistemic_storage::graph::{GraphType, MoveOp, Op};
use epistemic_storage::{GraphStore, MemoryStore, Mutation};
use parking_lot::Mutex;

use super::*;
use crate::hosts::{DirectoryParty, Hook, Hooked};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Before,
    After,
}

/// Dies at a call, and from then on every call fails.
struct Dying {
    calls: AtomicUsize,
    at: usize,
    how: Death,
    dead: Mutex<bool>,
}

impl Hook for &Dying {
    fn call<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut dead = self.dead.lock();
        if *dead || (call == self.at && self.how == Death::Before) {
            *dead = true;
            bail!("dead");
        }
        let done = act();
        if call == self.at {
            *dead = true;
            bail!("dead");
        }
        done
    }
}

fn store() -> Arc<GraphStore> {
    Arc::new(GraphStore::open(MemoryStore::new()).unwrap())
}

fn fill(graphs: &GraphStore) {
    let create = Op::Create { kind: GraphType::Team, owner: Some("o".into()), tenant: None };
    graphs.write("old", create).unwrap();
    for number in 0..20 {
        let node = Mutation::AddNode { id: format!("n{number}"), properties: b"\x80".to_vec() };
        graphs.write("old", Op::One(node)).unwrap();
    }
}

fn party(graphs: &Arc<GraphStore>, place: &str) -> DirectoryParty {
    DirectoryParty::new(place, Arc::clone(graphs), None)
}

/// Renames until that works; the first attempt dies at a call. Whether it came to that.
fn renamed(source: &Arc<GraphStore>, destination: &Arc<GraphStore>, at: usize, how: Death) -> bool {
    let dying = Dying { calls: AtomicUsize::new(0), at, how, dead: Mutex::new(false) };
    let watched = |inner| Hooked { hook: &dying, inner, max_bytes: 300 };
    let (here, there) = (watched(party(source, "a")), watched(party(destination, "b")));
    let first = Rename { from: "old", to: "new", source: &here, destination: &there }.run();
    let died = *dying.dead.lock();
    assert_eq!(first.is_err(), died, "{first:?}");
    if died {
        let (here, there) = (party(source, "a"), party(destination, "b"));
        let again = Rename { from: "old", to: "new", source: &here, destination: &there }.run();
        again.unwrap_or_else(|error| panic!("death {how:?} call {at}: {error:#}"));
    }
    source.write("old", Op::Move(MoveOp::Forget)).unwrap();
    died
}

/// Wherever it dies, and in one store or in two, the same rename again gives the whole graph its new name, once.
#[test]
fn a_death_at_any_call_loses_nothing() {
    for two in [false, true] {
        for how in [Death::Before, Death::After] {
            let mut at = 0;
            loop {
                let source = store();
                let destination = if two { store() } else { Arc::clone(&source) };
                fill(&source);
                let before = party(&source, "a").content("old").unwrap();
                let died = renamed(&source, &destination, at, how);
                let after = party(&destination, "b").content("new").unwrap();
                assert!(is_same(&before, &after), "{two} {how:?} {at}: {before:?} {after:?}");
                let graph = destination.graph("new").unwrap();
                assert_eq!((graph.owner().as_deref(), graph.kind()), (Some("o"), GraphType::Team));
                assert!(source.graph_in_any_state("old").is_err(), "{two} {how:?} {at}");
                if !died {
                    break;
                }
                at += 1;
            }
            assert!(at > 10, "{at} calls");
        }
    }
}

#[test]
fn what_is_taken_or_missing_is_left_alone() {
    let graphs = store();
    fill(&graphs);
    let here = party(&graphs, "a");
    let error = |from: &str, to: &str| {
        let error = Rename { from, to, source: &here, destination: &here }.run().unwrap_err();
        error.to_string()
    };
    assert!(error("gone", "new").contains("is not served"), "{}", error("gone", "new"));
    let create = Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
    graphs.write("taken", create).unwrap();
    assert!(error("old", "taken").contains("already exists"));
    assert!(graphs.graph("old").is_ok());
}

//! Every step of a commit, and every step of a takeover, with the process stopped there while another one takes the store over, and thawed
//! afterwards. Whatever was acknowledged by anybody is there in the end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{
    get, location, open, put,
    stepped::{Side, Stepped},
};
use epistemic_object_store::{Location, Options, SlateStore};
use epistemic_storage::{Store, StoreError};
use object_store::{ObjectStore, memory::InMemory};

const SIDES: [Side; 2] = [Side::Before, Side::Behind];
/// Commits of the process that is stopped in one of them; the third one is followed by writing tables.
const COMMITS: usize = 5;
/// No commit and no opening takes so many requests.
const MOST_STEPS: usize = 120;
/// A process that makes no further request for this time is through.
const QUIET: Duration = Duration::from_millis(300);

/// What was acknowledged by all processes of a run.
#[derive(Default)]
struct Acknowledged(Mutex<Vec<String>>);

impl Acknowledged {
    fn put(&self, store: &SlateStore, key: &str) -> Result<(), StoreError> {
        put(store, key, key)?;
        self.0.lock().unwrap().push(key.to_owned());
        Ok(())
    }

    /// Everything of it is there for whoever opens the store next.
    fn are_in(&self, place: &Location, step: &str) {
        let last = open(place);
        for key in &*self.0.lock().unwrap() {
            assert_eq!(get(&last, key).as_deref(), Some(key.as_str()), "lost: {key}, {step}");
        }
    }
}

/// Waits until the process stands still. False when it is through without that.
fn stands_still(process: &Stepped, is_through: impl Fn() -> bool) -> bool {
    common::block_on(async {
        loop {
            if tokio::time::timeout(QUIET, process.stopped.notified()).await.is_ok() {
                return true;
            }
            if is_through() {
                return false;
            }
        }
    })
}

/// Stops an owner at that request of its commits. False when it has made none so late.
fn stop_a_commit(side: Side, requests: usize) -> bool {
    let step = format!("{side:?} request {requests}");
    let objects = Arc::<InMemory>::default();
    let direct = location(Arc::clone(&objects) as Arc<dyn ObjectStore>);
    let process = Stepped::new(&objects, side);
    let owner = open(&location(Arc::clone(&process) as Arc<dyn ObjectStore>));
    let acknowledged = Acknowledged::default();
    acknowledged.put(&owner, "before").unwrap();
    process.stop_after(requests);
    let stopped = std::thread::scope(|scope| {
        let writes = scope.spawn(|| {
            for number in 0..COMMITS {
                acknowledged.put(&owner, &format!("commit-{number}"))?;
                if number == 2 {
                    owner.flush()?;
                }
            }
            Ok::<_, StoreError>(())
        });
        let stopped = stands_still(&process, || writes.is_finished());
        let successor = open(&direct);
        acknowledged.put(&successor, "behind").unwrap();
        successor.flush().unwrap();
        acknowledged.put(&successor, "further behind").unwrap();
        process.thaw();
        let ended = writes.join().unwrap();
        assert!(
            !stopped
                || matches!(ended, Ok(()) | Err(StoreError::Fenced { .. } | StoreError::Unreachable { .. })),
            "{ended:?}, {step}"
        );
        assert!(put(&owner, "late", "late").is_err(), "a deposed owner acknowledged a write, {step}");
        stopped
    });
    drop(owner);
    acknowledged.are_in(&direct, &step);
    stopped
}

#[test]
fn an_owner_may_be_stopped_in_every_step_of_a_commit() {
    for side in SIDES {
        let steps = (0..MOST_STEPS).take_while(|requests| stop_a_commit(side, *requests)).count();
        assert!((COMMITS..MOST_STEPS).contains(&steps), "{steps} steps");
        println!("{side:?}: {steps} steps of {COMMITS} commits");
    }
}

/// Stops a process at that request of its opening; a third one opens the store meanwhile. False when the opening makes none so late.
fn stop_a_takeover(side: Side, requests: usize) -> bool {
    let step = format!("{side:?} request {requests}");
    let objects = Arc::<InMemory>::default();
    let direct = location(Arc::clone(&objects) as Arc<dyn ObjectStore>);
    let acknowledged = Acknowledged::default();
    let first = open(&direct);
    acknowledged.put(&first, "first").unwrap();
    let process = Stepped::new(&objects, side);
    process.stop_after(requests);
    let through_it = location(Arc::clone(&process) as Arc<dyn ObjectStore>);
    let stopped = std::thread::scope(|scope| {
        let opening = scope.spawn(|| SlateStore::open(&through_it, &Options::default()));
        let stopped = stands_still(&process, || opening.is_finished());
        // The first one may still be the owner.
        let _ = acknowledged.put(&first, "first again");
        let third = open(&direct);
        acknowledged.put(&third, "third").unwrap();
        process.thaw();
        // Whichever of them is deposed acknowledges nothing.
        match opening.join().unwrap() {
            Ok(second) => {
                let (second, third) =
                    (acknowledged.put(&second, "second"), acknowledged.put(&third, "third again"));
                assert!(second.is_err() || third.is_err(), "two owners, {step}");
            }
            Err(StoreError::Fenced { .. }) => acknowledged.put(&third, "third again").unwrap(),
            Err(error) => panic!("{error}, {step}"),
        }
        stopped
    });
    drop(first);
    acknowledged.are_in(&direct, &step);
    stopped
}

#[test]
fn a_process_may_be_stopped_in_every_step_of_a_takeover() {
    for side in SIDES {
        let steps = (0..MOST_STEPS).take_while(|requests| stop_a_takeover(side, *requests)).count();
        assert!((4..MOST_STEPS).contains(&steps), "{steps} steps");
        println!("{side:?}: {steps} steps of an opening");
    }
}

//! Leases: who gets one, how long it is trusted, and what its loser hears.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::{Arc, atomic::Ordering::SeqCst, mpsc},
    time::{Duration, Instant},
};

use common::{
    eventually, location, open,
    wrapped::{Fault, Frozen, Wrapped},
};
use epistemic_object_store::{
    Location, SlateStore,
    lease::{Claim, LASTS, LOOK_EVERY, Lease, Look, OWNER_TRUSTS, Taken},
};
use epistemic_storage::StoreError;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory};
use tempfile::TempDir;

fn claim(location: &Location, endpoint: &str) -> Claim {
    Claim::new(location, endpoint).unwrap()
}

fn taken(claim: Claim) -> Lease {
    match claim.take() {
        Taken::Yes(lease) => lease,
        Taken::No(_) => panic!("another one was faster"),
        Taken::Open(_, error) => panic!("{error}"),
    }
}

/// Takes a lease that nobody has.
fn first(location: &Location) -> Lease {
    let mut claim = claim(location, "tcp://first");
    assert_eq!(claim.look().unwrap(), Look::Free(None));
    taken(claim)
}

/// Both kinds of places: objects that are replaced, and files, which are not.
fn places() -> (TempDir, [Location; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let files = Location::parse(&format!("file://{}", folder.path().display())).unwrap();
    (folder, [location(Arc::new(InMemory::new())), files])
}

/// Waits until the lease may be taken, and returns how long that took.
fn until_free(claim: &mut Claim) -> Duration {
    let begun = Instant::now();
    loop {
        if let Look::Free(_) = claim.look().unwrap() {
            return begun.elapsed();
        }
        claim.pause(LOOK_EVERY);
    }
}

#[test]
fn a_lease_that_is_renewed_is_seen_to_be() {
    for place in places().1 {
        let lease = first(&place);
        let mut other = claim(&place, "tcp://second");
        assert!(matches!(other.look().unwrap(), Look::Held { renewed: false, .. }));
        let by = eventually(|| match other.look().unwrap() {
            Look::Held { by, renewed: true } => Some(by),
            Look::Held { .. } => None,
            Look::Free(_) => panic!("a lease that is renewed is free"),
        });
        assert_eq!((by.endpoint.as_str(), by.pid), ("tcp://first", std::process::id()));
        assert!(lease.holds());
    }
}

#[test]
fn one_of_many_gets_it() {
    let (_folder, places) = places();
    for place in places {
        let mut claims: Vec<Claim> = (0..6).map(|number| claim(&place, &format!("tcp://{number}"))).collect();
        assert!(claims.iter_mut().all(|claim| claim.look().unwrap() == Look::Free(None)));
        let leases: Vec<Lease> = std::thread::scope(|scope| {
            let takers: Vec<_> = claims.into_iter().map(|claim| scope.spawn(|| claim.take())).collect();
            let results = takers.into_iter().map(|taker| taker.join().unwrap());
            results
                .filter_map(|taken| match taken {
                    Taken::Yes(lease) => Some(lease),
                    Taken::No(_) => None,
                    Taken::Open(_, error) => panic!("{error}"),
                })
                .collect()
        });
        assert_eq!(leases.len(), 1);
    }
}

/// What a dead process leaves behind.
#[test]
fn a_lease_that_is_not_renewed_runs_out() {
    let (_folder, places) = places();
    for place in places {
        drop(first(&place));
        let mut other = claim(&place, "tcp://second");
        assert!(until_free(&mut other) >= LASTS);
        assert!(taken(other).holds());
    }
}

#[test]
fn a_lease_that_was_given_back_is_free_at_once() {
    let (_folder, places) = places();
    for place in places {
        let lease = first(&place);
        lease.release();
        assert!(!lease.holds());
        let mut other = claim(&place, "tcp://second");
        let Look::Free(Some(former)) = other.look().unwrap() else { panic!("it is held") };
        assert!(former.released && former.endpoint == "tcp://first");
        assert!(taken(other).holds());
    }
}

/// The one that it was taken from hears who has it, and trusts it no more when the other one begins to serve.
#[test]
fn an_owner_that_is_deposed_hears_of_it() {
    let (_folder, places) = places();
    for place in places {
        let deposed = first(&place);
        let (tell, told) = mpsc::channel();
        deposed.on_lost(move |error| tell.send(error).unwrap());
        let lease = claim(&place, "tcp://second").take_over().unwrap();
        assert!(!deposed.holds() && lease.holds());
        let error = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(matches!(&error, StoreError::Fenced { .. }), "{error}");
        assert!(error.to_string().contains("tcp://second"), "{error}");
        assert_eq!(common::block_on(deposed.held()), Err(error.clone()));
        // Also who asks later.
        let (tell, told) = mpsc::channel();
        deposed.on_lost(move |error| tell.send(error).unwrap());
        assert_eq!(told.try_recv(), Ok(error));
    }
}

/// While the object store does not answer the owner stops answering before anybody else may take over, and goes on afterwards if
/// nobody has.
#[test]
fn an_outage_ends_the_trust_before_the_lease() {
    let network = Wrapped::new(Fault::None);
    let lease = first(&location(Arc::clone(&network) as Arc<dyn ObjectStore>));
    let mut other = claim(&location(Arc::clone(&network.inner) as Arc<dyn ObjectStore>), "tcp://second");
    network.down.store(true, SeqCst);
    let outage = Instant::now();
    assert!(matches!(other.look().unwrap(), Look::Held { .. }));
    eventually(|| (!lease.holds()).then_some(()));
    assert!(outage.elapsed() < LASTS, "{:?}", outage.elapsed());
    assert!(matches!(other.look().unwrap(), Look::Held { .. }));
    assert!(lease.figures().failures > 0);
    network.down.store(false, SeqCst);
    assert_eq!(common::block_on(lease.held()), Ok(()));
    assert!(lease.holds());
}

/// As a process that was frozen: its renewal, which was under way, arrives when another one has taken over.
#[test]
fn a_renewal_that_arrives_late_changes_nothing() {
    let network = Wrapped::new(Fault::None);
    let frozen = first(&location(Arc::clone(&network) as Arc<dyn ObjectStore>));
    let direct = location(Arc::clone(&network.inner) as Arc<dyn ObjectStore>);
    network.frozen.send_replace(Frozen::Everything);
    let mut other = claim(&direct, "tcp://second");
    until_free(&mut other);
    assert!(!frozen.holds());
    let lease = taken(other);
    let (tell, told) = mpsc::channel();
    frozen.on_lost(move |error| tell.send(error).unwrap());
    network.frozen.send_replace(Frozen::Nothing);
    told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(!frozen.holds());
    std::thread::park_timeout(OWNER_TRUSTS);
    assert!(lease.holds());
}

/// Nobody may delete it; an owner whose lease is gone all the same goes on.
#[test]
fn a_lease_that_was_deleted_is_made_anew() {
    let objects = Arc::<InMemory>::default();
    let place = location(Arc::clone(&objects) as Arc<dyn ObjectStore>);
    let lease = first(&place);
    common::block_on(objects.delete(&"tier/shard/owner.json".into())).unwrap();
    let mut other = claim(&place, "tcp://second");
    eventually(|| matches!(other.look().unwrap(), Look::Held { .. }).then_some(()));
    assert!(lease.holds());
}

#[test]
fn stand_bys_are_seen_while_they_run() {
    let (_folder, places) = places();
    for place in places {
        let lease = first(&place);
        let mut standby = claim(&place, "tcp://second");
        let seen = eventually(|| {
            standby.stand_by().unwrap();
            lease.standbys().first().cloned()
        });
        assert_eq!((seen.endpoint.as_str(), &seen.id), ("tcp://second", &standby.me().id));
        standby.stand_down();
        eventually(|| lease.standbys().is_empty().then_some(()));
    }
}

/// The objects of leases come before those of the store, which may be made beside them.
#[test]
fn a_store_is_made_below_a_lease() {
    let (_folder, places) = places();
    for place in places {
        SlateStore::try_out(&place).unwrap();
        let _lease = first(&place);
        claim(&place, "tcp://second").stand_by().unwrap();
        let epoch = open(&place).epoch();
        assert!(open(&place).epoch() > epoch);
    }
}

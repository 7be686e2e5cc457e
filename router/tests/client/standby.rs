//! Endpoints that lead to a stand-by: it says where the owner is, and calls go there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use epistemic_protocol::standby::owned_by;
use epistemic_router::{ConnectOptions, EndpointList, Secret, ShardRouter};

use crate::support::{Reply, Shard, ok};

/// What a stand-by answers.
fn standby_of(owner: &str) -> Reply {
    Reply::Error(format!("STANDBY: {}", owned_by(owner, "node-7", 7)))
}

fn router(shard: &Shard) -> ShardRouter {
    let options = ConnectOptions { compare_lists: false, ..ConnectOptions::default() };
    ShardRouter::new(EndpointList::new(vec![shard.endpoint()]).unwrap(), Secret::none(), options)
}

#[tokio::test]
async fn the_owner_that_a_stand_by_names_is_asked_and_remembered() {
    let owner = Shard::start(|_, _| ok()).await;
    let place = owner.endpoint().to_string();
    let standby = Shard::start(move |_, _| standby_of(&place)).await;
    let router = router(&standby);
    for _ in 0..10 {
        router.call("g", "AddNode", &()).await.unwrap();
    }
    assert_eq!((standby.count("AddNode"), owner.count("AddNode")), (1, 10));
}

/// After a takeover the endpoint leads to the owner itself.
#[tokio::test]
async fn an_owner_that_is_gone_is_forgotten() {
    let owner = Shard::start(|_, _| ok()).await;
    let place = owner.endpoint().to_string();
    let took_over = Arc::new(AtomicBool::new(false));
    let is_owner = Arc::clone(&took_over);
    let standby =
        Shard::start(move |_, _| if is_owner.load(SeqCst) { ok() } else { standby_of(&place) }).await;
    let router = router(&standby);
    router.call("g", "HasNode", &()).await.unwrap();
    owner.stop().await;
    took_over.store(true, SeqCst);
    router.call("g", "HasNode", &()).await.unwrap();
    assert_eq!((standby.count("HasNode"), owner.count("HasNode")), (2, 1));
}

/// Of two that send it to each other nobody is the owner; no server may lead it to a socket of this machine.
#[tokio::test]
async fn it_does_not_go_in_circles_nor_to_sockets() {
    for place in [None, Some("unix:///run/other.sock".to_owned())] {
        let own = Arc::new(parking_lot::Mutex::new(String::new()));
        let told = Arc::clone(&own);
        let standby = Shard::start(move |_, _| standby_of(place.as_deref().unwrap_or(&told.lock()))).await;
        *own.lock() = standby.endpoint().to_string();
        let error = router(&standby).call("g", "AddNode", &()).await.unwrap_err();
        assert!(error.to_string().contains("STANDBY: "), "{error}");
        assert!(standby.count("AddNode") <= 2);
    }
}

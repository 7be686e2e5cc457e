//! Graphs that are being moved, or were.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use epistemic_router::{
    ConnectOptions, Endpoint, EndpointList, ErrorCode, ErrorKind, MoveCounts, Redirect, RouterError, Secret,
    ShardRouter,
};
use parking_lot::Mutex;
use rmpv::Value;

use crate::support::{Down, Reply, Shard, ok};

const MOMENT: Duration = Duration::from_millis(1);

fn moving(graph: &str) -> String {
    format!(
        "MOVING: graph '{graph}' is being moved to 'unix:///x' and takes no writes for a moment; nothing was written, try \
         again (docs/errors/moving.md)"
    )
}

fn moved(graph: &str, to: impl std::fmt::Display) -> String {
    format!(
        "MOVED: graph '{graph}' moved to '{to}'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS (docs/errors/moved.md)"
    )
}

fn arriving(graph: &str, from: &Endpoint) -> String {
    format!(
        "ARRIVING: graph '{graph}' is being moved here and is served by '{from}' until then; nothing was done. Ask that \
         shard, or try again when the move is complete (docs/errors/arriving.md)"
    )
}

/// A shard that serves every graph but those that it says something of.
struct Holder {
    shard: Shard,
    says: Arc<Mutex<HashMap<String, String>>>,
}

impl Holder {
    async fn start() -> Self {
        let says = Arc::new(Mutex::new(HashMap::new()));
        let shard = Shard::start({
            let says: Arc<Mutex<HashMap<String, String>>> = Arc::clone(&says);
            move |method, request| {
                let says = says.lock();
                // A union looks at all its graphs.
                let of_union = request["params"]["graphs"].as_array().into_iter().flatten();
                let mut graphs = of_union.chain([&request["graph"]]).map(|graph| graph.as_str().unwrap());
                match graphs.find_map(|graph| says.get(graph)) {
                    Some(text) if method != "Health" => Reply::Error(text.clone()),
                    Some(_) | None if method.starts_with("Union") => {
                        Reply::Result(request["params"]["graphs"].clone())
                    }
                    Some(_) | None => ok(),
                }
            }
        });
        Self { shard: shard.await, says }
    }

    fn endpoint(&self) -> Endpoint {
        self.shard.endpoint()
    }

    fn says(&self, graph: &str, text: String) {
        self.says.lock().insert(graph.to_owned(), text);
    }

    fn serves(&self, graph: &str) {
        self.says.lock().remove(graph);
    }

    fn asked(&self) -> usize {
        self.shard.count("AddNode")
    }
}

fn router(endpoints: Vec<Endpoint>, follow_moves: bool) -> ShardRouter {
    let options = ConnectOptions { follow_moves, ..ConnectOptions::default() };
    ShardRouter::new(EndpointList::new(endpoints).unwrap(), Secret::none(), options)
}

/// Knows only this shard.
fn old_list(holder: &Holder, follow_moves: bool) -> ShardRouter {
    router(vec![holder.endpoint()], follow_moves)
}

/// Knows only this shard, and may follow graphs to others.
fn following<const N: usize>(holder: &Holder, others: [Endpoint; N]) -> ShardRouter {
    let follow_to = others.to_vec();
    let options = ConnectOptions { follow_moves: true, follow_to, ..ConnectOptions::default() };
    ShardRouter::new(EndpointList::new(vec![holder.endpoint()]).unwrap(), Secret::none(), options)
}

async fn write(router: &ShardRouter, graph: &str) -> Result<(), RouterError> {
    router.call(graph, "AddNode", &()).await.map(drop)
}

#[tokio::test]
async fn a_graph_that_takes_no_writes_for_a_moment_is_waited_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let shard = Shard::start(move |method, _| match method {
        "AddNode" if counted.fetch_add(1, Ordering::SeqCst) < 5 => Reply::Error(moving("g")),
        _ => ok(),
    });
    let shard = shard.await;
    let router = router(vec![shard.endpoint()], false);
    router.graph("g").add_node("n", epistemic_router::Bin(&[0x80])).await.unwrap();
    assert_eq!(shard.count("AddNode"), 6);
    assert_eq!(router.clone().move_counts(), MoveCounts { waited: 5, followed: 0 });
}

#[tokio::test]
async fn a_graph_that_takes_no_writes_until_the_deadline_is_the_servers_error() {
    let holder = Holder::start().await;
    holder.says("g", moving("g"));
    let router = old_list(&holder, false).with_deadline(Duration::from_millis(400));
    let begun = Instant::now();
    let error = write(&router, "g").await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::Moving, ErrorKind::Retry), "{error}");
    assert_eq!(error.to_string(), moving("g"));
    assert!(begun.elapsed() < Duration::from_millis(400), "{:?}", begun.elapsed());
    assert!((5..50).contains(&holder.asked()), "{}", holder.asked());
}

#[tokio::test]
async fn a_moved_graph_is_an_error_that_names_its_shard() {
    let (old, new) = (Holder::start().await, Holder::start().await);
    let router = old_list(&old, false);
    let (from, to) = (old.endpoint(), new.endpoint());
    let redirects = [
        (moved("g", &to), ErrorCode::Moved, Redirect::Moved { graph: "g".to_owned(), to: to.clone() }),
        (arriving("g", &from), ErrorCode::Arriving, Redirect::Arriving { graph: "g".to_owned(), from }),
    ];
    for (text, code, redirect) in redirects {
        old.says("g", text.clone());
        let error = write(&router, "g").await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (code, ErrorKind::Reroute));
        assert_eq!((error.to_string(), error.redirect()), (text, Some(redirect)));
    }
    assert_eq!((old.asked(), new.asked()), (2, 0));
    assert_eq!(router.move_counts(), MoveCounts::default());
}

#[tokio::test]
async fn a_moved_graph_is_followed_and_found_at_once_later() {
    let (old, new) = (Holder::start().await, Holder::start().await);
    let graphs = ["g", "it's 'g'", "🦀: 株式会社", "a' moved to 'tcp://127.0.0.1:1", ""];
    for graph in graphs {
        old.says(graph, moved(graph, new.endpoint()));
    }
    let router = following(&old, [new.endpoint()]);
    for (round, graph) in graphs.into_iter().enumerate() {
        write(&router, graph).await.unwrap();
        write(&router.clone(), graph).await.unwrap();
        assert_eq!((old.asked(), new.asked()), (round + 1, 2 * round + 2), "{graph}");
        assert_eq!((router.place(graph), router.owner(graph)), (new.endpoint(), &old.endpoint()));
        assert_eq!(*router.client_for(graph).await.unwrap().endpoint(), new.endpoint());
    }
    write(&router, "another").await.unwrap();
    assert_eq!(old.asked(), 6);
    assert_eq!(router.move_counts(), MoveCounts { waited: 0, followed: 5 });
}

#[tokio::test]
async fn what_cannot_be_followed_stays_the_servers_error() {
    let (old, new) = (Holder::start().await, Holder::start().await);
    let down = Down::new();
    let router = following(&old, [new.endpoint(), down.endpoint()]);
    let texts = [
        moved("another", new.endpoint()),
        moved("g", "http://127.0.0.1:1"),
        moved("g", ""),
        moved("g", new.endpoint()) + " ",
    ];
    for text in texts {
        old.says("g", text.clone());
        let error = write(&router, "g").await.unwrap_err();
        assert_eq!((error.code(), error.to_string()), (ErrorCode::Moved, text));
    }
    assert_eq!((old.asked(), new.asked()), (4, 0));
    // And one that can be, to where nobody listens.
    old.says("g", moved("g", down.endpoint()));
    let error = write(&router, "g").await.unwrap_err();
    assert!(
        matches!(&error, RouterError::EngineUnreachable { endpoint, .. } if *endpoint == down.endpoint()),
        "{error}"
    );
    assert_eq!(router.place("g"), old.endpoint(), "never reached, so not remembered");
}

/// Requests carry tokens and data: nobody but the operator says where they go.
#[tokio::test]
async fn a_graph_is_followed_to_no_endpoint_that_nobody_listed() {
    let (old, new, other) = (Holder::start().await, Holder::start().await, Holder::start().await);
    old.says("g", moved("g", new.endpoint()));
    for router in [old_list(&old, true), following(&old, [other.endpoint()])] {
        let error = write(&router, "g").await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (ErrorCode::Moved, ErrorKind::Reroute), "{error}");
    }
    assert_eq!((old.asked(), new.shard.count("Health"), new.asked()), (2, 0, 0));
    let listed = router(vec![old.endpoint(), new.endpoint()], true);
    old.says("g", moved("g", new.endpoint()));
    new.says("g", moved("g", old.endpoint()));
    assert_eq!(write(&listed, "g").await.unwrap_err().code(), ErrorCode::Moved);
    assert!(new.asked() > 0, "those of the list are asked");
}

#[tokio::test]
async fn shards_that_name_each_other_are_asked_five_times_in_all() {
    let (a, b) = (Holder::start().await, Holder::start().await);
    a.says("g", moved("g", b.endpoint()));
    b.says("g", moved("g", a.endpoint()));
    let router = following(&a, [b.endpoint()]);
    let error = write(&router, "g").await.unwrap_err();
    assert_eq!((error.code(), a.asked(), b.asked()), (ErrorCode::Moved, 3, 2));
    a.serves("g");
    write(&router, "g").await.unwrap();
    assert_eq!((a.asked(), b.asked()), (4, 2));
}

#[tokio::test]
async fn a_graph_is_followed_over_four_shards_and_back_home() {
    let mut holders = Vec::new();
    for _ in 0..6 {
        holders.push(Holder::start().await);
    }
    for pair in holders.windows(2) {
        pair[0].says("g", moved("g", pair[1].endpoint()));
    }
    let router = following(&holders[0], [1, 2, 3, 4, 5].map(|n| holders[n].endpoint()));
    assert_eq!(write(&router, "g").await.unwrap_err().code(), ErrorCode::Moved);
    assert_eq!(holders[5].asked(), 0);
    holders[4].serves("g");
    write(&router, "g").await.unwrap();
    assert_eq!(router.place("g"), holders[4].endpoint());
    // What was remembered is asked until it says otherwise.
    holders[0].serves("g");
    write(&router, "g").await.unwrap();
    assert_eq!((holders[0].asked(), holders[4].asked()), (2, 3));
    holders[4].says("g", moved("g", holders[0].endpoint()));
    write(&router, "g").await.unwrap();
    assert_eq!(router.place("g"), holders[0].endpoint());
    // A shard to which it does not belong is forgotten too.
    holders[0].says("g", moved("g", holders[1].endpoint()));
    holders[1].serves("g");
    write(&router, "g").await.unwrap();
    holders[1].says("g", "WRONG_SHARD: graph 'g' belongs to 'x', ...".to_owned());
    let error = write(&router, "g").await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (ErrorCode::WrongShard, ErrorKind::Reroute));
    assert_eq!(router.place("g"), holders[0].endpoint());
}

#[tokio::test]
async fn a_graph_on_its_way_is_asked_for_where_it_still_is() {
    let (old, new) = (Holder::start().await, Holder::start().await);
    new.says("g", arriving("g", &old.endpoint()));
    let router = following(&new, [old.endpoint()]);
    write(&router, "g").await.unwrap();
    write(&router, "g").await.unwrap();
    assert_eq!((old.asked(), new.asked()), (2, 1));
    // It moved, and is not open yet.
    old.says("g", moved("g", new.endpoint()));
    let call = tokio::spawn({
        let router = router.clone();
        async move { write(&router, "g").await }
    });
    while old.asked() < 9 {
        tokio::time::sleep(MOMENT).await;
    }
    new.serves("g");
    call.await.unwrap().unwrap();
    assert_eq!((router.place("g"), router.owner("g")), (new.endpoint(), &new.endpoint()));
    assert!(router.move_counts().waited >= 6, "{:?}", router.move_counts());
}

/// A shard outside of the list has another list, of course.
#[tokio::test]
async fn lists_that_differ_are_no_hindrance_to_those_who_follow() {
    let list = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&list);
    let new = Shard::start(move |method, _| match method {
        "Health" => Reply::Result(Value::Map(vec![
            ("endpoints".into(), Value::Array(tells.lock().clone())),
            ("endpoints_fingerprint".into(), "0123456789abcdef".into()),
        ])),
        _ => ok(),
    });
    let (old, new) = (Holder::start().await, new.await);
    *list.lock() = vec![Value::from(new.endpoint().as_str())];
    old.says("g", moved("g", new.endpoint()));
    write(&following(&old, [new.endpoint()]), "g").await.unwrap();
    write(&router(vec![new.endpoint()], true), "g").await.unwrap();
    let error = write(&router(vec![new.endpoint()], false), "g").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::EndpointListMismatch);
}

#[tokio::test]
async fn a_union_leaves_no_graph_behind() {
    let (a, b) = (Holder::start().await, Holder::start().await);
    a.says("moved", moved("moved", b.endpoint()));
    b.says("stays", "it was asked for here".to_owned());
    let graphs = ["moved", "stays", "also stays"];
    let router = following(&a, [b.endpoint()]);
    for _ in 0..2 {
        let mut found = router.union_neighbors("n", &graphs).await.unwrap();
        found.sort_unstable();
        assert_eq!(found, ["also stays", "moved", "stays"]);
    }
    // Grouped anew after the first answer, and at once the second time.
    assert_eq!((a.shard.count("UnionGetNeighbors"), b.shard.count("UnionGetNeighbors")), (3, 2));
    assert!(!router.co_resident(&graphs) && router.co_resident(&graphs[1..]));
    let alone = old_list(&a, false);
    assert_eq!(alone.union_neighbors("n", &graphs).await.unwrap_err().code(), ErrorCode::Moved);
    // As a plain call it is not sent on: the shard would pass over the other two.
    let params = HashMap::from([("graphs", graphs)]);
    let error = following(&a, [b.endpoint()]).call("moved", "UnionGetNeighbors", &params).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Moved);
}

/// The states of a move as decision 0019 has them, under writers with the old list and with the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_survive_moves_to_and_fro_without_a_failed_call() {
    let (a, b) = (Holder::start().await, Holder::start().await);
    let routers = [following(&a, [b.endpoint()]), router(vec![a.endpoint(), b.endpoint()], true)];
    let mut names = (0..).map(|n| format!("g{n}"));
    let graph = names.find(|graph| *routers[1].owner(graph) == b.endpoint()).unwrap();
    b.says(&graph, arriving(&graph, &a.endpoint()));
    let (end, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (router, graph) = (routers[n % 2].clone(), graph.clone());
            let (end, done) = (Arc::clone(&end), Arc::clone(&done));
            tokio::spawn(async move {
                while !end.load(Ordering::SeqCst) {
                    write(&router, &graph).await?;
                    done.fetch_add(1, Ordering::SeqCst);
                    // Other tests run beside this one.
                    tokio::time::sleep(MOMENT).await;
                }
                Ok::<_, RouterError>(())
            })
        })
        .collect();
    let written = async |more: usize| {
        let enough = done.load(Ordering::SeqCst) + more;
        while done.load(Ordering::SeqCst) < enough && writers.iter().all(|writer| !writer.is_finished()) {
            tokio::time::sleep(MOMENT).await;
        }
    };
    for (source, destination) in [(&a, &b), (&b, &a), (&a, &b)] {
        destination.says(&graph, arriving(&graph, &source.endpoint()));
        written(50).await;
        source.says(&graph, moving(&graph));
        tokio::time::sleep(20 * MOMENT).await;
        source.says(&graph, moved(&graph, destination.endpoint()));
        tokio::time::sleep(20 * MOMENT).await;
        destination.serves(&graph);
        written(50).await;
    }
    end.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    for router in routers {
        write(&router, &graph).await.unwrap();
        assert_eq!(router.place(&graph), b.endpoint());
        assert!(router.move_counts().waited > 0);
    }
}

//! The client and the router against a server of a few lines that does what each test tells it.

use std::time::Duration;

use epistemic_router::{
    Bin, CallError, Client, ConnectOptions, Endpoint, EndpointList, RouterError, Secret, ShardRouter,
};
use rmpv::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const SECRET: &str = "s3cret";

struct Server(TcpListener);

impl Server {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port"))
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("tcp://{}", self.0.local_addr().expect("it is bound")))
            .expect("it is an endpoint")
    }

    async fn accept(&self) -> Peer {
        Peer(self.0.accept().await.expect("a client connects").0)
    }

    async fn accept_and_pong(&self) -> Peer {
        let mut peer = self.accept().await;
        let id = peer.id().await;
        peer.answer(id, "result", "pong").await;
        peer
    }

    /// A client of this server, and the server's side of its connection.
    async fn client(&self, options: ConnectOptions) -> (Client, Peer) {
        let (endpoint, secret) = (self.endpoint(), Secret::new(SECRET));
        let (client, peer) = tokio::join!(Client::connect(&endpoint, &secret, options), self.accept());
        (client.expect("the server listens"), peer)
    }
}

/// A server that is down: its port is taken, so that no other test gets it, and refuses connections.
struct Down(TcpSocket);

impl Down {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket is to be had");
        socket.bind("127.0.0.1:0".parse().expect("it is an address")).expect("loopback has a free port");
        Self(socket)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("tcp://{}", self.0.local_addr().expect("it is bound")))
            .expect("it is an endpoint")
    }

    fn start(self) -> Server {
        Server(self.0.listen(8).expect("a bound socket can listen"))
    }
}

struct Peer(TcpStream);

impl Peer {
    async fn request(&mut self) -> Value {
        let length = self.0.read_u32().await.expect("a frame arrives");
        let mut frame = vec![0; length as usize];
        self.0.read_exact(&mut frame).await.expect("the frame is whole");
        rmpv::decode::read_value(&mut frame.as_slice()).expect("it is MessagePack")
    }

    async fn id(&mut self) -> u64 {
        self.request().await["id"].as_u64().expect("an id is an unsigned integer")
    }

    async fn answer(&mut self, id: u64, key: &str, value: impl Into<Value>) {
        let map = Value::Map(vec![("id".into(), id.into()), (key.into(), value.into())]);
        let mut body = Vec::new();
        rmpv::encode::write_value(&mut body, &map).expect("a Vec takes everything");
        let length = u32::try_from(body.len()).expect("it is small");
        self.send(&[&length.to_be_bytes()[..], &body].concat()).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client reads");
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::default()
}

#[tokio::test]
async fn a_request_carries_what_the_protocol_asks_for() {
    let options = ConnectOptions { agent_id: Some("planner".to_owned()), ..options() };
    let (client, mut peer) = Server::start().await.client(options).await;
    let params = std::collections::BTreeMap::from([("msgpack", Bin(&[1, 2]))]);
    let serve = async {
        let request = peer.request().await;
        assert_eq!(request["graph"].as_str(), Some("g"));
        assert_eq!(request["method"].as_str(), Some("FromMsgpack"));
        assert_eq!(request["agent_id"].as_str(), Some("planner"));
        assert_eq!(request["params"]["msgpack"], Value::Binary(vec![1, 2]));
        let id = request["id"].as_u64().unwrap();
        assert_eq!(request["auth_token"].as_str(), Some(Secret::new(SECRET).token(id).as_str()));
        peer.answer(id, "result", "ok").await;
    };
    let (result, ()) = tokio::join!(client.call("g", "FromMsgpack", &params), serve);
    assert_eq!(result.unwrap().as_str(), Some("ok"));
}

#[tokio::test]
async fn many_requests_are_in_flight_and_answers_may_come_in_any_order() {
    const COUNT: u64 = 50;
    let (client, mut peer) = Server::start().await.client(options()).await;
    let serve = async {
        let mut requests = Vec::new();
        for _ in 0..COUNT {
            let request = peer.request().await;
            requests.push((request["id"].as_u64().unwrap(), request["params"]["n"].clone()));
        }
        assert!(requests.is_sorted_by_key(|(_, n)| n.as_u64()), "written in the order of the calls");
        for (id, n) in requests.into_iter().rev() {
            peer.answer(id, "result", n).await;
        }
    };
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..COUNT {
        let client = client.clone();
        calls.spawn(async move {
            let params = std::collections::BTreeMap::from([("n", n)]);
            (n, client.call("g", "Echo", &params).await.unwrap().as_u64())
        });
    }
    let (answers, ()) = tokio::join!(calls.join_all(), serve);
    assert!(answers.iter().all(|(n, answer)| *answer == Some(*n)), "{answers:?}");
}

#[tokio::test]
async fn requests_past_the_bound_wait_for_an_answer() {
    let (client, mut peer) =
        Server::start().await.client(ConnectOptions { max_in_flight: 1, ..options() }).await;
    let (first, second) = (client.call("g", "First", &()), client.call("g", "Second", &()));
    let serve = async {
        let id = peer.id().await;
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(50), peer.0.peek(&mut byte)).await;
        assert!(early.is_err(), "the second request came before the first was answered");
        peer.answer(id, "result", 1).await;
        let id = peer.id().await;
        peer.answer(id, "result", 2).await;
    };
    let (first, second, ()) = tokio::join!(biased; first, second, serve);
    assert_eq!((first.unwrap().as_u64(), second.unwrap().as_u64()), (Some(1), Some(2)));
}

#[tokio::test]
async fn errors_keep_the_servers_text() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    let serve = async {
        let id = peer.id().await;
        peer.answer(id, "error", "Graph 'g' not found").await;
        peer.id().await;
        peer.answer(0, "error", "Invalid request MsgPack: unknown variant `X`").await;
    };
    let calls = async { (client.call("g", "NodeCount", &()).await, client.call("g", "X", &()).await) };
    let ((missing, undecodable), ()) = tokio::join!(calls, serve);
    assert_eq!(missing, Err(CallError::Server("Graph 'g' not found".to_owned())));
    assert_eq!(
        undecodable,
        Err(CallError::Server("Invalid request MsgPack: unknown variant `X`".to_owned())),
        "an undecodable request is answered with id 0"
    );
}

#[tokio::test]
async fn a_bin_is_unpacked_once_and_only_on_request() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    let inner = [0xc4, 2, 0xc4, 0];
    let serve = async {
        for _ in 0..3 {
            let id = peer.id().await;
            peer.answer(id, "result", &inner[..]).await;
        }
    };
    let calls = async {
        assert_eq!(client.call("g", "M", &()).await.unwrap(), Value::Binary(inner.to_vec()));
        assert_eq!(client.call_unpacked("g", "M", &()).await.unwrap(), Value::Binary(vec![0xc4, 0]));
        assert_eq!(client.call_raw("g", "M", &()).await.unwrap()[..], [0xc4, 4, 0xc4, 2, 0xc4, 0]);
    };
    tokio::join!(calls, serve);
}

#[tokio::test]
async fn a_dead_server_fails_every_request_in_flight_and_all_later_ones() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    let serve = async {
        peer.id().await;
        peer.id().await;
        drop(peer);
    };
    let (first, second, ()) =
        tokio::join!(client.call("g", "First", &()), client.call("g", "Second", &()), serve);
    for result in [first, second, client.call("g", "Third", &()).await] {
        assert!(matches!(result, Err(CallError::ConnectionLost { .. })), "{result:?}");
    }
    assert!(client.is_closed());
}

#[tokio::test]
async fn half_a_response_is_a_lost_connection() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    let serve = async {
        peer.id().await;
        peer.send(&[0, 0, 0, 100, 0x82]).await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(client.call("g", "M", &()), serve);
    assert!(matches!(result, Err(CallError::ConnectionLost { .. })), "{result:?}");
}

#[tokio::test]
async fn an_oversized_response_is_refused_by_its_prefix() {
    let (client, mut peer) =
        Server::start().await.client(ConnectOptions { max_response_bytes: 1000, ..options() }).await;
    let serve = async {
        peer.id().await;
        peer.send(&1001_u32.to_be_bytes()).await;
        assert_eq!(peer.0.read(&mut [0]).await.unwrap_or(0), 0, "the client closes");
    };
    let (result, ()) = tokio::join!(client.call("g", "M", &()), serve);
    assert!(
        matches!(result, Err(CallError::ResponseTooLarge { length: 1001, limit: 1000, .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_malformed_response_ends_the_connection() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    let serve = async {
        peer.id().await;
        peer.send(&[0, 0, 0, 1, 0xc0]).await;
        assert_eq!(peer.0.read(&mut [0]).await.unwrap_or(0), 0, "the client closes");
    };
    let (result, ()) = tokio::join!(client.call("g", "M", &()), serve);
    assert!(matches!(result, Err(CallError::BadResponse { .. })), "{result:?}");
}

#[tokio::test]
async fn a_deadline_ends_the_call_and_not_the_connection() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    let hurried = client.with_deadline(Duration::from_millis(20));
    let result = hurried.call("g", "Slow", &()).await;
    assert!(matches!(&result, Err(CallError::Deadline { method, .. }) if method == "Slow"), "{result:?}");
    let serve = async {
        let late = peer.id().await;
        let id = peer.id().await;
        peer.answer(late, "result", "late").await;
        peer.answer(id, "result", "in time").await;
    };
    let (result, ()) = tokio::join!(client.call("g", "Quick", &()), serve);
    assert_eq!(result.unwrap().as_str(), Some("in time"));
}

#[tokio::test]
async fn the_last_handle_closes_the_connection() {
    let (client, mut peer) = Server::start().await.client(options()).await;
    drop(client.clone());
    drop(client);
    assert_eq!(peer.0.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_unix_socket_works_and_a_missing_one_reads_like_python() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.sock");
    let endpoint = Endpoint::parse(&format!("unix://{}", path.display())).unwrap();
    let error = Client::connect(&endpoint, &Secret::none(), options()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot connect to '{endpoint}': [Errno 2] No such file or directory")
    );
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let client = Client::connect(&endpoint, &Secret::none(), options()).await.unwrap();
    drop(listener);
    assert_eq!(client.endpoint(), &endpoint);
}

#[tokio::test]
async fn the_router_names_a_dead_shard_and_finds_it_again() {
    let (alive, dead) = (Server::start().await, Down::new());
    let endpoints = EndpointList::new(vec![alive.endpoint(), dead.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::new(SECRET), options());
    let graph_of = |owner: &Endpoint| {
        (0..).map(|n| format!("graph-{n}")).find(|graph| router.owner(graph) == owner).unwrap()
    };
    let (near, far) = (graph_of(&alive.endpoint()), graph_of(&dead.endpoint()));
    let dead_endpoint = dead.endpoint();

    let (pong, _peer) = tokio::join!(router.call(&near, "Ping", &()), alive.accept_and_pong());
    assert_eq!(pong.unwrap().as_str(), Some("pong"));

    let error = router.call(&far, "Ping", &()).await.unwrap_err();
    assert!(matches!(&error, RouterError::ShardUnreachable { .. }), "{error:?}");
    let start = format!(
        "Configured engine shard '{dead_endpoint}' (owner of graph '{far}' by HRW over GRAPH_SERVICE_ENDPOINTS) is \
         unreachable: [Errno 111] Connection refused. Start"
    );
    assert!(error.to_string().starts_with(&start), "{error}");

    let topology = serde_json::to_value(router.topology("__bus__").await).unwrap();
    let expected = serde_json::json!({
        "mode": "sharded",
        "default_graph": "__bus__",
        "endpoints": [
            {"endpoint": alive.endpoint().as_str(), "local": false, "reachable": true},
            {"endpoint": dead_endpoint.as_str(), "local": false, "reachable": false},
        ]
    });
    assert_eq!(topology, expected);

    let back = dead.start();
    for _ in 0..2 {
        let (pong, peer) = tokio::join!(router.call(&far, "Ping", &()), back.accept_and_pong());
        assert_eq!(pong.unwrap().as_str(), Some("pong"));
        let old = router.client_for(&far).await.unwrap();
        drop(peer);
        while !old.is_closed() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn callers_of_one_shard_share_its_connection() {
    let server = Server::start().await;
    let endpoints = EndpointList::new(vec![server.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::none(), options());
    let (a, b) = tokio::join!(router.client_for("a"), router.client_for("b"));
    let _peer = server.accept().await;
    drop((a.unwrap(), b.unwrap()));
    assert!(
        tokio::time::timeout(Duration::from_millis(20), server.accept()).await.is_err(),
        "one connection"
    );
}

#[tokio::test]
async fn a_single_engine_that_is_down_has_the_single_engine_text() {
    let down = Down::new();
    let endpoints = EndpointList::new(vec![down.endpoint()]).unwrap();
    let router = ShardRouter::new(endpoints, Secret::none(), options());
    let error = router.client_for("g").await.unwrap_err().to_string();
    let name = down.endpoint();
    let start =
        format!("Cannot connect to the epistemic-graph-server at '{name}': [Errno 111] Connection refused. ");
    assert!(error.starts_with(&start), "{error}");
}

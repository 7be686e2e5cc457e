//! A shard over a store whose reads wait, that can be out of reach, and that can be taken over.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    time::Duration,
};

use epistemic_storage::{GraphStore, StoreError};
use rmpv::Value;

use super::{TestShard, remote_store::RemoteStore};
use crate::{
    open_store::Opened,
    server::exit_code,
    wire::{TokenKey, encode},
};

/// Longer than anything takes here: what never comes fails the test instead of hanging it.
const NEVER: Duration = Duration::from_secs(120);
/// More than there are threads for connections.
const MANY: usize = 20;

fn start(store: &RemoteStore, flags: &[&str]) -> TestShard {
    let store = store.clone();
    TestShard::over(move |_, _, _, _| Ok(Opened::alone(GraphStore::open(store)?)), flags).unwrap()
}

/// One connection.
struct Client {
    stream: UnixStream,
    key: TokenKey,
    sent: u64,
}

impl Client {
    fn connect(shard: &TestShard) -> Self {
        let stream = UnixStream::connect(shard.endpoint().trim_start_matches("unix://")).unwrap();
        stream.set_read_timeout(Some(NEVER)).unwrap();
        Self { stream, key: TokenKey::new(shard.secret()), sent: 0 }
    }

    /// Sends a request and waits for nothing.
    fn send(&mut self, method: &str, params: &[(&str, &str)]) {
        self.sent += 1;
        let mut body = Vec::new();
        encode::map(&mut body, 5);
        encode::str(&mut body, "id");
        encode::uint(&mut body, self.sent);
        for (field, value) in
            [("graph", "g"), ("auth_token", self.key.token(self.sent).as_str()), ("method", method)]
        {
            encode::str(&mut body, field);
            encode::str(&mut body, value);
        }
        encode::str(&mut body, "params");
        encode::map(&mut body, params.len());
        for (name, value) in params {
            encode::str(&mut body, name);
            if *name == "properties_msgpack" {
                encode::bin(&mut body, &[0x80]);
            } else {
                encode::str(&mut body, value);
            }
        }
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        // That the connection has ended shows when an answer is waited for.
        let _ = self.stream.write_all(&[&length[..], &body].concat());
    }

    /// The id of the next response, and its result or error; nothing when the connection has ended.
    fn receive(&mut self) -> Option<(u64, Result<Value, String>)> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut body).unwrap();
        let response = rmpv::decode::read_value(&mut body.as_slice()).unwrap();
        let field = |name: &str| {
            let mut fields = response.as_map().unwrap().iter();
            fields.find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value.clone())
        };
        let outcome = match field("error") {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(field("result").unwrap()),
        };
        Some((field("id").unwrap().as_u64().unwrap(), outcome))
    }

    fn call(&mut self, method: &str, params: &[(&str, &str)]) -> Result<Value, String> {
        self.send(method, params);
        self.receive().unwrap().1
    }

    fn add(&mut self, node: &str) -> Result<Value, String> {
        self.call("AddNode", &[("node_id", node), ("properties_msgpack", "")])
    }
}

/// The graph with two nodes.
fn filled(shard: &TestShard) -> Client {
    let mut client = Client::connect(shard);
    client.call("CreateGraph", &[("graph_name", "g"), ("graph_type", "Agent")]).unwrap();
    client.add("slow").unwrap();
    client.add("quick").unwrap();
    client
}

fn until(what: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !what() {
        assert!(begun.elapsed() < NEVER, "it never comes");
        std::thread::yield_now();
    }
}

#[test]
fn reads_that_wait_stop_nobody_else() {
    let store = RemoteStore::remote();
    let shard = start(&store, &[]);
    let mut client = filled(&shard);
    store.hold_reads(Some(b"slow"));
    let mut waiting: Vec<_> = (0..MANY).map(|_| Client::connect(&shard)).collect();
    waiting.iter_mut().for_each(|client| client.send("GetNodeProperties", &[("node_id", "slow")]));
    until(|| store.held_reads() == MANY);
    // All others are served, as often as they ask.
    for n in 0..MANY {
        client.call("GetNodeProperties", &[("node_id", "quick")]).unwrap();
        client.add(&n.to_string()).unwrap();
        assert_eq!(client.call("NodeCount", &[]).unwrap(), Value::from(3 + n as u64));
        Client::connect(&shard).call("HasNode", &[("node_id", "quick")]).unwrap();
    }
    assert_eq!(store.held_reads(), MANY, "all this time");
    store.hold_reads(None);
    for client in &mut waiting {
        assert!(client.receive().unwrap().1.is_ok());
    }
    shard.stop().unwrap();
}

#[test]
fn a_connection_gets_its_answers_in_order_and_reads_see_its_writes() {
    let store = RemoteStore::remote();
    let shard = start(&store, &[]);
    let mut client = filled(&shard);
    let first = client.sent + 1;
    store.hold_reads(Some(b"slow"));
    client.send("HasNode", &[("node_id", "slow")]);
    client.send("AddNode", &[("node_id", "new"), ("properties_msgpack", "")]);
    client.send("HasNode", &[("node_id", "new")]);
    client.send("NodeCount", &[]);
    client.send("Ping", &[]);
    until(|| store.held_reads() == 1);
    assert_eq!(store.nodes_put(), 2, "what is behind a read waits for it");
    store.hold_reads(None);
    let answers: Vec<_> = (0..5).map(|_| client.receive().unwrap()).collect();
    assert!(answers.iter().map(|(id, _)| *id).eq(first..first + 5));
    let values: Vec<_> = answers.into_iter().map(|(_, outcome)| outcome.unwrap()).collect();
    let expected =
        [Value::from(true), Value::from("ok"), Value::from(true), Value::from(3), Value::from("pong")];
    assert_eq!(values, expected);
    shard.stop().unwrap();
}

/// A free port; whoever is faster makes the shard fail to start.
fn free_address() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
}

fn ready(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn out_of_reach_writes_are_refused_until_it_is_back() {
    let (store, address) = (RemoteStore::remote(), free_address());
    let shard = start(&store, &["--store-deadline", "1", "--metrics-addr", &address]);
    let mut client = filled(&shard);
    assert!(ready(&address).starts_with("HTTP/1.1 200"));
    store.put_out_of_reach(true);
    let before = store.commits();
    let mut under_way = Client::connect(&shard);
    under_way.send("AddNode", &[("node_id", "under way"), ("properties_msgpack", "")]);
    until(|| store.commits() > before);
    let refused = client.add("refused").unwrap_err();
    assert!(refused.starts_with("the object store cannot be reached: "), "{refused}");
    let page = ready(&address);
    assert!(page.starts_with("HTTP/1.1 503") && page.contains("the test has cut it off"), "{page}");
    assert_eq!(client.call("HasNode", &[("node_id", "quick")]), Ok(Value::from(true)));
    store.put_out_of_reach(false);
    assert!(under_way.receive().unwrap().1.is_ok(), "it was under way");
    client.add("after").unwrap();
    for (node, there) in [("under way", true), ("refused", false), ("after", true)] {
        assert_eq!(client.call("HasNode", &[("node_id", node)]), Ok(Value::from(there)), "{node}");
    }
    assert!(ready(&address).starts_with("HTTP/1.1 200"));
    shard.stop().unwrap();
}

#[test]
fn a_shard_whose_store_was_taken_over_answers_nothing_and_ends() {
    let store = RemoteStore::remote();
    let shard = start(&store, &[]);
    let mut client = filled(&shard);
    let mut idle = Client::connect(&shard);
    idle.call("HasNode", &[("node_id", "quick")]).unwrap();
    store.fail(Some(StoreError::Fenced { detail: "another one".into() }));
    client.send("AddNode", &[("node_id", "lost"), ("properties_msgpack", "")]);
    client.send("HasNode", &[("node_id", "quick")]);
    assert_eq!(client.receive(), None, "neither a success nor an old state");
    assert_eq!(idle.receive(), None);
    let error = shard.ended().unwrap_err();
    assert!(
        format!("{error:#}").contains("another process has taken over the store: another one"),
        "{error:#}"
    );
    assert_eq!(exit_code(&error), 5);
    assert_eq!(exit_code(&anyhow::anyhow!("x")), 1);
}

/// Also when nobody writes.
#[test]
fn an_idle_shard_ends_when_its_store_was_taken_over() {
    let store = RemoteStore::remote();
    let shard = start(&store, &[]);
    store.fail(Some(StoreError::Fenced { detail: "another one".into() }));
    assert_eq!(exit_code(&shard.ended().unwrap_err()), 5);
}

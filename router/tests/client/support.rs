//! Servers of a few lines: [`Server`] does what a test tells it step by step, [`Shard`] answers by a rule.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use epistemic_router::{Client, ConnectOptions, Endpoint, Secret};
use parking_lot::Mutex;
use rmpv::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const SECRET: &str = "s3cret";

/// A loopback address of its own for each server: breakers are shared by the process, and a port may come back.
fn address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    SocketAddr::from(([127, 1, high, low], 0))
}

pub(crate) struct Server(pub(crate) TcpListener);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind(address()).await.expect("loopback has a free port"))
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("tcp://{}", self.0.local_addr().expect("it is bound")))
            .expect("it is an endpoint")
    }

    pub(crate) async fn accept(&self) -> Peer {
        Peer(self.0.accept().await.expect("a client connects").0)
    }

    pub(crate) async fn accept_and_pong(&self) -> Peer {
        let mut peer = self.accept().await;
        let id = peer.id().await;
        peer.answer(id, "result", "pong").await;
        peer
    }

    /// A client of this server, and the server's side of its connection.
    pub(crate) async fn client(&self, options: ConnectOptions) -> (Client, Peer) {
        let (endpoint, secret) = (self.endpoint(), Secret::new(SECRET));
        let (client, peer) = tokio::join!(Client::connect(&endpoint, &secret, options), self.accept());
        (client.expect("the server listens"), peer)
    }
}

/// A server that is down: its port is taken, so that no other test gets it, and refuses connections.
pub(crate) struct Down(TcpSocket);

impl Down {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket is to be had");
        socket.bind(address()).expect("loopback has a free port");
        Self(socket)
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("tcp://{}", self.0.local_addr().expect("it is bound")))
            .expect("it is an endpoint")
    }

    pub(crate) fn start(self) -> Server {
        Server(self.0.listen(8).expect("a bound socket can listen"))
    }
}

pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn request(&mut self) -> Value {
        self.next_request().await.expect("a frame arrives")
    }

    async fn next_request(&mut self) -> Option<Value> {
        let length = self.0.read_u32().await.ok()?;
        let mut frame = vec![0; length as usize];
        self.0.read_exact(&mut frame).await.ok()?;
        Some(rmpv::decode::read_value(&mut frame.as_slice()).expect("it is MessagePack"))
    }

    pub(crate) async fn id(&mut self) -> u64 {
        self.request().await["id"].as_u64().expect("an id is an unsigned integer")
    }

    pub(crate) async fn answer(&mut self, id: u64, key: &str, value: impl Into<Value>) {
        let map = Value::Map(vec![("id".into(), id.into()), (key.into(), value.into())]);
        let mut body = Vec::new();
        rmpv::encode::write_value(&mut body, &map).expect("a Vec takes everything");
        let length = u32::try_from(body.len()).expect("it is small");
        self.send(&[&length.to_be_bytes()[..], &body].concat()).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A client that is gone is no fault of the server.
        let _ = self.0.write_all(bytes).await;
    }
}

/// What a [`Shard`] does with a request.
pub(crate) enum Reply {
    Result(Value),
    Error(String),
    Silence,
    Hangup,
}

pub(crate) fn ok() -> Reply {
    Reply::Result("ok".into())
}

pub(crate) type Rule = Arc<dyn Fn(&str, &Value) -> Reply + Send + Sync>;

/// A server that answers every request by its rule until it is stopped.
pub(crate) struct Shard {
    address: SocketAddr,
    task: Mutex<JoinHandle<()>>,
    seen: Arc<Seen>,
    rule: Rule,
}

#[derive(Default)]
pub(crate) struct Seen {
    connections: AtomicUsize,
    methods: Mutex<Vec<String>>,
}

impl Shard {
    /// A shard whose answers follow from the method and the whole request.
    pub(crate) async fn start(rule: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address()).await.expect("loopback has a free port");
        Self::over(listener, Arc::new(rule))
    }

    pub(crate) fn over(listener: TcpListener, rule: Rule) -> Self {
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Seen::default());
        let task = Mutex::new(tokio::spawn(serve(listener, Arc::clone(&rule), Arc::clone(&seen))));
        Self { address, task, seen, rule }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("tcp://{}", self.address)).expect("it is an endpoint")
    }

    /// Ends it with all its connections. Its port refuses until [`Shard::restart`].
    pub(crate) async fn stop(&self) {
        let task = std::mem::replace(&mut *self.task.lock(), tokio::spawn(async {}));
        task.abort();
        task.await.expect_err("it runs until it is stopped");
    }

    pub(crate) async fn restart(&self) {
        let listener = TcpListener::bind(self.address).await.expect("its port is still free");
        *self.task.lock() = tokio::spawn(serve(listener, Arc::clone(&self.rule), Arc::clone(&self.seen)));
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How often a method was asked for.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.seen.methods.lock().iter().filter(|seen| *seen == method).count()
    }
}

async fn serve(listener: TcpListener, rule: Rule, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("it is a TCP socket");
        seen.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(answer(Peer(stream), Arc::clone(&rule), Arc::clone(&seen)));
    }
}

async fn answer(mut peer: Peer, rule: Rule, seen: Arc<Seen>) {
    while let Some(request) = peer.next_request().await {
        let method = request["method"].as_str().expect("a method is a string");
        let id = request["id"].as_u64().expect("an id is an unsigned integer");
        seen.methods.lock().push(method.to_owned());
        match rule(method, &request) {
            Reply::Result(value) => peer.answer(id, "result", value).await,
            Reply::Error(text) => peer.answer(id, "error", text).await,
            Reply::Silence => {}
            Reply::Hangup => return,
        }
    }
}

//! Real shards on unix sockets, which keep their endpoints over a restart.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use epistemic_router::{ConnectOptions, EndpointList, Secret, ShardRouter};

const SECRET: &str = "s3cret";

/// A server on a socket of its own; ends with the test.
pub(crate) struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// `kill -9`; waits until the process has gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the server `name` in `dir`, again with what it stored there before; does not wait until it listens.
pub(crate) fn start(program: &Path, dir: &Path, name: &str) -> Server {
    let socket = dir.join(name);
    let child = Command::new(program)
        .args([
            Path::new("--socket-path"),
            &socket,
            Path::new("--persist-dir"),
            &dir.join(format!("{name}.d")),
        ])
        .env("GRAPH_SERVICE_AUTH_SECRET", SECRET)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Server { child, endpoint: format!("unix://{}", socket.display()) }
}

/// A router over `count` servers that listen: `0.sock`, `1.sock` and so on.
pub(crate) async fn shards(
    program: &Path,
    dir: &Path,
    count: usize,
    options: ConnectOptions,
) -> (Vec<Server>, ShardRouter) {
    let servers: Vec<_> = (0..count).map(|n| start(program, dir, &format!("{n}.sock"))).collect();
    let texts: Vec<_> = servers.iter().map(|server| server.endpoint.as_str()).collect();
    let endpoints = EndpointList::parse(&texts.join(",")).unwrap();
    let router = ShardRouter::new(endpoints, Secret::new(SECRET), options);
    all_listen(&router).await;
    (servers, router)
}

/// Waits until every shard accepts connections. Asks no breaker.
pub(crate) async fn all_listen(router: &ShardRouter) {
    let ready = async {
        while !router.topology("g").await.endpoints.iter().all(|endpoint| endpoint.reachable) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.expect("the servers listen");
}

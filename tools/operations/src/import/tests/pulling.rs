//! Graphs that change while they are read from a running server.

use std::collections::VecDeque;

use epistemic_router::{Client, ConnectOptions, Endpoint, Secret};
use rmpv::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::super::pull::Server;
use super::document;

/// A server whose graph has `nodes` nodes at each look at its counters; the last stays. Its document is [`document`].
async fn server(folder: &tempfile::TempDir, nodes: &[u64]) -> Server {
    let path = folder.path().join("s.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let nodes = nodes.to_vec();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, nodes.into()).await
    });
    let endpoint = Endpoint::parse(&format!("unix://{}", path.display())).unwrap();
    let secret = Secret::new("s");
    Server(Client::connect(&endpoint, &secret, ConnectOptions::default()).await.unwrap())
}

async fn serve(mut stream: UnixStream, mut nodes: VecDeque<u64>) -> std::io::Result<()> {
    loop {
        let mut frame = vec![0; stream.read_u32().await? as usize];
        stream.read_exact(&mut frame).await?;
        let request: Value = rmp_serde::from_slice(&frame).unwrap();
        let result = match request["method"].as_str().unwrap() {
            "NodeCount" => {
                let count = if nodes.len() > 1 { nodes.pop_front() } else { nodes.front().copied() };
                count.unwrap().into()
            }
            "EdgeCount" => 3.into(),
            "Metrics" => Value::Map(vec![("total_mutations".into(), 5.into())]),
            "ToMsgpack" => document().into_iter().map(Value::from).collect(),
            method => panic!("{method}"),
        };
        let answer = Value::Map(vec![("id".into(), request["id"].clone()), ("result".into(), result)]);
        let answer = rmp_serde::to_vec(&answer).unwrap();
        stream.write_u32(answer.len() as u32).await?;
        stream.write_all(&answer).await?;
    }
}

async fn problems(nodes: &[u64]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let pulled = server(&folder, nodes).await.pull("g").await.unwrap();
    assert_eq!(pulled.document, document());
    pulled.problems
}

#[tokio::test]
async fn a_graph_that_comes_to_rest_is_read_again() {
    assert!(problems(&[2]).await.is_empty());
    assert!(problems(&[0, 1, 1, 2, 2]).await.is_empty());
}

#[tokio::test]
async fn a_graph_that_never_rests_is_doubtful() {
    let never: Vec<u64> = (2..20).collect();
    let problem = &problems(&never).await[0];
    assert!(problem.starts_with("it changed while it was read, 4 times: before 8 nodes"), "{problem}");
}

#[tokio::test]
async fn counts_that_are_not_those_of_the_copy_are_told() {
    let problem = &problems(&[7]).await[0];
    assert!(
        problem.contains("the server says 7 nodes, 3 edges, 5 ledger lines, copied 2 nodes"),
        "{problem}"
    );
}

//! One connection, against a server that does what each test tells it.

use std::time::Duration;

use epistemic_router::{Bin, CallError, Client, ConnectOptions, Endpoint, ErrorCode, ErrorKind, Secret};
use rmpv::Value;
use tokio::io::AsyncReadExt;

use crate::support::{SECRET, Server};

fn options() -> ConnectOptions {
    ConnectOptions::default()
}

#[tokio::test]
async fn a_request_carries_what_the_protocol_asks_for() {
    let options = ConnectOptions { agent_id: Some("planner".to_owned()), sign: false, ..options() };
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
    for result in [first, second] {
        assert!(matches!(&result, Err(CallError::ConnectionLost { .. })), "{result:?}");
        assert!(result.unwrap_err().may_have_run());
    }
    let error = client.call("g", "Third", &()).await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent { .. }), "{error:?}");
    assert_eq!(
        (error.may_have_run(), error.kind(), error.code()),
        (false, ErrorKind::Retry, ErrorCode::NotSent)
    );
    assert!(error.to_string().ends_with("Nothing was carried out"), "{error}");
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_call_that_waited_for_a_place_was_not_sent() {
    let options = ConnectOptions { max_in_flight: 1, ..options() };
    let (client, mut peer) = Server::start().await.client(options).await;
    let hurried = client.with_deadline(Duration::from_millis(20));
    let (first, second) = tokio::join!(biased; client.call("g", "First", &()), async {
        let second = hurried.call("g", "Second", &()).await;
        let id = peer.id().await;
        peer.answer(id, "result", 1).await;
        second
    });
    assert_eq!(first.unwrap().as_u64(), Some(1));
    assert!(matches!(&second, Err(CallError::NotSent { .. })), "{second:?}");
}

#[tokio::test]
async fn those_who_wait_for_a_place_learn_that_the_connection_ended() {
    let options = ConnectOptions { max_in_flight: 1, ..options() };
    let (client, mut peer) = Server::start().await.client(options).await;
    let serve = async {
        peer.id().await;
        drop(peer);
    };
    let (first, second, ()) =
        tokio::join!(biased; client.call("g", "First", &()), client.call("g", "Second", &()), serve);
    assert!(matches!(&first, Err(CallError::ConnectionLost { .. })), "{first:?}");
    assert!(matches!(&second, Err(CallError::NotSent { .. })), "{second:?}");
}

#[tokio::test]
async fn a_server_that_takes_nothing_loses_its_connection() {
    let options = ConnectOptions { write_timeout: Duration::from_millis(50), ..options() };
    let (client, _peer) = Server::start().await.client(options).await;
    let blob = vec![0; 64 << 20];
    let error = client.call("g", "FromMsgpack", &Bin(&blob)).await.unwrap_err();
    assert!(matches!(&error, CallError::ConnectionLost { .. }), "{error:?}");
    assert!(error.to_string().contains("the server took no data for 50ms"), "{error}");
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

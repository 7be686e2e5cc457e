//! Wrong, missing and truncated tokens.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, params, token};
use epistemic_tests::{Client, Endpoint, ServerProcess, Value, WireError, http};

use crate::bystander::Bystander;
use crate::{endpoints, node};

#[test]
fn only_the_token_of_the_request_is_taken() -> Result<()> {
    let server = ServerProcess::ours().tcp().metrics().start()?;
    let bystander = Bystander::start(&server)?;
    server.client()?.create_graph("g")?;
    let secret = server.secret();
    for endpoint in endpoints(&server) {
        let mut client = Client::connect(&endpoint, secret)?;
        client.call("", "Ping", None)?;
        for method in ["Ping", "Health", "AddNode", "DeleteGraph", "Shutdown", "Checkpoint"] {
            let fields = [
                ("node_id", "stolen".into()),
                ("properties_msgpack", bin([0x80])),
                ("graph_name", "g".into()),
            ];
            let parameters = if matches!(method, "AddNode" | "DeleteGraph") { params(fields) } else { None };
            let request = client.request("g", method, parameters);
            let id = 1_000;
            let right = token(secret, id);
            let wrong = [
                String::new(),
                "wrong".into(),
                right[..63].into(),
                right[..32].into(),
                format!("{right}0"),
                format!("{right}\0"),
                right.to_uppercase(),
                token(secret, id + 1),
                token("another secret", id),
                token("", id),
                right.replace(|digit: char| digit.is_ascii_digit(), "x"),
                "x".repeat(1 << 20),
                secret.into(),
            ];
            for wrong in wrong {
                client.send_body(&request.clone().with("id", id).with("auth_token", wrong.clone()).body())?;
                let answer = client.receive()?;
                let expected = Err("Authentication failed".to_owned());
                ensure!(
                    answer.id == id && answer.outcome == expected,
                    "{method} with {wrong:.80}: {answer:?}"
                );
            }
            let broken = [
                (request.clone().without("auth_token"), "missing field `auth_token`"),
                (
                    request.clone().with("auth_token", Value::Nil),
                    "invalid type: unit value, expected a string",
                ),
                (request.clone().with("auth_token", 5), "invalid type: integer `5`, expected a string"),
                (request.clone().with_repeated("auth_token", right), "duplicate field `auth_token`"),
            ];
            for (request, reason) in broken {
                client.send_body(&request.with("id", id).body())?;
                let answer = client.receive()?;
                let expected = format!("Invalid request MsgPack: {reason}");
                ensure!(answer.id == id && answer.outcome == Err(expected), "{method}: {answer:?}");
            }
        }
        ensure!(
            client.call("g", "NodeCount", None)? == 0.into(),
            "the connection stays good and nothing was done"
        );
    }
    bystander.finish()
}

/// A stranger learns nothing about graphs, methods or parameters.
#[test]
fn the_token_is_checked_before_anything_else() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let calls = [
        ("no such graph", "NodeCount", None),
        ("__commons__", "HasNode", node("n")),
        ("__commons__", "NoSuchMethod", None),
        ("__commons__", "HasNode", params([("node_id", 5.into())])),
        ("__commons__", "PageRank", None),
    ];
    for (graph, method, parameters) in calls {
        let mut client = Client::connect(&server.unix_endpoint(), "guess")?;
        let error = client.call(graph, method, parameters).expect_err("a wrong secret");
        ensure!(error.server_text() == Some("Authentication failed"), "{method}: {error}");
    }
    Ok(())
}

/// The peer is named once, with its address or its user and process.
#[test]
fn three_wrong_tokens_end_the_connection_and_are_logged() -> Result<()> {
    let server = ServerProcess::ours().tcp().metrics().start()?;
    for endpoint in endpoints(&server) {
        let mut stranger = Client::connect(&endpoint, "guess")?;
        for _ in 0..3 {
            let error = stranger.call("", "Ping", None).expect_err("a wrong secret");
            ensure!(error.server_text() == Some("Authentication failed"), "{error}");
        }
        ensure!(stranger.is_closed_by_server()?, "{endpoint:?}");
        // Who has shown the secret stays, as with the reference.
        let mut friend = Client::connect(&endpoint, server.secret())?;
        friend.call("", "Ping", None)?;
        for _ in 0..5 {
            let request = friend.request("", "Ping", None).with("auth_token", "wrong");
            friend.send_body(&request.body())?;
            ensure!(friend.receive()?.outcome.is_err());
        }
        friend.call("", "Ping", None)?;
    }
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    ensure!(http::series(&page, "epistemic_graph_auth_failures_total") == Some(16.0), "{page}");
    let user = format!("uid {}, pid {}", rustix::process::getuid().as_raw(), std::process::id());
    for peer in ["127.0.0.1:", &user] {
        let told = || {
            server.output().lines().filter(|line| line.contains("wrong token") && line.contains(peer)).count()
        };
        let found = poll(Duration::from_secs(20), Duration::from_millis(10), || {
            Ok::<_, WireError>((told() > 0).then_some(()))
        })?;
        ensure!(found.is_some() && told() == 1, "{peer}: {}", server.output());
    }
    Ok(())
}

/// 100 are answered at once and then ten a second, over all connections; who knows the secret is not slowed down.
#[test]
fn guesses_of_one_address_wait_for_their_answers() -> Result<()> {
    const GUESSES: u32 = 130;
    let server = ServerProcess::ours().tcp().start()?;
    let begun = Instant::now();
    let mut answered = 0;
    while answered < GUESSES {
        let mut stranger = Client::connect(&Endpoint::Tcp(server.tcp_addr()), "guess")?;
        for _ in 0..3 {
            let error = stranger.call("", "Ping", None).expect_err("a wrong secret");
            ensure!(error.server_text() == Some("Authentication failed"), "{error}");
            answered += 1;
        }
        server.tcp_client()?.call("", "Ping", None)?;
    }
    ensure!(begun.elapsed() >= Duration::from_millis(100) * (GUESSES - 101), "{:?}", begun.elapsed());
    Ok(())
}

/// Wrong secrets of all lengths, the empty one included, on both sides.
#[test]
fn secrets_of_any_kind_work_and_differ() -> Result<()> {
    for secret in ["x", "é😀 with spaces", &"long".repeat(1000), " "] {
        let server = ServerProcess::ours().in_memory().secret(secret).start()?;
        let mut stranger = Client::connect(&server.unix_endpoint(), &format!("{secret}x"))?;
        let error = stranger.call("", "Ping", None).expect_err("another secret");
        ensure!(error.server_text() == Some("Authentication failed"), "{error}");
    }
    Ok(())
}

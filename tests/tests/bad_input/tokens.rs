//! Wrong, missing and truncated tokens.

use anyhow::{Result, ensure};
use epistemic_tests::wire::{bin, params, token};
use epistemic_tests::{Client, ServerProcess, Value};

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
    let mut client = Client::connect(&server.unix_endpoint(), "guess")?;
    let calls = [
        ("no such graph", "NodeCount", None),
        ("__commons__", "HasNode", node("n")),
        ("__commons__", "NoSuchMethod", None),
        ("__commons__", "HasNode", params([("node_id", 5.into())])),
        ("__commons__", "PageRank", None),
    ];
    for (graph, method, parameters) in calls {
        let error = client.call(graph, method, parameters).expect_err("a wrong secret");
        ensure!(error.server_text() == Some("Authentication failed"), "{method}: {error}");
    }
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

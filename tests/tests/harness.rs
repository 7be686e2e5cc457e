//! The harness itself, against the reference servers, whose behaviour is known.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use anyhow::{Context, Result};
use epistemic_tests::binaries::REFERENCE_VERSIONS;
use epistemic_tests::wire::{ints, params};
use epistemic_tests::{ServerProcess, Value, http, python};

#[test]
fn every_reference_version_serves_both_transports_and_metrics() -> Result<()> {
    for version in REFERENCE_VERSIONS {
        let server = ServerProcess::reference(version).tcp().metrics().secret("another").start()?;
        server.client()?.create_graph("g")?;
        let fields = [("node_id", "n".into()), ("properties_msgpack", ints(&[0x81, 0xa1, b'k', 5]))];
        server.tcp_client()?.call("g", "AddNode", params(fields))?;
        assert_eq!(server.client()?.node_properties("g", "n")?, Some(vec![0x81, 0xa1, b'k', 5]));
        assert_eq!(server.client()?.node_properties("g", "other")?, None);

        let page = http::get(server.metrics_addr(), "/metrics")?;
        assert_eq!(page.status, 200);
        let counted = http::series(&page.body, r#"epistemic_graph_requests_total{op="AddNode"}"#);
        assert_eq!(counted, Some(1.0), "{version}: {}", page.body);
    }
    Ok(())
}

#[test]
fn errors_and_broken_frames_are_told_apart() -> Result<()> {
    let server = ServerProcess::reference("0.31.0").start()?;
    let mut client = server.client()?;
    let error = client.call("missing", "NodeCount", None).expect_err("no such graph");
    assert_eq!(error.server_text(), Some("Graph 'missing' not found"));

    let request = client.request("g", "Ping", None).with("auth_token", "00");
    client.send_body(&request.body())?;
    assert_eq!(client.receive()?.outcome, Err("Authentication failed".into()));

    client.send_body(b"\xc1")?;
    let response = client.receive()?;
    assert_eq!(response.id, 0);
    assert!(response.outcome.is_err_and(|text| text.starts_with("Invalid request MsgPack: ")));

    let request = client.request("g", "Ping", None).without("graph");
    client.send_body(&request.body())?;
    let error = client.receive()?.outcome.expect_err("a field is missing");
    assert_eq!(error, "Invalid request MsgPack: missing field `graph`");

    client.send_raw(&[0, 0, 0, 9, 1])?; // half a frame
    client.finish_sending()?;
    assert!(client.is_closed_by_server()?);
    Ok(())
}

#[test]
fn pipelined_answers_carry_their_ids() -> Result<()> {
    let server = ServerProcess::reference("0.31.0").start()?;
    let mut client = server.client()?;
    let sent = (0..50).map(|_| client.send("g", "Ping", None)).collect::<Result<Vec<_>, _>>()?;
    for id in sent {
        let response = client.receive()?;
        assert_eq!((response.id, response.outcome), (id, Ok(Value::from("pong"))));
    }
    Ok(())
}

#[test]
fn processes_end_as_told() -> Result<()> {
    let (status, output) = ServerProcess::reference("0.31.0").no_secret().start_expecting_exit()?;
    assert_eq!(status.code(), Some(2));
    assert!(output.contains("no auth secret configured"), "{output}");

    let mut server = ServerProcess::reference("2.0.0").start()?;
    assert_eq!(server.terminate()?.code(), Some(0));

    let mut server = ServerProcess::reference("0.31.0").start()?;
    server.kill9()?;
    let status = server.wait_for_exit(Duration::ZERO)?;
    assert_eq!(status.signal(), Some(9));
    Ok(())
}

#[test]
fn data_outlives_a_restart() -> Result<()> {
    let server = ServerProcess::reference("2.0.0").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &[0x80])?;
    let server = server.restart()?;
    assert_eq!(server.client()?.node_properties("g", "n")?, Some(vec![0x80]));
    Ok(())
}

#[test]
fn python_clients_run() -> Result<()> {
    let script = "
import sys
from epistemic_graph import SyncEpistemicGraphClient as Client
client = Client.connect(socket_path=sys.argv[1], auth_secret=sys.argv[2], graph_name='py')
client.nodes.add('n', {'k': 1})
print(client.nodes.has('n'))
client.close()
";
    for version in REFERENCE_VERSIONS {
        let server = ServerProcess::reference(version).start()?;
        server.client()?.create_graph("py")?;
        let socket = server.socket().to_str().context("socket path")?;
        assert_eq!(python::check(version, script, &[socket, server.secret()])?.trim(), "True");
    }
    let failure = python::run("0.31.0", "raise SystemExit(3)", &[])?;
    assert_eq!(failure.code, Some(3));
    Ok(())
}

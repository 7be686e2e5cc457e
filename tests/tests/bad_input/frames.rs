//! Lengths that are too large, frames that are cut off, and the memory that strangers may take.

use std::time::Duration;

use anyhow::{Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, field, map, pack, params, unpack};
use epistemic_tests::{Client, ServerProcess, Value, http};

use crate::bystander::Bystander;
use crate::{MIB, endpoints, memory, node};

/// The connection ends with one error answer that starts with `prefix`.
fn is_refused(client: &mut Client, prefix: &str) -> Result<()> {
    let answer = client.receive()?;
    ensure!(answer.id == 0, "{answer:?}");
    ensure!(answer.outcome.as_ref().is_err_and(|text| text.starts_with(prefix)), "{answer:?}");
    ensure!(client.is_closed_by_server()?);
    Ok(())
}

/// Fault 2: a length of 0xFFFFFFFF is accepted and 4 GiB are reserved before any authentication.
#[test]
fn the_largest_length_is_refused_at_once_and_takes_no_memory() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let bystander = Bystander::start(&server)?;
    let (before, virtual_before) = (memory(&server, "VmHWM")?, memory(&server, "VmPeak")?);
    for endpoint in endpoints(&server) {
        let mut clients =
            (0..50).map(|_| Client::connect(&endpoint, server.secret())).collect::<Result<Vec<_>, _>>()?;
        for client in &mut clients {
            client.send_raw(&[0xff; 4])?;
        }
        for client in &mut clients {
            is_refused(
                client,
                "FRAME_TOO_LARGE: frame of 4294967295 bytes is over the limit of 67108864 bytes",
            )?;
        }
    }
    let grown = memory(&server, "VmHWM")? - before;
    ensure!(grown < 16 * MIB, "resident memory grew by {grown} bytes");
    let reserved = memory(&server, "VmPeak")? - virtual_before;
    ensure!(reserved < 1024 * MIB, "virtual memory grew by {reserved} bytes");
    bystander.finish()
}

#[test]
fn fault_02_is_found_in_reference_0_31() -> Result<()> {
    let server = ServerProcess::reference("0.31.0").start()?;
    let before = memory(&server, "VmSize")?;
    let mut client = server.client()?;
    client.send_raw(&[0xff; 4])?;
    let reserved = poll(Duration::from_secs(20), Duration::from_millis(5), || -> Result<_> {
        Ok((memory(&server, "VmSize")? > before + 4000 * MIB).then_some(()))
    })?;
    ensure!(reserved.is_some(), "4 GiB were not reserved");
    Ok(())
}

/// A length that is allowed and of which nothing arrives takes no memory either.
#[test]
fn announced_bytes_take_no_memory_before_they_arrive() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let bystander = Bystander::start(&server)?;
    let before = memory(&server, "VmHWM")?;
    let length = u32::try_from(64 * MIB)?.to_be_bytes();
    let mut clients = Vec::new();
    for endpoint in endpoints(&server) {
        for authenticated in [false, true] {
            for _ in 0..25 {
                let mut client = Client::connect(&endpoint, server.secret())?;
                if authenticated {
                    client.call("", "Ping", None)?;
                }
                client.send_raw(&length)?;
                client.send_raw(&[0x85, 0xa2])?;
                clients.push(client);
            }
        }
    }
    bystander.finish()?;
    let grown = memory(&server, "VmHWM")? - before;
    ensure!(grown < 16 * MIB, "resident memory grew by {grown} bytes");
    Ok(())
}

#[test]
fn the_limit_is_exact() -> Result<()> {
    const LIMIT: usize = 100_000;
    let server = ServerProcess::ours().tcp().arg("--max-frame-bytes").arg(LIMIT.to_string()).start()?;
    let bystander = Bystander::start(&server)?;
    server.client()?.create_graph("g")?;
    for endpoint in endpoints(&server) {
        for over in [0, 1] {
            let mut client = Client::connect(&endpoint, server.secret())?;
            let body_of = |client: &mut Client, size: usize| {
                let fields = [("node_id", "n".into()), ("properties_msgpack", bin(vec![7; size]))];
                client.request("g", "AddNode", params(fields)).body()
            };
            let frame = body_of(&mut client, 70_000).len() - 70_000;
            let mut client = Client::connect(&endpoint, server.secret())?;
            let body = body_of(&mut client, LIMIT - frame + over);
            ensure!(body.len() == LIMIT + over, "the test builds {} bytes", body.len());
            if over == 0 {
                client.send_body(&body)?;
                ensure!(client.receive()?.outcome == Ok("ok".into()));
                ensure!(client.node_properties("g", "n")?.is_some_and(|bytes| bytes.len() == LIMIT - frame));
            } else {
                client.send_body(&body)?;
                let answer = client.receive()?;
                let words = "FRAME_TOO_LARGE: frame of 100001 bytes is over the limit of 100000 bytes";
                let told = answer.outcome.as_ref().is_err_and(|text| text.starts_with(words));
                ensure!(answer.id > 0 && told, "{answer:?}");
            }
        }
    }
    bystander.finish()
}

/// What is given out is taken back, also when it is larger than other requests may be. Who sends too much can read why, and
/// goes on.
#[test]
fn a_document_comes_back_and_what_is_too_large_is_answered() -> Result<()> {
    let server = ServerProcess::ours()
        .tcp()
        .metrics()
        .arg("--max-frame-bytes")
        .arg("100000")
        .arg("--max-document-bytes")
        .arg("1000000")
        .start()?;
    for endpoint in endpoints(&server) {
        let mut client = Client::connect(&endpoint, server.secret())?;
        client.create_graph("g")?;
        for node in 0..3 {
            client.add_node("g", &format!("n{node}"), &vec![0x90; 60_000])?;
        }
        let document = client.call("g", "ToMsgpack", None)?;
        ensure!(document.as_array().is_some_and(|bytes| bytes.len() > 600_000));
        client.call("g", "ClearGraph", None)?;
        client.call("g", "FromMsgpack", params([("msgpack", document)]))?;
        ensure!(client.call("g", "NodeCount", None)? == 3.into());

        let fields = |size: usize| [("node_id", "n".into()), ("properties_msgpack", bin(vec![7; size]))];
        let over = |client: &mut Client, size: usize| -> Result<()> {
            let id = client.send("g", "AddNode", params(fields(size)))?;
            let answer = client.receive()?;
            let told = answer.outcome.as_ref().is_err_and(|text| text.starts_with("FRAME_TOO_LARGE: "));
            ensure!(answer.id == id && told, "{answer:?}");
            Ok(())
        };
        over(&mut client, 150_000)?;
        over(&mut client, 5_000_000)?;
        for node in 5..10 {
            client.add_node("g", &format!("n{node}"), &vec![0x90; 60_000])?;
        }
        let error = client.call("g", "ToMsgpack", None).expect_err("over the limit");
        ensure!(error.server_text().is_some_and(|text| text.starts_with("RESULT_TOO_LARGE: ")), "{error}");
        client.call("g", "DeleteGraph", params([("graph_name", "g".into())]))?;
    }
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    ensure!(http::series(&page, "epistemic_graph_oversized_frames_total") == Some(2.0), "{page}");
    ensure!(server.output().contains("request refused: frame of 50001"), "{}", server.output());
    Ok(())
}

/// A document may be the first request of a connection, if its token is good and in front; of a stranger nothing is held.
#[test]
fn a_document_may_come_first_on_a_connection() -> Result<()> {
    let server = ServerProcess::ours()
        .tcp()
        .metrics()
        .arg("--max-frame-bytes")
        .arg("30000")
        .arg("--max-document-bytes")
        .arg("200000")
        .start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &vec![0x90; 20_000])?;
    let document = client.call("g", "ToMsgpack", None)?;
    for endpoint in endpoints(&server) {
        let mut first = Client::connect(&endpoint, server.secret())?;
        let request = first.request("g", "FromMsgpack", params([("msgpack", document.clone())]));
        first.send_body(&request.body())?;
        ensure!(first.receive()?.outcome == Ok("ok".into()));
        ensure!(first.call("g", "NodeCount", None)? == 1.into());

        let mut stranger = Client::connect(&endpoint, "wrong")?;
        stranger.send_raw(&u32::try_from(request.body().len())?.to_be_bytes())?;
        let request = stranger.request("g", "FromMsgpack", params([("msgpack", document.clone())]));
        stranger.send_raw(&request.body()[..20_000])?;
        is_refused(&mut stranger, "FRAME_TOO_LARGE")?;

        // Who signs all of it is known only at its end.
        let mut signing = Client::connect(&endpoint, "wrong")?;
        let request = map([
            ("id", 7.into()),
            ("graph", "g".into()),
            ("auth_token", "eg2.00".into()),
            ("method", "FromMsgpack".into()),
            ("agent_id", "a".into()),
            ("params", map([("msgpack", document.clone())])),
        ]);
        signing.send_body(&pack(&request))?;
        let answer = unpack(&signing.receive_body()?)?;
        let told = field(&answer, "error_detail").and_then(Value::as_str).unwrap_or_default();
        ensure!(
            field(&answer, "id") == Some(&7.into())
                && field(&answer, "error") == Some(&"FRAME_TOO_LARGE".into())
                && told.ends_with("send Ping first"),
            "{answer}"
        );
    }
    Ok(())
}

/// What was asked before a bad length is still answered, in order.
#[test]
fn answers_due_before_a_bad_length_still_come() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let mut sent = Vec::new();
    for n in 0..20 {
        let fields = [("node_id", format!("n{n}").into()), ("properties_msgpack", bin([0x80]))];
        sent.push(client.send("g", "AddNode", params(fields))?);
    }
    client.send_raw(&[0xff; 8])?;
    for id in sent {
        let answer = client.receive()?;
        ensure!(answer.id == id && answer.outcome == Ok("ok".into()), "{answer:?}");
    }
    is_refused(&mut client, "FRAME_TOO_LARGE")
}

#[test]
fn a_frame_that_is_cut_off_is_dropped_without_an_answer() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let bystander = Bystander::start(&server)?;
    server.client()?.create_graph("g")?;
    for endpoint in endpoints(&server) {
        let mut example = Client::connect(&endpoint, server.secret())?;
        let fields = [("node_id", "cut".into()), ("properties_msgpack", bin([0x80]))];
        let body = example.request("g", "AddNode", params(fields)).body();
        let frame = [&u32::try_from(body.len())?.to_be_bytes()[..], &body].concat();
        for length in 0..frame.len() {
            let mut client = Client::connect(&endpoint, server.secret())?;
            client.send_raw(&frame[..length])?;
            client.finish_sending()?;
            ensure!(client.is_closed_by_server()?, "an answer to {length} bytes");
            // And one that is closed without a word.
            let mut client = Client::connect(&endpoint, server.secret())?;
            client.send_raw(&frame[..length])?;
        }
    }
    ensure!(server.client()?.call("g", "HasNode", node("cut"))? == false.into());
    bystander.finish()
}

/// Strangers share 64 MiB. Clients that have shown a token are not held up by them.
#[test]
fn strangers_share_one_budget() -> Result<()> {
    let server = ServerProcess::ours().in_memory().arg("--max-property-bytes=67108864").start()?;
    let bystander = Bystander::start(&server)?;
    let mut friend = server.client()?;
    friend.create_graph("g")?;
    let before = memory(&server, "VmHWM")?;
    let part = vec![0; 30 << 20];
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = server.client()?;
        stranger.send_raw(&(60u32 << 20).to_be_bytes())?;
        stranger.send_raw(&part)?;
        strangers.push(stranger);
    }
    let mut refused = server.client()?;
    refused.send_raw(&(60u32 << 20).to_be_bytes())?;
    // The server may end the connection before it has taken everything.
    let _ = refused.send_raw(&part);
    let answer = refused.receive()?;
    ensure!(answer.outcome.as_ref().is_err_and(|text| text.starts_with("BUSY: ")), "{answer:?}");

    friend.add_node("g", "large", &vec![1; 50 << 20])?;
    bystander.finish()?;
    let grown = memory(&server, "VmHWM")? - before;
    ensure!(grown < 500 * MIB, "resident memory grew by {grown} bytes");

    drop((strangers, refused));
    let mut late = server.client()?;
    late.add_node("g", "large", &vec![2; 50 << 20])?;
    Ok(())
}

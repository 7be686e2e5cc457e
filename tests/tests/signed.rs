//! Signed requests: frames of the published client 2.27.7 and changed ones, with the verdict that the reference server gave.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries::SIGNING_CLIENT;
use epistemic_tests::server::ServerBuilder;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, field, map, params, unpack};
use epistemic_tests::{Client, Egctl, ServerProcess, Value, http, python, shared};
use serde_json::Value as Json;

/// A server that is configured as the one of the recordings was. Their clock is long gone.
fn server(window: &str) -> ServerBuilder {
    let settings = [
        ("EPISTEMIC_GRAPH_ENVELOPE_SKEW_SECS", window),
        ("EPISTEMIC_GRAPH_AUDIENCE", "eg-test"),
        ("EPISTEMIC_GRAPH_TENANT", "acme"),
        ("EPISTEMIC_GRAPH_POLICY_VERSION", "p1"),
        ("EPISTEMIC_GRAPH_NODE_ID", "node-1"),
    ];
    let server = ServerProcess::ours().secret("golden-secret").metrics();
    settings.into_iter().fold(server, |server, (name, value)| server.env(name, value))
}

const ANY_TIME: &str = "999999999999";

fn golden() -> Result<Json> {
    Ok(serde_json::from_slice(&fs_err::read(shared::folder()?.join("eg2-vectors.json"))?)?)
}

fn fill(client: &mut Client) -> Result<()> {
    for graph in ["g1", "g2"] {
        client.create_graph(graph)?;
    }
    for node in ["a", "n1", "n2"] {
        client.add_node("g1", node, &[0x80])?;
    }
    Ok(())
}

/// The code of the answer to a recorded frame; `ok` for a result.
fn answer(client: &mut Client, frame: &Json) -> Result<(String, String)> {
    client.send_raw(&hex::decode(frame.as_str().context("a frame")?)?)?;
    let answer = unpack(&client.receive_body()?)?;
    let text = |name| field(&answer, name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if field(&answer, "result").is_some() {
        return Ok(("ok".into(), String::new()));
    }
    Ok((text("error"), text("error_detail")))
}

/// It has no place for nonces: what may have been answered before its start is not answered again, however long tokens live.
#[test]
fn a_shard_on_an_object_store_takes_no_request_of_before_its_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = format!("file://{}", folder.path().display());
    let server = server(ANY_TIME).in_memory().arg("--store").arg(store).start()?;
    let golden = golden()?;
    let vector = golden["vectors"].get(0).context("no vector")?;
    let (code, detail) = answer(&mut server.client()?, &vector["frame_hex"])?;
    ensure!(code == "AUTH_EXPIRED", "{code}: {detail}");
    Ok(())
}

/// What the signature has to do with it: what comes behind it may have other words here.
const OF_THE_SIGNATURE: [&str; 8] = [
    "AUTHENTICATION_REQUIRED",
    "AUTH_BAD_SIGNATURE",
    "AUTH_EXPIRED",
    "AUTH_AUDIENCE_MISMATCH",
    "AUTH_TENANT_MISMATCH",
    "AUTH_POLICY_VERSION_MISMATCH",
    "NODE_MISMATCH",
    "METHOD_NOT_YET_SERVED",
];

#[test]
fn recorded_requests_are_taken_and_changed_ones_refused() -> Result<()> {
    let golden = golden()?;
    let list = |name: &str| golden[name].as_array().cloned().context("no list");
    let server = server(ANY_TIME).arg("--system-agent").arg("service:planner").start()?;
    let mut system = server.client()?.acting_as("service:planner");
    let fields = [
        ("agent_id", "service:planner".into()),
        ("role", "System".into()),
        ("teams", Value::Array(Vec::new())),
        ("signature", "".into()),
    ];
    system.call("__commons__", "RegisterIdentity", params(fields))?;
    fill(&mut system)?;
    let mut client = server.client()?;
    for vector in list("vectors")? {
        let name = &vector["name"];
        if name == "batch_update" {
            // `EvictLRU` before it, which the reference only acknowledges, evicted what the batch links to.
            system.add_node("g1", "a", &[0x80])?;
        }
        let (code, detail) = answer(&mut client, &vector["frame_hex"])?;
        let expected = &vector["reference_answer"];
        ensure!(!OF_THE_SIGNATURE.contains(&code.as_str()), "{name}: {code}: {detail}");
        ensure!(expected["ok"] != Json::Bool(true) || code == "ok", "{name}: {code}: {detail}");
        ensure!(expected["code"] != "ACCESS_DENIED" || code == "ACCESS_DENIED", "{name}: {code}");
    }
    // This one runs without a clock; the recording's expired requests have a test of their own.
    let by_clock = ["expired", "from_the_future"];
    let mut refused = 0;
    for vector in list("changed")? {
        let name = vector["name"].as_str().context("a name")?;
        if by_clock.contains(&name) {
            continue;
        }
        // A connection is closed after a few wrong tokens.
        let mut client = server.client()?;
        if let Some(first) = vector.get("send_first_frame_hex") {
            answer(&mut client, first)?;
        }
        let (code, detail) = answer(&mut client, &vector["frame_hex"])?;
        let expected = vector["reference_answer"]["code"].as_str().unwrap_or("ok");
        // Tokens of the older kind are taken unless they are told not to be.
        let expected = if name == "token_old_style" { "ok" } else { expected };
        let same = code == expected || name == "token_empty" && code == "Authentication failed";
        ensure!(same, "{name}: {code}: {detail}, not {expected}");
        refused += usize::from(code != "ok");
    }
    ensure!(refused > 25, "{refused} of the changed requests were refused");
    Ok(())
}

#[test]
fn what_expired_is_refused() -> Result<()> {
    let golden = golden()?;
    let server = server("0").start()?;
    let (code, detail) = answer(&mut server.client()?, &golden["vectors"][0]["frame_hex"])?;
    ensure!(code == "AUTH_EXPIRED", "{code}: {detail}");
    Ok(())
}

/// A frame that was listened to cannot be sent again, also not to a server that was killed or stopped meanwhile.
#[test]
fn a_frame_is_taken_once_across_restarts() -> Result<()> {
    let golden = golden()?;
    let vector = |name: &str| {
        let vectors = golden["vectors"].as_array().into_iter().flatten();
        vectors.into_iter().find(|vector| vector["name"] == name).map(|vector| vector["frame_hex"].clone())
    };
    let (add, ping) =
        (vector("add_node_bin").context("no such vector")?, vector("ping").context("no such vector")?);
    let mut server = server(ANY_TIME).start()?;
    fill(&mut server.client()?)?;
    ensure!(answer(&mut server.client()?, &add)?.0 == "ok");
    let replayed = |server: &ServerProcess| -> Result<()> {
        for _ in 0..2 {
            let (code, detail) = answer(&mut server.client()?, &add)?;
            ensure!(code == "AUTHENTICATION_REQUIRED", "{code}: {detail}");
        }
        Ok(())
    };
    replayed(&server)?;
    server.kill9()?;
    let mut server = server.builder().start()?;
    replayed(&server)?;
    ensure!(server.terminate()?.code() == Some(0), "{}", server.output());
    let server = server.builder().start()?;
    replayed(&server)?;
    ensure!(answer(&mut server.client()?, &ping)?.0 == "ok", "others are taken");
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    ensure!(
        http::series(&page, "epistemic_graph_auth_failures_total").is_some_and(|count| count >= 2.0),
        "{page}"
    );
    Ok(())
}

/// Our own client signs when it is given claims, and so do the tools.
#[test]
fn the_tools_sign_when_they_have_claims() -> Result<()> {
    let server = ServerProcess::ours().arg("--min-auth").arg("signed").spawn()?;
    let claims = r#"{"principal": "operator", "tenant": "acme", "audience": "graphs", "agent_id": "operator", "roles": [],
        "scopes": ["kg:admin"], "policy_version": "1", "delegation": []}"#;
    let egctl = |claims: &str| -> Result<_> {
        let endpoint = format!("unix://{}", server.socket().display());
        Egctl::with_secret(server.secret()).env("EPISTEMIC_GRAPH_REQUEST_CONTEXT_JSON", claims).run([
            "status",
            "--json",
            "--endpoint",
            &endpoint,
        ])
    };
    let signed = poll(Duration::from_secs(30), Duration::from_millis(50), || -> Result<_> {
        let output = egctl(claims)?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    })?;
    let output = egctl("")?;
    let refused =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(
        signed.as_ref().is_some_and(|told| told.contains("rocksdb") || told.contains("memory")),
        "{signed:?}"
    );
    ensure!(refused.contains("--min-auth signed"), "{refused}");
    let wrong = egctl("{}")?;
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    ensure!(!wrong.status.success() && told.contains("EPISTEMIC_GRAPH_REQUEST_CONTEXT_JSON"), "{told}");
    Ok(())
}

/// A shard may want to be named, so that what was heard of a request to one is worth nothing at another.
#[test]
fn requests_may_have_to_name_their_shard() -> Result<()> {
    ensure!(ServerProcess::ours().arg("--require-node").start_expecting_exit()?.0.code() == Some(2));
    for (own, claimed, taken) in
        [("own", "{endpoint}", true), ("own", "", false), ("other", "{endpoint}", false)]
    {
        let builder = ServerProcess::ours().arg("--require-node");
        let endpoint = format!("unix://{}", builder.socket().display());
        let name = if own == "own" { endpoint.clone() } else { "tcp://other:1".to_owned() };
        let server = builder.arg("--node-id").arg(name).start()?;
        let node = if claimed.is_empty() { String::new() } else { format!(r#", "node": "{claimed}""#) };
        let claims = format!(
            r#"{{"principal": "p", "tenant": "t", "audience": "a", "agent_id": "p", "roles": [], "scopes": ["kg:admin"],
            "policy_version": "1", "delegation": []{node}}}"#
        );
        let egctl = Egctl::with_secret(server.secret()).env("EPISTEMIC_GRAPH_REQUEST_CONTEXT_JSON", claims);
        let output = egctl.run(["status", "--endpoint", &endpoint])?;
        ensure!(output.status.success() == taken, "{own} {claimed}: {output:?}");
    }
    Ok(())
}

/// A downgrade to the older token is refused when the operator says so.
#[test]
fn only_signed_requests_are_taken_if_told_so() -> Result<()> {
    let golden = golden()?;
    let server = server(ANY_TIME).arg("--min-auth").arg("signed").spawn()?;
    let taken = poll(Duration::from_secs(30), Duration::from_millis(10), || -> Result<_> {
        let Ok(mut client) = server.client() else { return Ok(None) };
        Ok(answer(&mut client, &golden["vectors"][0]["frame_hex"]).ok())
    })?;
    ensure!(taken.as_ref().is_some_and(|(code, _)| code == "ok"), "{taken:?}");
    let mut older = server.client()?;
    let error = older.call("", "Ping", None).expect_err("an older token");
    let text = error.server_text().unwrap_or_default();
    ensure!(text.starts_with("Authentication failed: ") && text.contains("--min-auth signed"), "{text}");
    let fields = [("node_id", "n".into()), ("properties_msgpack", bin([0x80]))];
    ensure!(older.call("__commons__", "AddNode", params(fields)).is_err());
    Ok(())
}

/// What was acknowledged is not done a second time, also by a server that was killed in between.
#[test]
fn a_write_with_a_key_is_made_once() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    for phase in ["first", "again"] {
        let endpoint = format!("unix://{}", server.socket().display());
        python::judge(SIGNING_CLIENT, "once_ops.py", &[&endpoint, phase], server.secret())?;
        server.kill9()?;
        server = server.restart()?;
    }
    Ok(())
}

/// The published clients that have keys cannot name a copy; others may.
fn fork(client: &mut Client, copy: &str, key: &str) -> Result<Result<Value, String>> {
    let token = format!("anon1.{{\"idempotency_key\":\"{key}\"}}");
    let request = client.request("g", "Fork", params([("graph_name", copy.into())]));
    client.send_body(&request.with("auth_token", token).body())?;
    Ok(client.receive()?.outcome)
}

/// A copy is made once for its key, whatever becomes of it, also by a server that was killed in between.
#[test]
fn a_fork_with_a_key_is_made_once() -> Result<()> {
    let mut server = ServerProcess::ours().no_secret().arg("--allow-insecure").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &[0x80])?;
    let made = || Ok(map([("created", "copy".into())]));
    ensure!(fork(&mut client, "copy", "k")? == made());
    client.add_node("copy", "later", &[0x80])?;
    for again in ["at once", "after a kill"] {
        ensure!(fork(&mut client, "copy", "k")? == made(), "{again}");
        ensure!(
            client.call("copy", "NodeCount", None)?.as_u64() == Some(2),
            "{again}: what came later stays"
        );
        let other = fork(&mut client, "another", "k")?;
        ensure!(
            other.as_ref().is_err_and(|code| code.starts_with("IDEMPOTENCY_CONFLICT")),
            "{again}: {other:?}"
        );
        ensure!(client.call("another", "NodeCount", None).is_err(), "{again}: it was not made");
        let taken = fork(&mut client, "copy", "another key")?;
        ensure!(taken.is_err(), "{again}: {taken:?}");
        server.kill9()?;
        server = server.restart()?;
        client = server.client()?;
    }
    client.call("", "DeleteGraph", params([("graph_name", "copy".into())]))?;
    ensure!(fork(&mut client, "copy", "k")? == made(), "the key outlives its copy");
    ensure!(client.call("copy", "NodeCount", None).is_err(), "nothing is made again");
    Ok(())
}

/// Who has a name signs without being told, and who must not be talked out of it says so in his configuration.
#[test]
fn our_clients_sign_by_themselves() -> Result<()> {
    let strict = ServerProcess::ours().in_memory().arg("--min-auth").arg("2").spawn()?;
    let endpoint = format!("unix://{}", strict.socket().display());
    let egctl = Egctl::with_secret("test-secret");
    let graphs = ["graphs", "--endpoint", &endpoint];
    let named = [&graphs[..], &["--agent-id", "ops"]].concat();
    let signed = poll(Duration::from_secs(30), Duration::from_millis(50), || {
        Ok::<_, anyhow::Error>(egctl.run(&named)?.status.success().then_some(()))
    })?;
    signed.with_context(|| strict.output())?;
    egctl.json(&[&graphs[..], &["--min-auth", "2"]].concat())?;
    egctl.clone().env("EPISTEMIC_GRAPH_MIN_AUTH", "2").json(&graphs)?;
    let error = egctl.fails(1, &graphs);
    ensure!(error.contains("takes signed requests only"), "{error}");
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("egctl.toml");
    fs_err::write(&config, format!("[contexts.a]\nendpoints = [\"{endpoint}\"]\nmin_auth = 2\n"))?;
    let config = config.to_str().context("a path")?;
    egctl.json(&["graphs", "--config", config, "--context", "a"])?;
    let error = egctl.fails(2, &[&graphs[..], &["--min-auth", "3"]].concat());
    ensure!(error.contains("write 1 or 2"), "{error}");
    // One that takes no signed requests gets the other token of who allows it, and nothing of who does not.
    let old = ServerProcess::reference("0.31.0").start()?;
    let endpoint = format!("unix://{}", old.socket().display());
    let graph = ["get", "n", "-g", "g", "--endpoint", &endpoint, "--agent-id", "ops"];
    old.client()?.create_graph("g")?;
    old.client()?.add_node("g", "n", &[0x80])?;
    egctl.json(&graph)?;
    let error = egctl.fails(1, &[&graph[..], &["--min-auth", "2"]].concat());
    ensure!(error.contains("Authentication failed"), "{error}");
    Ok(())
}

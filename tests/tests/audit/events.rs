//! Each kind of event.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::replace_private_file;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{Client, Egctl, ServerProcess, Value, transfer};

use crate::{LOOK, SOON, is_sound, lines, logging, of, wait_for};

const KEYS: &str = r#"
[[key]]
id = "acme"
role = "owner"
graphs = ["tenant__acme__*"]
secrets = [{ text = "secret-of-acme-!" }]

[[key]]
id = "ops"
role = "operator"
secrets = [{ text = "secret-of-ops-!!" }]

[[key]]
id = "root"
role = "system"
secrets = [{ text = "secret-of-root-!" }]
"#;

fn client(server: &ServerProcess, key: &str) -> Result<Client> {
    let secret = format!("{:!<16}", format!("secret-of-{key}-"));
    Ok(Client::connect(&server.unix_endpoint(), &secret)?.acting_as(key))
}

fn graph(name: &str) -> Option<Value> {
    params([("graph_name", name.into()), ("graph_type", "Agent".into())])
}

const G: &str = "tenant__acme__g";

#[test]
fn each_event_has_its_line_in_both_modes() -> Result<()> {
    for mode in ["required", "best-effort"] {
        let folder = tempfile::tempdir()?;
        let (log, keys) = (folder.path().join("audit.log"), folder.path().join("keys.toml"));
        replace_private_file(&keys, KEYS)?;
        let mut server = logging(&log, mode).arg("--keys-file").arg(&keys).start()?;
        ensure!(fs_err::metadata(&log)?.permissions().mode() & 0o777 == 0o600);
        let mut acme = client(&server, "acme")?;
        acme.call("", "CreateGraph", graph(G))?;
        acme.add_node(G, "secret-node", b"\x81\xa1k\xacsecret-value")?;
        acme.call(G, "Fork", params([("graph_name", "tenant__acme__copy".into())]))?;
        acme.call(G, "ToMsgpack", None)?;
        let mut snapshot = Vec::new();
        transfer::export(&mut acme, G, &mut snapshot)?;
        let mut root = client(&server, "root")?;
        transfer::replace(&mut root, "tenant__acme__restored", &snapshot[..])?;
        acme.call(G, "ClearLedger", None)?;
        acme.call(G, "ClearGraph", None)?;
        acme.call(G, "FromMsgpack", params([("msgpack", epistemic_tests::wire::bin(*b"\x80"))]))?;
        acme.call(G, "LedgerKeep", params([("keep", "records:10".into())]))?;
        acme.call("", "DeleteGraph", params([("graph_name", "tenant__acme__copy".into())]))?;
        ensure!(acme.call("", "CreateGraph", graph(G)).is_err(), "it is there already");
        ensure!(acme.call("tenant__other__g", "NodeCount", None).is_err());
        ensure!(client(&server, "acme")?.acting_as("ops").call("", "Ping", None).is_err());
        let fields = [
            ("agent_id", "bob".into()),
            ("role", "Agent".into()),
            ("teams", Value::Array(Vec::new())),
            ("signature", "".into()),
        ];
        root.call("", "RegisterIdentity", params(fields))?;
        let mut ops = client(&server, "ops")?;
        ops.call("", "Checkpoint", None)?;
        // The graph that was restored has one.
        let limits = Value::Array(vec!["nodes=2".into()]);
        ops.call("", "QuotaSet", params([("tenant", "acme".into()), ("limits", limits)]))?;
        acme.add_node(G, "n1", b"\x80")?;
        ensure!(acme.add_node(G, "n2", b"\x80").is_err(), "one more than it may have");
        let fence = [("move_id", "m".into()), ("to", "tcp://127.0.0.1:9".into()), ("lease_ms", 10.into())];
        ops.call(G, "MoveFence", params(fence))?;
        ensure!(ops.call("", "SessionKill", params([("session", 999_999.into())])).is_err());
        let changed = KEYS
            .replace("role = \"operator\"", "role = \"system\"")
            .replace("graphs = [\"tenant__acme__*\"]", "graphs = [\"tenant__acme__*\"]\nfrozen = true")
            .replace("secret-of-root-!", "secret-of-root-2")
            + "[[key]]\nid = \"new\"\nrole = \"system\"\nsecrets = [{ text = \"secret-of-the-new\" }]\n";
        replace_private_file(&keys, &changed)?;
        wait_for(&log, "key-added", &[("about", "key new")])?;
        replace_private_file(&keys, KEYS)?;
        wait_for(&log, "key-retired", &[("about", "key new")])?;
        replace_private_file(&keys, "[[key]]")?;
        wait_for(&log, "keys-read", &[("outcome", "error")])?;
        client(&server, "root")?.call("", "Shutdown", None)?;
        server.wait_for_exit(epistemic_tests::server::STOP_LIMIT)?;

        let all = lines(&log)?;
        let done = |event: &str, operation: &str, more: &[(&str, &str)]| -> Result<()> {
            let fields = [&[("operation", operation)], more].concat();
            let found = of(&all, event, &fields);
            let line = found.last().with_context(|| format!("{mode}: no {event} {fields:?}: {all:#?}"))?;
            ensure!(line["request_bytes"].as_u64() > Some(0), "{line}");
            if mode == "required" && line["of"].is_u64() {
                let begun =
                    all.iter().find(|begun| begun["sequence"] == line["of"]).context("it never began")?;
                ensure!(begun["stage"] == "begun" && begun["operation"] == operation, "{begun}");
            }
            Ok(())
        };
        let ok = ("outcome", "ok");
        let acmes = [ok, ("principal", "acme"), ("key", "acme"), ("graph", G)];
        done("create", "CreateGraph", &acmes)?;
        done("create", "CreateGraph", &[("outcome", "error"), ("code", "EXISTS")])?;
        done("fork", "Fork", &[acmes[0], acmes[3], ("about", "tenant__acme__copy")])?;
        done("export", "ToMsgpack", &acmes)?;
        done("export", "SnapshotOpen", &acmes)?;
        done("restore", "RestoreOpen", &[ok, ("principal", "root")])?;
        done("restore", "RestoreCommit", &[ok])?;
        done("clear", "ClearLedger", &acmes)?;
        done("clear", "ClearGraph", &acmes)?;
        done("replace", "FromMsgpack", &acmes)?;
        done("ledger", "LedgerKeep", &acmes)?;
        done("delete", "DeleteGraph", &[ok, ("graph", "tenant__acme__copy")])?;
        done(
            "denied",
            "NodeCount",
            &[("code", "ACCESS_DENIED"), ("graph", "tenant__other__g"), ("key", "acme")],
        )?;
        done("identity", "RegisterIdentity", &[ok, ("about", "agent bob"), ("key", "root")])?;
        done("checkpoint", "Checkpoint", &[ok, ("key", "ops")])?;
        done("quota", "QuotaSet", &[ok, ("about", "tenant acme")])?;
        done("quota-refused", "AddNode", &[("code", "QUOTA"), ("key", "acme")])?;
        done("move", "MoveFence", &[ok, ("graph", G)])?;
        done("session", "SessionKill", &[("outcome", "error"), ("about", "session 999999")])?;
        done("shutdown", "Shutdown", &[ok, ("key", "root")])?;
        for (event, fields) in [
            ("start", vec![]),
            ("auth-refused", vec![("code", "AUTHENTICATION_FAILED"), ("about", "claims to be ops")]),
            ("key-frozen", vec![("about", "key acme")]),
            ("key-thawed", vec![("about", "key acme")]),
            ("key-changed", vec![("about", "key ops")]),
            ("key-rotated", vec![("about", "key root")]),
            ("stop", vec![]),
        ] {
            ensure!(!of(&all, event, &fields).is_empty(), "{mode}: no {event} {fields:?}: {all:#?}");
        }
        ensure!(all.last().context("lines")?["event"] == "stop");
        let text = fs_err::read_to_string(&log)?;
        ensure!(
            !text.contains("secret-value") && !text.contains("secret-node") && !text.contains("secret-of")
        );
        is_sound(&log)?;
    }
    Ok(())
}

/// Over a restart, and files that are put away.
#[test]
fn the_chain_goes_over_files_and_restarts_and_egctl_reads_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("audit.log");
    let mut server = logging(&log, "best-effort").arg("--audit-rotate-bytes").arg("4096").start()?;
    for start in 0..2 {
        for number in 0..10 {
            server.client()?.create_graph(&format!("g{start}.{number}"))?;
        }
        server.terminate()?;
        server = server.restart()?;
    }
    server.terminate()?;
    let path = log.to_str().context("a path")?;
    let report = Egctl::new().json(&["audit", "verify", path])?;
    ensure!(report["sound"] == true, "{report}");
    let files = report["files"].as_array().context("files")?;
    ensure!(files.len() > 2 && report["first"] == 1, "{report}");
    let head = report["head"].as_str().context("a head")?;
    Egctl::new().ends(0, ["audit", "verify", path, "--expect-head", head])?;
    let (text, _) = Egctl::new().ends(0, ["audit", "tail", path, "-n", "3", "--event", "create"])?;
    ensure!(
        text.lines().count() == 3 && text.contains("graph=g1.9") && text.contains("outcome=ok"),
        "{text}"
    );
    let tail = Egctl::new().json(&["audit", "tail", path, "-n", "1"])?;
    ensure!(tail["lines"][0]["event"] == "stop", "{tail}");
    // The end cut off: only who knows the head sees it.
    let whole = fs_err::read_to_string(&log)?;
    let cut = whole.trim_end().rsplit_once('\n').context("lines")?.0;
    fs_err::write(&log, format!("{cut}\n"))?;
    Egctl::new().ends(0, ["audit", "verify", path])?;
    let (out, error) = Egctl::new().ends(4, ["audit", "verify", path, "--expect-head", head])?;
    ensure!(out.contains("is missing") && error.contains("not what was written"), "{out}{error}");
    // One line of a file that was put away, changed.
    fs_err::write(&log, &whole)?;
    let first = files[0].as_str().context("a file")?;
    let changed = fs_err::read_to_string(first)?.replacen("\"g0.0\"", "\"g0.9\"", 1);
    fs_err::write(first, changed)?;
    let (out, _) = Egctl::new().ends(4, ["audit", "verify", path])?;
    ensure!(out.contains("it was changed"), "{out}");
    Ok(())
}

/// Checkpoints of the server's own.
#[test]
fn checkpoints_at_their_interval_have_lines() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("audit.log");
    let server = logging(&log, "best-effort").arg("--checkpoint-interval").arg("1").start()?;
    server.client()?.create_graph("g")?;
    wait_for(&log, "checkpoint", &[("principal", "server"), ("outcome", "ok")])?;
    Ok(())
}

/// With a signal, which has no principal.
#[test]
fn a_signal_has_a_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("audit.log");
    let mut server = logging(&log, "best-effort").in_memory().start()?;
    server.terminate()?;
    let all = lines(&log)?;
    ensure!(of(&all, "shutdown", &[("detail", "SIGTERM")]).len() == 1, "{all:#?}");
    is_sound(&log)?;
    Ok(())
}

#[test]
fn flags_that_make_no_sense_are_refused() -> Result<()> {
    let (status, output) =
        ServerProcess::ours().in_memory().arg("--audit").arg("required").start_expecting_exit()?;
    ensure!(status.code() == Some(2) && output.contains("--audit required needs --audit-log"), "{output}");
    let nowhere = std::path::Path::new("/nonexistent/audit.log");
    let (status, output) = logging(nowhere, "required").in_memory().start_expecting_exit()?;
    ensure!(status.code() == Some(1) && output.contains("--audit required: the audit log"), "{output}");
    // Without a log that has to be there the server goes on, and says so.
    let server = logging(nowhere, "best-effort").in_memory().start()?;
    ensure!(server.output().contains("SECURITY: the audit log cannot be written"), "{}", server.output());
    Ok(())
}

/// What the server does while the log is followed is told as it is done, also behind a rotation.
#[test]
fn the_log_is_followed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("audit.log");
    let server = logging(&log, "best-effort").arg("--audit-rotate-bytes").arg("4096").start()?;
    let mut client = server.client()?;
    client.create_graph("before")?;
    let told = folder.path().join("told");
    let path = log.to_str().context("path")?;
    let args = ["audit", "tail", path, "--follow", "--event", "create", "--json"];
    let mut tail = Egctl::new().command(args)?.stdout(fs_err::File::create(&told)?.into_file()).spawn()?;
    for number in 0..40 {
        client.create_graph(&format!("g{number}"))?;
    }
    let followed = poll(SOON, LOOK, || {
        let lines = lines(&told)?;
        Ok::<_, anyhow::Error>((lines.len() >= 41).then_some(lines))
    });
    tail.kill()?;
    tail.wait()?;
    let followed = followed?.with_context(|| format!("{:#?}", lines(&told)))?;
    let graphs: Vec<_> = followed.iter().filter_map(|line| line["graph"].as_str()).collect();
    let expected: Vec<_> =
        ["before".to_owned()].into_iter().chain((0..40).map(|number| format!("g{number}"))).collect();
    ensure!(graphs == expected, "{graphs:?}");
    ensure!(fs_err::read_dir(folder.path())?.count() > 3, "the log was never rotated");
    Ok(())
}

//! `egctl` as an operator uses it: exit codes, snapshots, checkpoints, online and offline.

mod bench;
mod copies;
mod damage;
mod limits;
mod lists;
mod salvage;
mod status;
mod upkeep;

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::{Egctl, ServerProcess};
use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "test-secret";
const GRAPH: &str = "tenant a/b:é";

/// Runs `egctl` with this environment and no other configuration.
fn egctl(env: &[(&str, &str)], args: &[&str]) -> Result<Output> {
    with(env).run(args)
}

fn with(env: &[(&str, &str)]) -> Egctl {
    Egctl::new().envs(env.iter().copied())
}

fn command(env: &[(&str, &str)]) -> Result<Command> {
    with(env).command([""; 0])
}

fn json(args: &[&str]) -> Result<Value> {
    Egctl::with_secret(SECRET).json(args)
}

#[track_caller]
fn fails(code: i32, args: &[&str]) -> String {
    Egctl::with_secret(SECRET).fails(code, args)
}

#[track_caller]
fn fails_with(env: &[(&str, &str)], code: i32, args: &[&str]) -> String {
    with(env).fails(code, args)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A server with a small graph of odd names and bytes.
fn server_with_graph() -> Result<ServerProcess> {
    let server = ServerProcess::ours().tcp().start()?;
    let mut client = server.client()?;
    client.create_graph(GRAPH)?;
    for node in ["", "n\n1", "n2"] {
        client.add_node(GRAPH, node, b"\x81\xa4type\xa1t")?;
    }
    client.add_node(GRAPH, "opaque", b"\xc1\xff")?;
    for _ in 0..3 {
        client.add_edge(GRAPH, "", "n2", b"\x80")?;
    }
    client.add_edge(GRAPH, "n2", "n2", b"")?;
    Ok(server)
}

fn endpoint(server: &ServerProcess) -> String {
    format!("tcp://{}", server.tcp_addr())
}

#[test]
fn help_explains_itself() -> Result<()> {
    for args in [
        &["--help"][..],
        &["route", "--help"],
        &["graphs", "--help"],
        &["snapshot", "export", "--help"],
        &["snapshot", "import", "--help"],
        &["snapshot", "verify", "--help"],
        &["snapshot", "inspect", "--help"],
        &["checkpoint", "create", "--help"],
        &["checkpoint", "list", "--help"],
        &["checkpoint", "restore", "--help"],
        &["import-reference", "--help"],
        &["pull", "--help"],
        &["status", "--help"],
        &["scrub", "--help"],
        &["reshard", "plan", "--help"],
        &["digest", "--help"],
        &["diff", "--help"],
        &["verify", "--help"],
        &["repair", "--help"],
        &["bench", "--help"],
        &["walkthrough", "--help"],
    ] {
        let output = egctl(&[], args)?;
        let help = String::from_utf8(output.stdout)?;
        assert!(output.status.success(), "{args:?}");
        assert!(help.contains("Exit codes:") && help.contains("Usage:"), "{args:?}: {help}");
        assert!(help.contains("--json"), "{args:?}: {help}");
    }
    Ok(())
}

#[test]
fn routes_are_the_published_ones() -> Result<()> {
    let shards = "tcp://localhost:9101,tcp://localhost:9102,tcp://localhost:9103";
    let tenants = ["--tenant", "acme", "--tenant", "globex", "--tenant", "initech"];
    let found = json(&[&["route", "--endpoints", shards, "--explain"][..], &tenants].concat())?;
    let row = |index: usize| {
        let route = &found["routes"][index];
        (route["graph"].as_str().unwrap_or("-"), route["shard"].as_str().unwrap_or("-"))
    };
    assert_eq!(row(0), ("tenant__acme____bus__", "tcp://localhost:9103"));
    assert_eq!(row(1), ("tenant__globex____bus__", "tcp://localhost:9101"));
    assert_eq!(row(2), ("tenant__initech____bus__", "tcp://localhost:9102"));
    for route in found["routes"].as_array().context("routes")? {
        let scores = route["scores"].as_array().context("scores")?;
        let best = scores.iter().max_by_key(|score| score["score"].as_str());
        assert_eq!(best.context("a best score")?["endpoint"], route["shard"]);
    }
    let collision = fails(1, &["route", "--tenant", "Acme Corp", "--tenant", "acme_corp"]);
    assert!(collision.contains("\"Acme Corp\" and \"acme_corp\""), "{collision}");
    assert!(fails(2, &["route", "--tenant", "株式会社"]).contains("株式会社"));
    Ok(())
}

#[test]
fn usage_and_unreachable_shards_have_their_codes() -> Result<()> {
    fails(2, &["--no-such-flag"]);
    fails(2, &["status", "--endpoint", "tcp://localhost"]);
    fails(2, &["graphs", "--endpoint", "tcp://h:1", "--dir", "/tmp"]);
    assert!(fails_with(&[], 2, &["status"]).contains("GRAPH_SERVICE_AUTH_SECRET"));
    let malformed = [("GRAPH_SERVICE_ENDPOINTS", "tcp://h"), ("GRAPH_SERVICE_AUTH_SECRET", SECRET)];
    assert!(fails_with(&malformed, 2, &["status"]).contains("tcp://h"));

    let server = server_with_graph()?;
    let down = format!("tcp://{}", free_loopback_addr()?);
    let both = format!("{},{down}", endpoint(&server));
    let error = fails(3, &["status", "--endpoints", &both]);
    assert!(error.contains(&down) && !error.contains(&endpoint(&server)), "{error}");
    assert!(fails(3, &["graphs", "--endpoint", &down]).contains("Connection refused"));

    let route = json(&["route", "--endpoints", &both, "--graph", "g1", "--graph", "g2", "--graph", "g3"])?;
    let routes = route["routes"].as_array().context("routes")?;
    let lost = routes.iter().find(|route| route["shard"] == down.as_str());
    let graph = match lost {
        Some(route) => route["graph"].as_str().context("a name")?.to_owned(),
        // The ports are random: look on until a graph belongs to the stopped shard.
        None => (4..)
            .map(|number| format!("g{number}"))
            .find(|graph| {
                let route = json(&["route", "--endpoints", &both, "--graph", graph]);
                route.is_ok_and(|route| route["routes"][0]["shard"] == down.as_str())
            })
            .context("some graph belongs to each shard")?,
    };
    let file = TempDir::new()?;
    let out = file.path().join("g.snap");
    let error = fails(3, &["snapshot", "export", &graph, "-o", text(&out), "--endpoints", &both]);
    for part in [format!("'{down}'"), format!("'{graph}'"), "Start that shard's".to_owned()] {
        assert!(error.contains(&part), "{error}");
    }
    assert!(error.contains("Autostart applies only to the local unix:// endpoint"), "{error}");
    let error = fails(3, &["snapshot", "export", &graph, "-o", text(&out), "--endpoint", &down]);
    assert!(error.contains(&format!("'{down}'")) && error.contains("Start that server"), "{error}");
    assert!(!error.contains("AUTOSTART"), "{error}");
    for command in [&["bench", "--op", "ping"][..], &["bench", "load-graph"]] {
        assert!(fails(3, &[command, &["--endpoint", &down]].concat()).contains(&down));
    }
    let wrong = [("GRAPH_SERVICE_AUTH_SECRET", "wrong")];
    let error = fails_with(&wrong, 1, &["status", "--endpoint", &endpoint(&server)]);
    assert!(error.contains("Authentication failed"), "{error}");
    Ok(())
}

#[test]
fn an_address_without_a_scheme_is_refused_unless_it_is_a_socket() -> Result<()> {
    let file = TempDir::new()?;
    let out = file.path().join("g.snap");
    for args in [
        &["status", "--endpoint", "localhost:1"][..],
        &["graphs", "--endpoints", "tcp://localhost:2,localhost:1"],
        &["route", "--endpoints", "tcp://localhost:2,localhost:1"],
        &["snapshot", "export", "g", "-o", text(&out), "--endpoint", "localhost:1"],
    ] {
        let error = fails(2, args);
        assert!(error.contains("write tcp://localhost:1\n"), "{error}");
    }
    let variable = [("GRAPH_SERVICE_ENDPOINTS", "localhost:1"), ("GRAPH_SERVICE_AUTH_SECRET", SECRET)];
    assert!(fails_with(&variable, 2, &["status"]).contains("tcp://localhost:1"));
    let _socket = UnixListener::bind(file.path().join("localhost:1"))?;
    let mut route = command(&[])?;
    let found = route.current_dir(&file).args(["route", "--endpoints", "localhost:1"]).output()?;
    assert!(found.status.success(), "{found:?}");
    Ok(())
}

#[test]
fn graphs_are_listed_without_an_empty_table_and_with_short_names() -> Result<()> {
    let secret = [("GRAPH_SERVICE_AUTH_SECRET", SECRET)];
    let down = format!("tcp://{}", free_loopback_addr()?);
    let none = egctl(&secret, &["graphs", "--endpoint", &down])?;
    assert_eq!((none.status.code(), none.stdout.as_slice()), (Some(3), &b""[..]));

    let server = ServerProcess::ours().tcp().start()?;
    let name = "é".repeat(300);
    server.client()?.create_graph(&name)?;
    let listed = String::from_utf8(egctl(&secret, &["graphs", "--endpoint", &endpoint(&server)])?.stdout)?;
    assert!(listed.contains("é…") && listed.lines().all(|line| line.chars().count() < 140), "{listed}");
    let listed = json(&["graphs", "--endpoint", &endpoint(&server)])?;
    assert_eq!(listed["graphs"][1]["name"], name);
    Ok(())
}

#[test]
fn damage_is_said_once() -> Result<()> {
    let mut server = server_with_graph()?;
    let needle: Vec<u8> = (0..=u8::MAX).collect();
    server.client()?.add_node(GRAPH, "victim", &needle)?;
    json(&["checkpoint", "create", "--endpoint", &endpoint(&server)])?;
    server.terminate()?;
    let mut flipped = 0;
    for entry in fs_err::read_dir(server.persist_dir().join("db"))? {
        let path = entry?.path();
        let mut bytes = fs_err::read(&path)?;
        let found = bytes.windows(64).position(|window| window == &needle[64..128]);
        if let Some(at) = found.filter(|_| path.extension().is_some_and(|ending| ending == "sst")) {
            bytes[at] ^= 1;
            fs_err::write(&path, bytes)?;
            flipped += 1;
        }
    }
    assert!(flipped > 0, "the properties are in a table");
    let home = TempDir::new()?;
    let out = home.path().join("g.snap");
    let dir = text(server.persist_dir());
    let error = fails(4, &["snapshot", "export", GRAPH, "-o", text(&out), "--dir", dir]);
    assert!(error.starts_with("egctl: ") && error.contains("CORRUPT"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let error = fails(4, &["verify", "--dir", dir]);
    assert!(error.contains("damaged blocks, ") && error.contains("docs/errors/corrupt.md"), "{error}");
    assert!(!error.contains("egctl repair"), "{error}");
    let told = egctl(&[], &["verify", "--dir", dir, "--json"])?;
    let told: Value = serde_json::from_slice(&told.stdout)?;
    assert!(told["checksums"]["damaged"].as_str().is_some_and(|text| text.contains(".sst")), "{told}");
    let findings = told["found"]["shown"].as_array().context("findings")?;
    assert!(findings.iter().any(|finding| finding["graph"] == GRAPH), "{told}");
    // The block may hold records of the other graph too.
    assert!(findings.iter().all(|finding| finding["kind"] == "unreadable"), "{told}");
    Ok(())
}

#[test]
fn a_graph_moves_offline_and_keeps_its_digest() -> Result<()> {
    let mut server = server_with_graph()?;
    let home = TempDir::new()?;
    let (file, online) = (home.path().join("a.snap"), home.path().join("online.snap"));
    let shard = endpoint(&server);
    let taken = json(&["snapshot", "export", GRAPH, "-o", text(&online), "--endpoint", &shard])?;
    assert_eq!((&taken["nodes"], &taken["edges"]), (&4.into(), &4.into()));

    let dir = server.persist_dir().to_owned();
    let locked = fails(1, &["graphs", "--dir", text(&dir)]);
    let owned = format!("a server (pid {}) owns '{}'", server.pid(), dir.display());
    assert!(locked.contains(&owned) && locked.contains("--endpoint"), "{locked}");
    let import = fails(1, &["snapshot", "import", text(&online), "--dir", text(&dir)]);
    assert!(import.contains(&owned) && !import.contains("--persist-dir"), "{import}");
    server.terminate()?;

    let listed = json(&["graphs", "--dir", text(&dir)])?;
    let names: Vec<_> =
        listed["graphs"].as_array().context("graphs")?.iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["__commons__", GRAPH]);
    let exported = json(&["snapshot", "export", GRAPH, "-o", text(&file), "--dir", text(&dir)])?;
    assert_eq!(exported["digest"], taken["digest"]);
    assert_eq!(json(&["snapshot", "verify", text(&file)])?["digest"], taken["digest"]);
    let header = json(&["snapshot", "inspect", text(&file)])?;
    assert_eq!((&header["graph"], &header["nodes"]), (&GRAPH.into(), &4.into()));

    let empty = home.path().join("new");
    let absent = fails(4, &["snapshot", "import", text(&file), "--dir", text(&empty)]);
    assert!(absent.contains("there is no directory"), "{absent}");
    fs_err::create_dir(&empty)?;
    let target = ["--dir", text(&empty), "--as", "copy"];
    let imported = json(&[&["snapshot", "import", text(&file)][..], &target].concat())?;
    assert_eq!((&imported["graph"], &imported["digest"]), (&"copy".into(), &taken["digest"]));
    let exists = fails(1, &[&["snapshot", "import", text(&file)][..], &target].concat());
    assert!(exists.contains("'copy' already exists: give --replace") && exists.contains("--as"), "{exists}");
    json(&[&["snapshot", "import", text(&file), "--replace"][..], &target].concat())?;
    let again = home.path().join("again.snap");
    let again = json(&["snapshot", "export", "copy", "-o", text(&again), "--dir", text(&empty)])?;
    assert_eq!(again["digest"], taken["digest"]);

    let missing = fails(1, &["snapshot", "export", "nobody", "-o", text(&file), "--dir", text(&dir)]);
    assert!(missing.contains("Graph 'nobody' not found"), "{missing}");
    let left: Vec<_> = fs_err::read_dir(home.path())?.collect::<Result<Vec<_>, _>>()?;
    assert!(left.iter().all(|entry| !text(&entry.path()).ends_with(".tmp")), "{left:?}");
    Ok(())
}

#[test]
fn damaged_and_foreign_files_are_refused() -> Result<()> {
    let mut server = server_with_graph()?;
    let home = TempDir::new()?;
    let (good, bad) = (home.path().join("good.snap"), home.path().join("bad.snap"));
    let (dir, shard) = (server.persist_dir().to_owned(), endpoint(&server));
    json(&["snapshot", "export", GRAPH, "-o", text(&good), "--endpoint", &shard])?;
    let bytes = fs_err::read(&good)?;

    let step = bytes.len() / 20;
    for at in (0..bytes.len()).step_by(step) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs_err::write(&bad, &flipped)?;
        assert!(fails(4, &["snapshot", "verify", text(&bad)]).contains("offset"), "byte {at}");
        fs_err::write(&bad, &bytes[..at])?;
        assert!(fails(4, &["snapshot", "verify", text(&bad)]).contains("offset"), "cut at {at}");
    }
    fs_err::write(&bad, [&bytes[..], b"x"].concat())?;
    fails(4, &["snapshot", "import", text(&bad), "--as", "new", "--endpoint", &shard]);
    fails(4, &["snapshot", "inspect", text(&dir.join("identity.json"))]);
    fails(1, &["snapshot", "verify", text(&home.path().join("absent"))]);
    let graphs = json(&["graphs", "--endpoint", &shard])?;
    assert_eq!(graphs["graphs"].as_array().map(Vec::len), Some(2), "{graphs}");

    server.terminate()?;
    fails(4, &["snapshot", "import", text(&bad), "--as", "new", "--dir", text(&dir)]);
    let graphs = json(&["graphs", "--dir", text(&dir)])?;
    assert_eq!(graphs["graphs"].as_array().map(Vec::len), Some(2), "{graphs}");
    fails(4, &["graphs", "--dir", text(home.path())]);
    fails(4, &["checkpoint", "list", "--dir", text(home.path())]);
    Ok(())
}

#[test]
fn a_graph_moves_online_and_a_checkpoint_restores() -> Result<()> {
    let server = server_with_graph()?;
    let home = TempDir::new()?;
    let file = home.path().join("g.snap");
    let shard = endpoint(&server);
    let target = ["--endpoint", shard.as_str()];
    let taken = json(&[&["snapshot", "export", GRAPH, "-o", text(&file)][..], &target].concat())?;
    let import = ["snapshot", "import", text(&file), "--as", "copy"];
    assert_eq!(json(&[&import[..], &target].concat())?["digest"], taken["digest"]);
    let exists = fails(1, &[&import[..], &target].concat());
    assert!(
        exists.contains("Graph 'copy' already exists: give --replace") && exists.contains("--as"),
        "{exists}"
    );
    json(&[&import[..], &["--replace"], &target].concat())?;
    let copy = home.path().join("copy.snap");
    let copied = json(&[&["snapshot", "export", "copy", "-o", text(&copy)][..], &target].concat())?;
    assert_eq!(copied["digest"], taken["digest"]);

    json(&[&["checkpoint", "create"][..], &target].concat())?;
    let status = json(&[&["status"][..], &target].concat())?;
    let status = &status["shards"][0]["status"];
    assert_eq!((&status["pid"], &status["writable"]), (&server.pid().into(), &true.into()));
    let listed = json(&["checkpoint", "list", "--dir", text(server.persist_dir())])?;
    let checkpoint = &listed["checkpoints"][0];
    assert_eq!(checkpoint["name"], status["checkpoints"][0]["name"]);
    assert_eq!(checkpoint["store_id"], status["store_id"]);

    server.client()?.add_node(GRAPH, "later", b"\x80")?;
    let from = checkpoint["path"].as_str().context("its path")?;
    let restored = home.path().join("restored");
    json(&["checkpoint", "restore", from, text(&restored)])?;
    fails(4, &["checkpoint", "restore", from, text(&restored)]);
    let other = home.path().join("other");
    let error = fails(4, &["checkpoint", "restore", text(server.persist_dir()), text(&other)]);
    assert!(error.contains("is not a checkpoint; give DIR/checkpoints/NAME"), "{error}");
    assert!(!other.exists(), "nothing was made");
    for dir in [from, text(&restored)] {
        let old = json(&["snapshot", "export", GRAPH, "-o", text(&copy), "--dir", dir])?;
        assert_eq!(old["digest"], taken["digest"]);
    }
    Ok(())
}

#[test]
fn an_agent_id_is_asked_for_once_access_control_is_on() -> Result<()> {
    let server = ServerProcess::ours().in_memory().arg("--system-agent").arg("root").start()?;
    let endpoint = format!("unix://{}", server.socket().display());
    assert_eq!(json(&["identities", "--endpoint", &endpoint])?["identities"], serde_json::json!([]));
    let mut client = server.client()?.acting_as("a");
    client.create_graph("mine")?;
    let mut client = client.acting_as("root");
    for (agent, role) in [("root", "System"), ("a", "Agent")] {
        let fields = [
            ("agent_id", agent.into()),
            ("role", role.into()),
            ("teams", vec![epistemic_tests::Value::from("t")].into()),
            ("signature", "".into()),
        ];
        client.call("", "RegisterIdentity", epistemic_tests::wire::params(fields))?;
    }
    let denied = fails(1, &["identities", "--endpoint", &endpoint]);
    assert!(denied.contains("ACCESS_DENIED: agent '<anonymous>' may not use ListIdentities"), "{denied}");
    let listed = json(&["identities", "--endpoint", &endpoint, "--agent-id", "root"])?;
    let agents = [&listed["identities"][0]["agent_id"], &listed["identities"][1]["agent_id"]];
    assert_eq!(agents, ["a", "root"]);
    assert_eq!(listed["identities"][1]["role"], "System");
    let graphs = |more: &[&str]| -> Result<usize> {
        let answer = json(&[&["graphs", "--endpoint", &endpoint], more].concat())?;
        Ok(answer["graphs"].as_array().context("no list")?.len())
    };
    assert_eq!((graphs(&[])?, graphs(&["--agent-id", "root"])?), (1, 2));
    Ok(())
}

/// Somebody registered himself, and nobody may do anything about it: but the operator.
#[test]
fn an_operator_undoes_registrations() -> Result<()> {
    let register = |server: &ServerProcess, agent: &str| {
        let fields = [
            ("agent_id", agent.into()),
            ("role", "Agent".into()),
            ("teams", epistemic_tests::Value::Array(Vec::new())),
            ("signature", "".into()),
        ];
        anyhow::Ok(server.client()?.call("", "RegisterIdentity", epistemic_tests::wire::params(fields))?)
    };
    let count = |server: &ServerProcess| anyhow::Ok(server.client()?.call("g", "NodeCount", None)?);
    let mut server = ServerProcess::ours().arg("--access-control").arg("first-identity").start()?;
    server.client()?.create_graph("g")?;
    for agent in ["mallory", "other"] {
        register(&server, agent)?;
    }
    assert!(count(&server).is_err(), "locked out");

    // On the stopped directory.
    let dir = server.persist_dir().display().to_string();
    server.terminate()?;
    let listed = json(&["identities", "list", "--dir", &dir])?;
    assert_eq!(listed["identities"][0]["agent_id"], "mallory");
    let missing = fails(1, &["identities", "remove", "nobody", "--dir", &dir]);
    assert!(missing.contains("nobody is not registered"), "{missing}");
    let removed = json(&["identities", "remove", "mallory", "--dir", &dir])?;
    assert_eq!(removed["removed"], serde_json::json!([{"agent_id": "mallory", "place": dir}]));
    json(&["identities", "remove", "--all", "--dir", &dir])?;
    assert_eq!(json(&["identities", "--dir", &dir])?["identities"], serde_json::json!([]));
    let server = server.restart()?;
    assert_eq!(count(&server)?, 0.into());

    // On a running shard, as a name that the server was started with.
    register(&server, "mallory")?;
    assert!(count(&server).is_err(), "locked out again");
    let builder = server.builder();
    drop(server);
    let server = builder.arg("--system-agent").arg("ops").start()?;
    let endpoint = format!("unix://{}", server.socket().display());
    let ask = |agent: &str, more: &[&str]| {
        let args = ["identities", "remove", "--endpoint", &endpoint, "--agent-id", agent];
        [&args[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let denied = ask("mallory", &["mallory"]);
    let denied = fails(1, &denied.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(denied.contains("ACCESS_DENIED"), "{denied}");
    let all = ask("ops", &["--all"]);
    let removed = json(&all.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert_eq!(removed["removed"][0]["agent_id"], "mallory");
    assert_eq!(count(&server)?, 0.into());
    Ok(())
}

/// What a server says is text, and of one line.
#[test]
fn nothing_that_a_server_says_is_obeyed_by_the_terminal() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let endpoint = format!("unix://{}", server.socket().display());
    let (folder, name) = (tempfile::tempdir()?, "x\u{1b}[2J\negctl: all is well");
    let file = folder.path().join("g.snap").display().to_string();
    let said = fails(1, &["snapshot", "export", name, "-o", &file, "--endpoint", &endpoint]);
    assert!(said.contains("not found") && said.contains("all is well"), "{said:?}");
    assert!(!said.contains('\u{1b}') && said.trim_end().lines().count() == 1, "{said:?}");
    Ok(())
}

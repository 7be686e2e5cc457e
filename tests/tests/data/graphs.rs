//! Creating, clearing, renaming and deleting graphs, and whose they are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerBuilder, ServerProcess};
use serde_json::{Value, json as value};
use tempfile::TempDir;

use super::{GRAPH, endpoint, fails, json, says, server_with_graph, text, with_input};

fn names(at: &[&str]) -> Result<Vec<String>> {
    let listed = json(&[&["graphs"], at].concat())?;
    let rows = listed["graphs"].as_array().context("graphs")?;
    Ok(rows.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)).collect())
}

#[test]
fn graphs_are_made_emptied_and_deleted_online_and_offline() -> Result<()> {
    let mut server = ServerProcess::ours().start()?;
    let at = endpoint(&server);
    let home = TempDir::new()?;
    let new = home.path().join("new");
    fs_err::create_dir(&new)?;
    for at in [["--endpoint", at.as_str()], ["--dir", text(&new)]] {
        json(&[&["graph", "create", "a b", "--type", "global"][..], &at].concat())?;
        json(&[&["graph", "create", "--tenant", "acme"][..], &at].concat())?;
        ensure!(names(&at)? == ["__commons__", "a b", "tenant__acme____bus__"], "{:?}", names(&at)?);
        ensure!(fails(1, &[&["graph", "create", "a b"][..], &at].concat()).contains("already exists"));
        let load = [&["load", "-", "-g", "a b"][..], &at].concat();
        ensure!(with_input(&load, b"{\"type\":\"node\",\"id\":\"n\"}\n")?.status.success());

        // What cannot be undone asks; without a terminal it has to be said.
        for command in ["delete", "clear"] {
            let error = fails(2, &[&["graph", command, "a b"][..], &at].concat());
            ensure!(error.contains("\"a b\"") && error.contains("--yes"), "{error}");
        }
        ensure!(
            json(&[&["nodes", "-g", "a b"][..], &at].concat())?["nodes"] != value!([]),
            "nothing was done"
        );
        json(&[&["graph", "clear", "a b", "--yes"][..], &at].concat())?;
        ensure!(json(&[&["nodes", "-g", "a b"][..], &at].concat())?["nodes"] == value!([]), "it is empty");
        json(&[&["graph", "delete", "a b", "-y"][..], &at].concat())?;
        ensure!(names(&at)? == ["__commons__", "tenant__acme____bus__"]);
        ensure!(fails(1, &[&["graph", "delete", "a b", "-y"][..], &at].concat()).contains("not found"));
    }
    server.terminate()?;
    Ok(())
}

#[test]
fn whose_a_graph_is() -> Result<()> {
    let (one, two) = (ServerProcess::ours().start()?, ServerProcess::ours().start()?);
    let list = format!("{},{}", endpoint(&one), endpoint(&two));
    json(&["graph", "create", "--tenant", "acme", "--agent-id", "alice", "--endpoints", &list])?;
    let told = json(&["graph", "owner", "--tenant", "acme", "--endpoints", &list])?;
    ensure!(
        told["graph"] == "tenant__acme____bus__" && told["found"][0]["place"] == told["belongs_on"],
        "{told}"
    );
    let found = &told["found"][0];
    ensure!(
        (&found["owner"], &found["tenant"], &found["type"])
            == (&"alice".into(), &"acme".into(), &"Agent".into()),
        "{told}"
    );
    fails(1, &["graph", "owner", "nobody", "--endpoints", &list]);
    Ok(())
}

#[test]
fn a_renamed_graph_is_the_same_one() -> Result<()> {
    let mut server = server_with_graph()?;
    let at = endpoint(&server);
    let digest = |graph: &str, at: &[&str]| {
        anyhow::Ok(json(&[&["digest", graph], at].concat())?["graphs"][0]["digest"].clone())
    };
    let online = ["--endpoint", at.as_str()];
    let before = digest(GRAPH, &online)?;
    let told = json(&[&["graph", "rename", GRAPH, "new"][..], &online].concat())?;
    ensure!(told["sequence"].as_u64() > Some(5), "{told}");
    ensure!(
        names(&online)? == ["__commons__", "new"] && digest("new", &online)? == before,
        "{:?}",
        names(&online)?
    );
    ensure!(json(&[&["moves"][..], &online].concat())?["moves"] == value!([]), "no signpost is left");
    // The old name is free, and taken names are refused.
    json(&[&["graph", "create", GRAPH][..], &online].concat())?;
    ensure!(fails(1, &[&["graph", "rename", "new", GRAPH][..], &online].concat()).contains("already exists"));
    ensure!(
        fails(1, &[&["graph", "rename", "nobody", "x"][..], &online].concat())
            .contains("'nobody' is not served")
    );
    fails(2, &[&["graph", "rename", "new", "new"][..], &online].concat());
    ensure!(digest("new", &online)? == before, "nothing happened to it");
    let dir = server.persist_dir().to_owned();
    server.terminate()?;
    let offline = ["--dir", text(&dir)];
    json(&[&["graph", "rename", "new", "once more"][..], &offline].concat())?;
    ensure!(digest("once more", &offline)? == before, "offline too");
    server = server.restart()?;
    let at = endpoint(&server);
    ensure!(digest("once more", &["--endpoint", &at])? == before, "and after a start");
    Ok(())
}

/// The new name belongs to another shard; a client writes all the time. Every write that was acknowledged is there.
#[test]
fn no_write_is_lost_by_a_rename_to_another_shard() -> Result<()> {
    let start = || ServerProcess::ours().tcp().start();
    let (one, two) = (start()?, start()?);
    let list = format!("tcp://{},tcp://{}", one.tcp_addr(), two.tcp_addr());
    let owner = |graph: &str| {
        let routes = json(&["route", "--graph", graph, "--endpoints", &list])?;
        routes["routes"][0]["shard"].as_str().map(str::to_owned).context("a shard")
    };
    let belongs = |server: &ServerProcess| {
        let place = format!("tcp://{}", server.tcp_addr());
        (0..200)
            .map(|number| format!("g{number}"))
            .find(|graph| owner(graph).is_ok_and(|owner| owner == place))
    };
    let (from, to) = (belongs(&one).context("a name")?, belongs(&two).context("a name")?);
    let mut client = one.client()?;
    client.create_graph(&from)?;
    for number in 0..500 {
        client.add_node(&from, &format!("old{number}"), b"\x80")?;
    }
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let renamed = std::thread::scope(|scope| -> Result<Value> {
        let writer = std::thread::Builder::new().name("writer".into()).spawn_scoped(scope, || {
            while !stop.load(Ordering::Relaxed) {
                let number = written.load(Ordering::Relaxed);
                if client.add_node(&from, &format!("new{number}"), b"\x80").is_err() {
                    // The graph is gone from here.
                    break;
                }
                written.store(number + 1, Ordering::Relaxed);
            }
        })?;
        let renamed = json(&["graph", "rename", &from, &to, "--endpoints", &list]);
        stop.store(true, Ordering::Relaxed);
        writer.join().expect("the writer does not panic");
        renamed
    })?;
    let written = written.load(Ordering::Relaxed);
    ensure!(written > 0, "it wrote meanwhile");
    let place = format!("tcp://{}", two.tcp_addr());
    ensure!(renamed["place"] == place.as_str(), "{renamed}");
    let ids = says(&["nodes", "-g", &to, "--ids", "--endpoint", &place])?;
    let new = ids.lines().filter(|id| id.starts_with("new")).count() as u64;
    ensure!(new == written && ids.lines().count() as u64 == 500 + written, "{new} of {written}");
    ensure!(
        fails(1, &["nodes", "-g", &from, "--endpoints", &list]).contains("not found"),
        "the old name is gone"
    );
    Ok(())
}

#[test]
fn shards_and_the_list_are_compared() -> Result<()> {
    let builders = [(); 2].map(|()| ServerProcess::ours().in_memory());
    let places = builders.each_ref().map(|builder| format!("unix://{}", builder.socket().display()));
    let list = places.join(",");
    let start = |builder: ServerBuilder, own: &str, list: &str| {
        builder.arg("--advertise").arg(own).arg("--endpoints").arg(list).start()
    };
    let [one, two] = builders;
    let (_one, two) = (start(one, &places[0], &list)?, start(two, &places[1], &list)?);
    let told = json(&["endpoints", "check", "--endpoints", &list])?;
    ensure!(told["agreed"] == true, "{told}");
    let third = ServerProcess::ours().in_memory();
    let own = format!("unix://{}", third.socket().display());
    let _third = start(third, &own, &format!("{list},{own}"))?;
    // Two of them have the shorter list.
    let error = fails(5, &["endpoints", "check", "--endpoints", &format!("{list},{own}")]);
    ensure!(error.contains("2 disagreements"), "{error}");
    let renamed = list.replace("unix://", "unix:///proc/self/root");
    ensure!(
        fails(5, &["endpoints", "check", "--endpoints", &renamed]).contains("disagreements"),
        "other names"
    );
    fails(3, &["endpoints", "check", "--endpoint", "tcp://127.0.0.1:9"]);
    drop(two);
    Ok(())
}

//! Nodes, edges, labels and neighbours, wherever the graph is.

use anyhow::{Result, ensure};
use epistemic_tests::ServerProcess;
use serde_json::{Value, json};

use super::{GRAPH, ODD, at_every_place, egctl, endpoint, fails, json, lines, says, server_with_graph};

fn of(args: &[&str], place: &[&str]) -> Vec<String> {
    [args, &["-g", GRAPH], place].concat().into_iter().map(str::to_owned).collect()
}

/// Runs a command on the graph at a place.
fn at<T>(run: impl Fn(&[&str]) -> Result<T>, args: &[&str], place: &[&str]) -> Result<T> {
    let args = of(args, place);
    run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn every_place_shows_the_same() -> Result<()> {
    let mut first: Option<Vec<Value>> = None;
    at_every_place(|place| {
        let mut told = Vec::new();
        for args in [
            &["get", "", ODD, "opaque"][..],
            &["nodes"],
            &["nodes", "--label", "t", "--limit", "2"],
            &["nodes", "--prefix", "n", "--ids"],
            &["nodes", "--after", "n2"],
            &["edges"],
            &["edges", "--source", ""],
            &["edges", "--target", "n2", "--limit", "2"],
            &["edges", "--source", "n2", "--target", "n2"],
            &["neighbors", "n2"],
            &["neighbors", "n2", "--incoming", "--limit", "1"],
            &["labels"],
            &["search", "GRETE"],
            &["search", "opaq", "--id"],
            &["search", "grete", "--property", "type"],
            &["ledger", "show", "--last", "4"],
        ] {
            let mut answer = at(json, args, place)?;
            ensure!(answer["graph"] == GRAPH && answer["place"].is_string(), "{args:?}: {answer}");
            answer["place"] = Value::Null;
            told.push(answer);
        }
        match &first {
            None => first = Some(told),
            Some(first) => {
                for (here, there) in told.iter().zip(first) {
                    ensure!(here == there, "{place:?}: {here}\nfirst: {there}");
                }
            }
        }
        Ok(())
    })
}

#[test]
fn what_is_shown_is_what_was_written() -> Result<()> {
    let server = server_with_graph()?;
    let endpoint = endpoint(&server);
    let place = ["--endpoint", endpoint.as_str()];
    let nodes = at(lines, &["nodes"], &place)?;
    let ids: Vec<_> = nodes.iter().map(|node| node["id"].as_str().unwrap_or("-")).collect();
    ensure!(ids == ["", ODD, "n2", "opaque"], "{ids:?}");
    ensure!(
        nodes[0] == json!({"id": "", "labels": ["t"], "properties": {"type": "t", "name": "Grete"}}),
        "{nodes:?}"
    );
    ensure!(
        nodes[3] == json!({"id": "opaque", "labels": [], "properties": null, "msgpack": "wf8="}),
        "{nodes:?}"
    );
    let edges = at(lines, &["edges"], &place)?;
    ensure!(edges.len() == 5 && edges[3]["properties"] == json!({"w": 0.5}), "{edges:?}");
    let next = at(lines, &["neighbors", "n2"], &place)?;
    let sides: Vec<_> = next.iter().map(|row| (row["direction"].as_str(), row["node"].as_str())).collect();
    let (out, into) = (Some("out"), Some("in"));
    ensure!(
        sides
            == [
                (out, Some("n2")),
                (into, Some("")),
                (into, Some("")),
                (into, Some("")),
                (into, Some("n2")),
                (into, Some("opaque"))
            ],
        "{sides:?}"
    );
    let labels = at(json, &["labels"], &place)?;
    ensure!(labels["labels"] == json!([{"label": "t", "nodes": 3}]) && labels["unlabelled"] == 1, "{labels}");
    Ok(())
}

#[test]
fn text_shows_blanks_and_control_characters() -> Result<()> {
    let server = server_with_graph()?;
    let endpoint = endpoint(&server);
    let place = ["--endpoint", endpoint.as_str()];
    let listed = at(says, &["nodes"], &place)?;
    let expected = "\"\"  {\"type\":\"t\",\"name\":\"Grete\"}\n\
                    \"n\\n1\\u{202e}\"  {\"type\":\"t\",\"name\":\"Grete\"}\n\
                    n2  {\"type\":\"t\",\"name\":\"Grete\"}\n\
                    opaque  (no MessagePack) wf8=\n";
    ensure!(listed == expected, "{listed}");
    let got = at(says, &["get", "n2"], &place)?;
    ensure!(got == "n2\n  type  t\n  name  Grete\n", "{got}");
    Ok(())
}

#[test]
fn what_is_missing_is_said() -> Result<()> {
    let server = server_with_graph()?;
    let place = endpoint(&server);
    let of = |args: &[&'static str]| [args, &["-g", GRAPH, "--endpoint"]].concat();
    let with = |args: &[&'static str]| fails(1, &[&of(args)[..], &[&place]].concat());
    ensure!(with(&["get", "n2", "gone"]).contains("has no node gone"), "get");
    ensure!(with(&["neighbors", "gone"]).contains("has no node gone"), "neighbors");
    let output = egctl(&[&of(&["get", "gone", "n2"])[..], &[&place]].concat())?;
    ensure!(String::from_utf8_lossy(&output.stdout).starts_with("n2\n"), "those that are there are shown");
    for command in [&["nodes"][..], &["get", "n"], &["neighbors", "n"], &["labels"], &["export"]] {
        let args = [command, &["-g", "nobody", "--endpoint", &place]].concat();
        ensure!(fails(1, &args).contains("'nobody' not found"), "{args:?}");
    }
    Ok(())
}

#[test]
fn a_tenant_is_found_as_clients_find_it() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let place = endpoint(&server);
    let mut client = server.client()?;
    client.create_graph("tenant__acme____bus__")?;
    client.add_node("tenant__acme____bus__", "n", b"\x80")?;
    let told = json(&["nodes", "--tenant", "acme", "--endpoint", &place])?;
    ensure!(told["graph"] == "tenant__acme____bus__" && told["nodes"][0]["id"] == "n", "{told}");
    let told = json(&["nodes", "--endpoint", &place, "-g", "__commons__"])?;
    ensure!(told["nodes"] == json!([]), "{told}");
    fails(2, &["nodes", "--tenant", "株式会社", "--endpoint", &place]);
    Ok(())
}

/// A graph that is larger than what is asked for is not read to its end.
#[test]
fn a_reader_that_has_seen_enough_ends_it() -> Result<()> {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for number in 0..3000 {
        client.add_node(
            "g",
            &format!("n{number:05}"),
            &[b"\xda\x03\xe8".as_slice(), &[b'x'; 1000]].concat(),
        )?;
    }
    let place = endpoint(&server);
    let mut child = super::command(&["nodes", "-g", "g", "--endpoint", &place])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
    let ended = child.wait_with_output()?;
    ensure!(line.starts_with("n00000 ") && ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    Ok(())
}

//! Names of any kind for graphs and nodes, before and after a kill.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, map, params};
use epistemic_tests::{Client, ServerProcess, Value, WireError, http};

use crate::node;

/// Names that file systems, shells, formats or key encodings have trouble with. All are different.
fn names() -> Vec<String> {
    let short = [
        "",
        " ",
        ".",
        "..",
        "/",
        "\\",
        ":",
        "a:b",
        "a/b",
        "a_b",
        "a\\b",
        "../up",
        "/etc/passwd",
        "a\0b",
        "a",
        "a\0",
        "\0",
        "\0\0",
        "\n",
        "a\nb",
        "a|b",
        "\t",
        "\u{7f}",
        "\u{1b}[31m",
        "😀",
        "é",
        "e\u{301}",
        "\u{feff}",
        "\u{202e}",
        "\u{10ffff}",
        "\u{ff}",
        "CON",
        "nul",
        "-rf",
        "--help",
        "%2e%2e",
        "'; DROP TABLE nodes",
        "\"quoted\"",
        "{}",
        "MANIFEST-000001",
        "identity.json",
        "LOCK",
        "__bus__",
        "tenant__acme____bus__",
    ];
    let mut names: Vec<String> = short.map(str::to_owned).to_vec();
    names.extend([256, 4095, 4096].map(|length| "x".repeat(length)));
    names.push(format!("{}y", "x".repeat(4095)));
    names
}

fn text_of(value: &Value) -> Result<String> {
    Ok(value.as_str().context("a string")?.to_owned())
}

fn strings(value: &Value) -> Result<Vec<String>> {
    value.as_array().context("an array")?.iter().map(text_of).collect()
}

fn graphs_listed(client: &mut Client) -> Result<Vec<String>> {
    let answer = client.call("", "ListGraphs", None)?;
    let rows = answer.as_array().context("an array")?;
    rows.iter().map(|row| text_of(field(row, "name").context("no name")?)).collect()
}

#[test]
fn graphs_of_any_name_stay_apart() -> Result<()> {
    let names = names();
    let server = ServerProcess::ours().metrics().start()?;
    let mut client = server.client()?;
    for name in &names {
        client.create_graph(name)?;
        client.add_node(name, "self", name.as_bytes())?;
        let error = client.create_graph(name).expect_err("it exists");
        ensure!(error.server_text() == Some(&format!("Graph '{name}' already exists")), "{error}");
    }
    let gone = "\0gone/../:";
    client.create_graph(gone)?;
    client.call("", "DeleteGraph", params([("graph_name", gone.into())]))?;
    // Fault 23: such names make every later checkpoint of all graphs fail.
    let answer = client.call("", "Checkpoint", None)?;
    let written = answer.as_str().and_then(|text| text.strip_prefix("checkpoint_complete:"));
    ensure!(written.and_then(|count| count.parse().ok()) >= Some(names.len()), "{answer}");
    let page = http::get(server.metrics_addr(), "/metrics")?;
    ensure!(page.status == 200 && page.body.contains("graph_ops_total"), "{}", page.head);

    let server = server.restart()?;
    let mut client = server.client()?;
    let mut expected = names.clone();
    expected.push("__commons__".into());
    expected.sort();
    let mut listed = graphs_listed(&mut client)?;
    listed.sort();
    ensure!(listed == expected, "{listed:?}");
    for name in &names {
        ensure!(strings(&client.call(name, "NodeIds", None)?)? == ["self"], "nodes of {name:?}");
        let stored = client.node_properties(name, "self")?;
        ensure!(stored.as_deref() == Some(name.as_bytes()), "{name:?} has {stored:?}");
    }
    let error = client.call(gone, "NodeCount", None).expect_err("it was deleted");
    ensure!(error.server_text() == Some(&format!("Graph '{gone}' not found")), "{error}");
    for name in &names {
        client.call("", "DeleteGraph", params([("graph_name", name.as_str().into())]))?;
    }
    ensure!(graphs_listed(&mut client)? == ["__commons__"]);
    Ok(())
}

#[test]
fn nodes_of_any_name_stay_apart() -> Result<()> {
    let mut names = names();
    names.push("n".repeat(1 << 20));
    names.push(format!("{}\0", "n".repeat(1 << 20)));
    let server = ServerProcess::ours().arg("--max-node-id-bytes").arg((2 << 20).to_string()).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for name in &names {
        client.add_node("g", name, b"first")?;
    }
    for (name, next) in names.iter().zip(names.iter().cycle().skip(1)) {
        client.add_node("g", name, name.as_bytes())?;
        client.add_edge("g", name, next, name.as_bytes())?;
    }
    let mut server = Some(server);
    for _ in 0..2 {
        ensure!(client.call("g", "NodeCount", None)? == names.len().into());
        ensure!(client.call("g", "EdgeCount", None)? == names.len().into());
        ensure!(
            strings(&client.call("g", "NodeIds", None)?)? == names,
            "in the order in which they were added"
        );
        for (name, next) in names.iter().zip(names.iter().cycle().skip(1)) {
            let short: String = name.chars().take(20).collect();
            let stored = client.node_properties("g", name)?;
            ensure!(stored.as_deref() == Some(name.as_bytes()), "{short:?}");
            ensure!(
                strings(&client.call("g", "GetSuccessors", node(name))?)? == [next.as_str()],
                "{short:?}"
            );
        }
        server = server.map(ServerProcess::restart).transpose()?;
        client = server.as_ref().context("a server")?.client()?;
    }
    for name in &names {
        client.call("g", "RemoveNode", node(name))?;
    }
    ensure!(client.call("g", "NodeCount", None)? == 0.into());
    ensure!(client.call("g", "EdgeCount", None)? == 0.into());
    Ok(())
}

/// What is there already, under names that are over the limit by now, is read, changed and removed as ever.
#[test]
fn names_over_the_limit_are_refused_and_old_ones_stay_in_use() -> Result<()> {
    let old = "o".repeat(300);
    let node_op = |id: &str| map([("op", "add_node".into()), ("id", id.into()), ("properties", map([]))]);
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph(&old)?;
    client.add_node(&old, &old, b"\x80")?;
    let documents = client.call(&old, "ToMsgpack", None)?;
    for (method, field, longest) in [("CreateGraph", "graph_name", 8192), ("AddNode", "node_id", 102_400)] {
        let long = "l".repeat(longest + 1);
        let refused = match method {
            "CreateGraph" => client.create_graph(&long),
            _ => client.add_node(&old, &long, b"\x80"),
        };
        let error = refused.expect_err("it is over the limit");
        let expected = format!("the {field} has {} bytes, {longest} are the most", long.len());
        ensure!(error.server_text() == Some(&expected), "{method}: {error}");
    }
    drop(client);

    let limits = ["--max-graph-name-bytes", "200", "--max-node-id-bytes", "250"];
    let mut server = server;
    server.terminate()?;
    let server = limits.iter().fold(server.builder(), |builder, arg| builder.arg(*arg)).start()?;
    let mut client = server.client()?;
    client.add_node(&old, &old, b"changed")?;
    ensure!(client.node_properties(&old, &old)?.as_deref() == Some(b"changed".as_slice()));
    client.add_node(&old, "short", b"\x80")?;
    client.add_edge(&old, "short", &old, b"\x80")?;
    let is_refused = |answer: Result<Value, WireError>, what: &str, bytes: usize| -> Result<()> {
        let error = answer.expect_err("it is over the limit");
        ensure!(
            error.to_string().contains(&format!("the {what} has 300 bytes, {bytes} are the most")),
            "{error}"
        );
        Ok(())
    };
    let other = "p".repeat(300);
    is_refused(client.create_graph(&other).map(|()| Value::Nil), "graph_name", 200)?;
    is_refused(client.add_node(&old, &other, b"\x80").map(|()| Value::Nil), "node_id", 250)?;
    client.create_graph("new")?;
    let report = client.batch_update("new", vec![node_op("fits"), node_op(&other)])?;
    ensure!(report.to_string().contains("the node_id has 300 bytes"), "{report}");
    let import = params([("msgpack", documents)]);
    is_refused(client.call("new", "FromMsgpack", import), "node_id", 250)?;
    ensure!(client.call("new", "NodeCount", None)? == 1.into());
    client.call(&old, "RemoveNode", node(&old))?;
    client.call("", "DeleteGraph", params([("graph_name", old.as_str().into())]))?;
    Ok(())
}

//! What a shard creates and what it tells of itself.

use anyhow::{Context, Result, ensure};
use epistemic_tests::transfer::{export, import};
use epistemic_tests::wire::{bin, field, params};
use epistemic_tests::{ServerProcess, Value};

use super::{Shards, advertise, create, endpoint, names, refused};

#[test]
fn each_graph_is_created_by_its_owner_alone_and_refused_by_name_elsewhere() -> Result<()> {
    let shards = Shards::start(3)?;
    let mut owned = [0; 3];
    for number in 0..60 {
        let graph = format!("tenant__t{number}____bus__");
        let owner = create(&shards, &graph)?;
        owned[owner] += 1;
        for (index, client) in shards.clients()?.iter_mut().enumerate() {
            ensure!(names(client)?.contains(&graph) == (index == owner), "{graph} on shard {index}");
            let answer = client.add_node(&graph, "n", b"\x80");
            ensure!(answer.is_ok() == (index == owner), "AddNode to {graph} on shard {index}");
        }
    }
    ensure!(owned.iter().all(|count| *count > 0), "{owned:?}");
    // Ingest lanes are placed with the commons.
    let lanes: Vec<_> = ["__ingest__", "__ingest_a__", "__ingest_b__"]
        .iter()
        .map(|lane| create(&shards, lane))
        .collect::<Result<_>>()?;
    ensure!(lanes.iter().all(|owner| *owner == lanes[0]), "{lanes:?}");
    // Which every shard has, one owns, and the others do not change.
    let owner = shards.endpoints()[lanes[0]];
    for (index, client) in shards.clients()?.iter_mut().enumerate() {
        let created = client.create_graph("__commons__").err().context("it was created")?.to_string();
        ensure!(created.contains("Graph '__commons__' already exists"), "{created}");
        if index == lanes[0] {
            client.add_node("__commons__", "n", b"\x80")?;
            continue;
        }
        let added = client.add_node("__commons__", "n", b"\x80").err().context("it was written")?.to_string();
        ensure!(added.contains("WRONG_SHARD: ") && added.contains("nothing was written"), "{added}");
        let document = client.call("__commons__", "ToMsgpack", None)?;
        for (method, fields) in [
            ("ClearGraph", vec![]),
            ("BatchUpdate", vec![("operations_msgpack", bin(b"\x90"))]),
            ("FromMsgpack", vec![("msgpack", document)]),
        ] {
            let text = refused(client, "__commons__", method, &fields)?;
            ensure!(
                text.starts_with(&format!("WRONG_SHARD: graph '__commons__' belongs to '{owner}'")),
                "{text}"
            );
        }
        ensure!(client.call("__commons__", "NodeCount", None)? == Value::from(0));
    }
    Ok(())
}

#[test]
fn copies_and_imports_follow_the_same_rule() -> Result<()> {
    let shards = Shards::start(3)?;
    let owner = create(&shards, "origin")?;
    let mut clients = shards.clients()?;
    clients[owner].add_node("origin", "n", b"\x80")?;
    let mut snapshot = Vec::new();
    export(&mut clients[owner], "origin", &mut snapshot)?;

    let mut forks = 0;
    for number in 0..12 {
        let name = format!("fork-{number}");
        let forked = clients[owner].call("origin", "Fork", params([("graph_name", name.as_str().into())]));
        let Err(error) = forked else {
            forks += 1;
            continue;
        };
        let text = error.server_text().context("no answer")?;
        ensure!(text.starts_with(&format!("WRONG_SHARD: graph '{name}' belongs to ")), "{text}");
    }
    ensure!((1..12).contains(&forks), "{forks} of 12");

    let other = (owner + 1) % 3;
    let error =
        import(&mut clients[other], "origin", snapshot.as_slice()).err().context("it was imported")?;
    ensure!(format!("{error:#}").contains("WRONG_SHARD: graph 'origin'"), "{error:#}");
    // Without a name the snapshot's own counts.
    let client = &mut clients[other];
    let opened =
        client.call("", "RestoreOpen", params([("graph_name", "".into()), ("replace", true.into())]))?;
    let upload = field(&opened, "upload").context("no upload")?.clone();
    let fields = [("upload", upload.clone()), ("data", bin(snapshot.as_slice()))];
    let sent = client.call("", "RestoreWrite", params(fields)).map(drop);
    let committed = sent.and_then(|()| client.call("", "RestoreCommit", params([("upload", upload)])));
    let text = committed.err().context("it was imported")?.to_string();
    ensure!(text.contains("WRONG_SHARD: graph 'origin'"), "{text}");
    ensure!(names(client)? == ["__commons__"], "something was left behind");
    Ok(())
}

#[test]
fn it_tells_its_list_and_the_order_of_the_list_is_free() -> Result<()> {
    let (one, two) = (ServerProcess::ours().in_memory(), ServerProcess::ours().in_memory());
    let (a, b) = (endpoint(&one), endpoint(&two));
    let (one, two) = (
        advertise(one, &format!("{a},{b}")).start()?,
        advertise(two, &format!("[\"{b}\", \"{a}\"]")).start()?,
    );
    let told = |server: &ServerProcess, method, name| -> Result<Value> {
        let answer = server.client()?.call("", method, None)?;
        Ok(field(&answer, name).with_context(|| format!("{method} without {name}"))?.clone())
    };
    for method in ["Health", "ShardStatus"] {
        ensure!(told(&one, method, "advertise")?.as_str() == Some(a.as_str()));
        ensure!(told(&one, method, "endpoints")? == Value::Array(vec![a.as_str().into(), b.as_str().into()]));
        let (first, second) =
            (told(&one, method, "endpoints_fingerprint")?, told(&two, method, "endpoints_fingerprint")?);
        ensure!(first == second && first.as_str().is_some_and(|text| text.len() == 16), "{first} {second}");
    }
    Ok(())
}

#[test]
fn without_the_flag_nothing_is_checked() -> Result<()> {
    let other = "unix:///nobody.sock,unix:///somebody.sock";
    let server = ServerProcess::ours().in_memory().env("GRAPH_SERVICE_ENDPOINTS", other).start()?;
    let mut client = server.client()?;
    for number in 0..20 {
        client.create_graph(&format!("g{number}"))?;
    }
    ensure!(field(&client.call("", "Health", None)?, "endpoints").is_none());
    Ok(())
}

#[test]
fn an_endpoint_that_is_not_in_the_list_does_not_start() -> Result<()> {
    let server = ServerProcess::ours().in_memory().arg("--advertise").arg("tcp://127.0.0.1:9101");
    let list = "tcp://localhost:9101,tcp://localhost:9102";
    for (server, words) in [
        (server.clone().env("GRAPH_SERVICE_ENDPOINTS", list), vec!["tcp://127.0.0.1:9101 is not in", list]),
        (server.clone().env("GRAPH_SERVICE_ENDPOINTS", ""), vec!["--endpoints"]),
        (server.arg("--endpoints").arg("tcp://h"), vec!["port is missing"]),
    ] {
        let (status, output) = server.start_expecting_exit()?;
        ensure!(status.code() == Some(2), "{status}: {output}");
        ensure!(words.iter().all(|word| output.contains(word)), "{words:?}: {output}");
    }
    Ok(())
}

#[test]
fn fault_17_is_found_in_reference_2_0_0() -> Result<()> {
    for _shard in 0..2 {
        ServerProcess::reference("2.0.0").in_memory().start()?.client()?.create_graph("on every shard")?;
    }
    Ok(())
}

#[test]
fn refusals_of_a_shard_do_not_depend_on_who_asks_first() -> Result<()> {
    let shards = Shards::start(2)?;
    let owner = create(&shards, "twice")?;
    let again = refused(
        &mut shards.clients()?[owner],
        "twice",
        "CreateGraph",
        &[("graph_name", "twice".into()), ("graph_type", "Agent".into())],
    )?;
    ensure!(again == "Graph 'twice' already exists", "{again}");
    Ok(())
}

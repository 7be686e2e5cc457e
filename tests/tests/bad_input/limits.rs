//! Limits on what one request may write: refused with the limit's name, nothing written, what is stored stays readable.

use anyhow::{Result, ensure};
use epistemic_tests::wire::{bin, field, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value};

/// Properties with so many labels.
fn labelled(count: usize) -> Vec<u8> {
    let labels = (0..count).map(|n| Value::from(format!("l{n}"))).collect::<Vec<_>>();
    pack(&map([("labels", labels.into())]))
}

/// Properties with a list of so many empty lists.
fn nested(count: usize) -> Vec<u8> {
    pack(&map([("lists", Value::Array(vec![Value::Array(Vec::new()); count]))]))
}

fn refusal(client: &mut Client, method: &str, fields: Option<Value>) -> Result<String> {
    let error = client.call("g", method, fields).err();
    Ok(error.as_ref().and_then(|error| error.server_text()).unwrap_or_default().to_owned())
}

fn add(id: &str, properties: Vec<u8>) -> Option<Value> {
    params([("node_id", id.into()), ("properties_msgpack", bin(properties))])
}

#[test]
fn what_is_beyond_a_limit_is_refused_with_its_name() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "labels", &labelled(1000))?;
    client.add_node("g", "lists", &nested(200_000))?;
    client.add_node("g", "large", &vec![0xc0; 16 << 20])?;
    client.add_edge("g", "labels", "lists", &[0x80])?;
    for (method, fields, words) in [
        (
            "AddNode",
            add("x", labelled(1001)),
            "a node with 1001 labels, 1000 are the most (--max-node-labels)",
        ),
        ("CreateNodeIfAbsent", add("x", labelled(1001)), "a node with 1001 labels"),
        ("AddNode", add("x", nested(300_000)), "properties with over 262144 lists and maps in them"),
        (
            "AddNode",
            add("x", vec![0xc0; (16 << 20) + 1]),
            "properties of 16777217 bytes, 16777216 are the most (--max-property-bytes)",
        ),
        (
            "AddEdge",
            params([
                ("source_id", "labels".into()),
                ("target_id", "lists".into()),
                ("properties_msgpack", bin(vec![0xc0; (16 << 20) + 1])),
            ]),
            "properties of 16777217 bytes",
        ),
        (
            "CompareAndSetNodeFields",
            params([
                ("node_id", "labels".into()),
                ("conditions_msgpack", bin([0x80])),
                ("updates_msgpack", bin(labelled(1001))),
            ]),
            "a node with 1001 labels",
        ),
    ] {
        let text = refusal(&mut client, method, fields)?;
        ensure!(text.starts_with("LIMIT_EXCEEDED: ") && text.contains(words), "{method}: {text}");
        ensure!(text.ends_with("nothing was written (docs/errors/limit-exceeded.md)"), "{method}: {text}");
    }
    ensure!(client.node_properties("g", "x")?.is_none(), "nothing was written");
    ensure!(client.call("g", "NodeCount", None)?.as_u64() == Some(3));
    Ok(())
}

/// Two updates, each within the limit, together beyond it.
#[test]
fn fields_that_are_set_do_not_make_a_node_larger_than_it_may_be() -> Result<()> {
    let server = ServerProcess::ours().in_memory().arg("--max-property-bytes").arg("100000").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "n", &pack(&map([("a", bin(vec![0; 90_000]))])))?;
    let fields = params([
        ("node_id", "n".into()),
        ("conditions_msgpack", bin([0x80])),
        ("updates_msgpack", bin(pack(&map([("b", bin(vec![0; 90_000]))])))),
    ]);
    let text = refusal(&mut client, "CompareAndSetNodeFields", fields)?;
    ensure!(text.contains("--max-property-bytes"), "{text}");
    ensure!(client.node_properties("g", "n")?.is_some_and(|properties| properties.len() < 100_000));
    Ok(())
}

#[test]
fn a_batch_is_limited_as_a_whole_and_each_of_its_items() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let node = |n: usize| map([("op", "add_node".into()), ("id", format!("n{n}").into())]);
    let all = pack(&Value::Array((0..1_000_000).map(node).collect()));
    let text = refusal(&mut client, "BatchUpdate", params([("operations_msgpack", bin(all))]))?;
    ensure!(
        text.starts_with("LIMIT_EXCEEDED: the batch writes over 67108864 bytes (--max-batch-bytes)"),
        "{text}"
    );
    ensure!(client.call("g", "NodeCount", None)?.as_u64() == Some(0), "nothing of it was written");
    let labels = Value::Array((0..1001).map(|n| format!("l{n}").into()).collect());
    let many =
        map([("op", "add_node".into()), ("id", "many".into()), ("properties", map([("labels", labels)]))]);
    let report = client.batch_update("g", vec![node(0), many, node(1)])?;
    let errors = field(&report, "errors").and_then(Value::as_array).cloned().unwrap_or_default();
    ensure!(
        errors.len() == 1
            && errors[0]
                .as_str()
                .is_some_and(|text| text.starts_with("op[1]: LIMIT_EXCEEDED: a node with 1001 labels")),
        "{report}"
    );
    ensure!(client.call("g", "NodeCount", None)?.as_u64() == Some(2));
    Ok(())
}

#[test]
fn what_is_stored_beyond_a_limit_stays_readable() -> Result<()> {
    let server = ServerProcess::ours().arg("--max-node-labels").arg("5000").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "many", &labelled(3000))?;
    client.add_node("g", "few", &labelled(1))?;
    drop(client);
    let mut server = server;
    server.terminate()?;
    let server = ServerProcess::ours().persist_dir(server.persist_dir()).start()?;
    let mut client = server.client()?;
    ensure!(client.node_properties("g", "many")?.is_some_and(|properties| properties == labelled(3000)));
    let found = params([("label", "l2999".into()), ("limit", 10.into())]);
    ensure!(client.call("g", "GetNodesByLabel", found)?.as_array().map(Vec::len) == Some(1));
    let touched = params([("node_ids", Value::Array(vec!["many".into(), "few".into()]))]);
    ensure!(client.call("g", "TouchNodes", touched)?.as_u64() == Some(2));
    client.call("g", "RemoveNode", crate::node("many"))?;
    ensure!(client.call("g", "NodeCount", None)?.as_u64() == Some(1));
    Ok(())
}

/// Security finding 6: made in parts, between which others write.
#[test]
fn what_is_made_in_parts_comes_to_the_same() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let text = Value::Binary(vec![7; 100 << 10]);
    for n in 0..60 {
        client.add_node("g", &format!("n{n}"), &pack(&map([("text", text.clone())])))?;
    }
    let ids = Value::Array((0..60).map(|n| format!("n{n}").into()).collect());
    let fields = params([("node_ids", ids)]);
    ensure!(client.call("g", "TouchNodes", fields.clone())?.as_u64() == Some(60));
    let edges = (0..20_000).map(|n| {
        let other = format!("n{}", n % 60);
        let (source, target) = if n % 2 == 0 { ("hub".to_owned(), other) } else { (other, "hub".to_owned()) };
        map([("op", "add_edge".into()), ("source", source.into()), ("target", target.into())])
    });
    client.add_node("g", "hub", &[0x80])?;
    client.batch_update("g", edges.collect())?;
    // Pipelined: each sees what those before it did.
    client.send("g", "RemoveNode", crate::node("hub"))?;
    client.send("g", "AddNode", add("hub", vec![0x80]))?;
    client.send("g", "TouchNodes", fields)?;
    client.send("g", "EdgeCount", None)?;
    client.send("g", "NodeCount", None)?;
    let answers = (0..5).map(|_| client.receive()).collect::<Result<Vec<_>, _>>()?;
    let outcomes: Vec<_> = answers.into_iter().map(|answer| answer.outcome).collect();
    ensure!(
        outcomes == [Ok("ok".into()), Ok("ok".into()), Ok(60.into()), Ok(0.into()), Ok(61.into())],
        "{outcomes:?}"
    );
    Ok(())
}

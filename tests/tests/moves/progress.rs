//! How far the copy of a move is, while it is taken in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{bin, field, params};
use epistemic_tests::{Client, Egctl, ServerProcess, Value, transfer};

const GRAPH: &str = "tenant a/b:é";

/// The row of the graph at its destination.
fn row(client: &mut Client) -> Result<Value> {
    let rows = client.call("", "MoveStatus", params([("graph_name", GRAPH.into())]))?;
    rows.as_array().and_then(|rows| rows.first()).cloned().context("it does not arrive")
}

#[test]
fn a_copy_tells_how_much_of_it_has_arrived() -> Result<()> {
    let [source, destination] = [ServerProcess::ours().start()?, ServerProcess::ours().tcp().start()?];
    let mut client = source.client()?;
    client.create_graph(GRAPH)?;
    for number in 0..1_000 {
        client.add_node(GRAPH, &format!("n{number}"), &[&[0xc5, 8, 0][..], &[7; 2048]].concat())?;
    }
    let mut snapshot = Vec::new();
    transfer::export(&mut client, GRAPH, &mut snapshot)?;

    let mut client = destination.client()?;
    client.call(GRAPH, "MoveArrive", params([("move_id", "m".into()), ("from", "tcp://h:1".into())]))?;
    ensure!(field(&row(&mut client)?, "filling").is_none(), "nothing is on its way");
    let open = params([("graph_name", GRAPH.into()), ("move_id", "m".into())]);
    let opened = client.call("", "RestoreOpen", open)?;
    let upload = field(&opened, "upload").cloned().context("upload")?;
    let (first, rest) = snapshot.split_at(snapshot.len() * 3 / 4);
    let send = |client: &mut Client, data: &[u8]| {
        for piece in data.chunks(1 << 18) {
            client.call("", "RestoreWrite", params([("upload", upload.clone()), ("data", bin(piece))]))?;
        }
        anyhow::Ok(())
    };
    send(&mut client, first)?;
    let mut watching = destination.client()?;
    let filling = poll(Duration::from_secs(60), Duration::from_millis(20), || {
        let row = row(&mut watching)?;
        let records = field(&row, "filling").and_then(|filling| field(filling, "records")?.as_u64());
        anyhow::Ok(records.filter(|records| *records > 0).and_then(|_| field(&row, "filling").cloned()))
    })?
    .context("it never told how far it is")?;
    let number = |name: &str| field(&filling, name).and_then(Value::as_u64);
    // 1,000 nodes, and the ledger with the creation.
    ensure!(number("of") == Some(2_001) && number("records") < number("of"), "{filling}");
    ensure!(number("left_s").is_some(), "{filling}");
    let endpoint = format!("tcp://{}", destination.tcp_addr());
    let egctl = Egctl::with_secret(destination.secret());
    let (text, _) = egctl.ends(0, ["moves", "--endpoint", &endpoint])?;
    ensure!(text.contains("arriving (") && text.contains(" %"), "{text}");

    send(&mut client, rest)?;
    client.call("", "RestoreCommit", params([("upload", upload.clone())]))?;
    let row = row(&mut client)?;
    ensure!(field(&row, "filling").is_none(), "{row}");
    ensure!(field(&row, "sequence").and_then(Value::as_u64) == Some(1_001), "{row}");
    Ok(())
}

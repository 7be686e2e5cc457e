//! `egctl verify` on data that is over a limit which came after it.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{pack, params};
use epistemic_tests::{ServerProcess, Value as Packed};
use serde_json::{Value, json as value};
use tempfile::TempDir;

use super::{egctl, json, text};

const RAISED: [&str; 8] = [
    "--max-graph-name-bytes",
    "20000",
    "--max-node-id-bytes",
    "200000",
    "--max-property-bytes",
    "33554432",
    "--max-node-labels",
    "5000",
];

#[test]
fn what_is_over_a_limit_stays_in_use_and_is_listed() -> Result<()> {
    let home = TempDir::new()?;
    let dir = home.path().join("data");
    let (long_name, long_id) = ("g".repeat(9000), "n".repeat(110_000));
    let labels = (0..1500).map(|label| Packed::from(format!("L{label}"))).collect();
    let labelled = pack(&Packed::Map(vec![("labels".into(), Packed::Array(labels))]));
    let bytes: u32 = 17 << 20;
    let large = [b"\x81\xa1a\xc6".as_slice(), &bytes.to_be_bytes(), &vec![7; bytes as usize]].concat();
    let embedding =
        || params([("node_id", "plain".into()), ("embedding", Packed::Array(vec![1.5.into(); 4]))]);
    {
        let mut server = RAISED
            .iter()
            .fold(ServerProcess::ours().persist_dir(&dir), |server, arg| server.arg(arg))
            .start()?;
        let mut client = server.client()?;
        client.create_graph(&long_name)?;
        client.create_graph("g")?;
        for (id, properties) in
            [("plain", &b"\x80"[..]), (&long_id, b"\x80"), ("labels", &labelled), ("large", &large)]
        {
            client.add_node("g", id, properties)?;
        }
        client.add_edge("g", "plain", "labels", &large)?;
        client.call("g", "AddEmbedding", embedding())?;
        server.terminate()?;
    }

    let dir_text = text(&dir);
    let told = json(&["verify", "--dir", dir_text])?;
    assert_eq!(told["found"]["totals"], value!({}), "nothing is wrong");
    let totals = value!({ "long_name": 1, "long_id": 1, "many_labels": 1, "large_properties": 2 });
    assert_eq!(told["over_limits"]["totals"], totals);
    let shown = told["over_limits"]["shown"].as_array().context("shown")?;
    let labels = shown.iter().find(|row| row["kind"] == "many_labels").context("labels")?;
    assert_eq!((&labels["graph"], &labels["key"]), (&"g".into(), &"node \"labels\"".into()));
    assert_eq!(labels["detail"], "1500 labels, 1000 are the most");
    let table = egctl(&[], &["verify", "--dir", dir_text])?;
    let table = String::from_utf8(table.stdout)?;
    ensure!(table.contains("over the limits for what is written, and in use:"), "{table}");
    ensure!(table.contains("large_properties: 2") && !table.contains(&long_id), "{table}");
    let raised = json(&[&["verify", "--dir", dir_text], &RAISED[..]].concat())?;
    assert_eq!(raised["over_limits"]["totals"], value!({}));
    let embeddings = json(&["verify", "--dir", dir_text, "--max-property-bytes", "15"])?;
    assert_eq!(embeddings["over_limits"]["totals"]["large_embedding"], 1);

    // With the usual limits it is read, changed and removed as ever, and not made anew.
    let mut server = ServerProcess::ours().persist_dir(&dir).start()?;
    let mut client = server.client()?;
    assert_eq!(client.call(&long_name, "NodeCount", None)?, 0.into());
    assert_eq!(client.node_properties("g", "large")?.map(|bytes| bytes.len()), Some(large.len()));
    client.add_node("g", &long_id, b"\x81\xa1a\x01")?;
    let touch = params([("node_ids", Packed::Array(vec!["large".into(), "labels".into()]))]);
    client.call("g", "TouchNodes", touch)?;
    for (id, properties) in
        [(&*"m".repeat(110_000), &b"\x80"[..]), ("more labels", &labelled), ("larger", &large)]
    {
        ensure!(client.add_node("g", id, properties).is_err(), "{}", id.len());
    }
    ensure!(client.create_graph(&"h".repeat(9000)).is_err());
    for id in ["labels", "large", &long_id] {
        client.call("g", "RemoveNode", params([("node_id", id.into())]))?;
    }
    client.call("", "DeleteGraph", params([("graph_name", long_name.into())]))?;
    server.terminate()?;
    let told: Value = json(&["verify", "--dir", dir_text])?;
    assert_eq!(told["over_limits"]["totals"], value!({}));
    Ok(())
}

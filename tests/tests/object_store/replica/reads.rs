//! What the owner has committed is read on the replica soon.

use anyhow::{Result, ensure};
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::wire::{field, map, params};
use epistemic_tests::{ServerBuilder, ServerProcess, http};

use super::super::shard::{directory, on};
use super::{follows, number, owner_pid, status, texts, until, until_node};

fn become_visible(owner: ServerBuilder, replica: ServerBuilder) -> Result<()> {
    let owner = owner.start()?;
    let mut writer = owner.client()?;
    writer.create_graph("g")?;
    writer.add_node("g", "before", b"\x80")?;
    let mut replica = replica.metrics().start()?;
    let mut reader = replica.client()?;
    ensure!(reader.node_properties("g", "before")?.is_some(), "it was durable at the start");

    writer.add_node("g", "behind", b"\x81\xa1a\x01")?;
    writer.add_edge("g", "before", "behind", b"\x80")?;
    until_node(&mut reader, "g", "behind")?;
    ensure!(reader.node_properties("g", "behind")?.as_deref() == Some(&b"\x81\xa1a\x01"[..]));
    let of = |node: &str| params([("node_id", node.into())]);
    let neighbors = || owner.client()?.call("g", "GetNeighbors", of("before")).map_err(anyhow::Error::from);
    until("neighbours", || {
        let told = reader.call("g", "GetNeighbors", of("before"))?;
        Ok((told == neighbors()?).then_some(()))
    })?;
    // Read again and again, kept, and changed.
    for round in 0..5 {
        let node = format!("more-{round}");
        let add = map([("op", "add_node".into()), ("id", node.as_str().into())]);
        let link =
            map([("op", "add_edge".into()), ("source", "before".into()), ("target", node.as_str().into())]);
        writer.batch_update("g", vec![add, link])?;
        until("neighbours that changed", || {
            let told = reader.call("g", "GetNeighbors", of("before"))?;
            Ok((told == neighbors()?).then_some(()))
        })?;
        for method in
            ["GraphColoring", "TopologicalSort", "ConnectedComponents", "NodeIds", "GetTriples", "GraphStats"]
        {
            let told = reader.call("g", method, None)?;
            ensure!(told == writer.call("g", method, None)?, "{method}: {told}");
        }
    }
    let embed = |components: [f32; 2]| {
        let components = components.map(f64::from).map(Into::into).to_vec();
        let fields =
            [("node_id", "before".into()), ("embedding", epistemic_tests::wire::Value::Array(components))];
        params(fields)
    };
    writer.call("g", "AddEmbedding", embed([1.0, 0.0]))?;
    writer.add_node("g", "embedded", b"\x80")?;
    until_node(&mut reader, "g", "embedded")?;
    let query = [1.0f64, 0.0].map(Into::into).to_vec();
    let search = [("query_embedding", epistemic_tests::wire::Value::Array(query)), ("n_results", 1.into())];
    let search = params(search);
    let (told, expected) =
        (reader.call("g", "SemanticSearch", search.clone()), writer.call("g", "SemanticSearch", search));
    ensure!(format!("{told:?}") == format!("{expected:?}"), "{told:?}, not {expected:?}");

    // A graph of the same name is another one.
    writer.call("g", "DeleteGraph", params([("graph_name", "g".into())]))?;
    writer.create_graph("g")?;
    writer.add_node("g", "anew", b"\x80")?;
    until_node(&mut reader, "g", "anew")?;
    ensure!(texts(&reader.call("g", "NodeIds", None)?)? == ["anew"]);
    writer.call("g", "DeleteGraph", params([("graph_name", "g".into())]))?;
    until("the end of the graph", || {
        let told = reader.call("g", "NodeIds", None);
        Ok(told.err().filter(|error| error.server_text().is_some_and(|text| text.contains("not found"))))
    })?;

    let told = status(&replica)?;
    let role = field(&told, "role").and_then(|role| role.as_str());
    ensure!(role == Some("replica") && owner_pid(&told) == Some(u64::from(owner.pid())), "{told}");
    ensure!(number(&told, "followed_states").is_some_and(|states| states > 5), "{told}");
    ensure!(number(&told, "staleness_ms").is_some_and(|age| age < 10_000), "{told}");
    ensure!(field(&told, "store_id") == field(&status(&owner)?, "store_id"), "{told}");
    ensure!(http::get(replica.metrics_addr(), "/readyz")?.status == 200);
    let page = http::get(replica.metrics_addr(), "/metrics")?.body;
    for series in ["follow_lag_seconds ", "follow_states_total ", "role{role=\"replica\"} 1"] {
        ensure!(page.contains(&format!("epistemic_graph_{series}")), "no {series} in {page}");
    }
    ensure!(replica.terminate()?.success(), "{}", replica.output());
    writer.create_graph("still")?;
    Ok(())
}

#[test]
fn writes_are_seen_on_a_replica_in_a_directory() -> Result<()> {
    let (_folder, url) = directory()?;
    become_visible(on(ServerProcess::ours(), &url), follows(ServerProcess::ours(), &url))
}

#[test]
fn writes_are_seen_on_a_replica_on_moto() -> Result<()> {
    let s3 = S3Server::start()?;
    let url = format!("s3://{}/shard-1", S3Server::BUCKET);
    let env = || S3Server::env(s3.addr());
    become_visible(
        on(ServerProcess::ours(), &url).envs(env()),
        follows(ServerProcess::ours(), &url).envs(env()),
    )
}

#[test]
fn writes_are_seen_on_a_replica_on_seaweedfs() -> Result<()> {
    let cluster = SeaweedCluster::start()?;
    let url = cluster.url("shard-1");
    let env = || S3Server::env(cluster.addr());
    become_visible(
        on(ServerProcess::ours(), &url).envs(env()),
        follows(ServerProcess::ours(), &url).envs(env()),
    )
}

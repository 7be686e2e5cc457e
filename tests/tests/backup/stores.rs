//! Several shards in one place, and whole tiers.

use anyhow::{Context, Result};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::wire::params;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{GRAPH, Shard, egctl, fails, json, runs, text};

/// Two shards with one secret, each with a graph of its own beside the one that both have.
fn two() -> Result<[Shard; 2]> {
    let mut shards = [Shard::start()?, Shard::start()?];
    for (shard, name) in shards.iter_mut().zip(["only a", "only b"]) {
        shard.client.create_graph(name)?;
        shard.client.add_node(name, "n", b"\x80")?;
    }
    Ok(shards)
}

fn create(shard: &Shard, url: &str) -> Result<Value> {
    json(&shard.env, &["backup", "create", "--to", url, "--endpoint", &shard.endpoint])
}

#[test]
fn two_shards_in_one_place_are_kept_apart() -> Result<()> {
    let ([a, b], home) = (two()?, TempDir::new()?);
    let url = text(home.path());
    create(&a, url)?;
    let of_b = create(&b, url)?;
    create(&a, url)?;
    let env = &a.env;
    json(env, &["backup", "prune", "--from", url, "--keep-daily", "7", "--keep-weekly", "5"])?;
    let kept = runs(env, url)?;
    assert!(kept.iter().any(|run| of_b["run"] == **run), "the only run of b: {kept:?}");

    let dir = home.path().join("restored");
    fs_err::create_dir(&dir)?;
    let restore = ["backup", "restore", "--from", url, "--to-dir", text(&dir)];
    let stores = [of_b["store"].as_str().context("store")?, "--store", "--tier", &*b.endpoint.clone()];
    let asked = fails(env, 2, &restore);
    assert!([stores[0], stores[1], stores[3]].iter().all(|told| asked.contains(told)), "{asked}");
    let asked = fails(env, 2, &[&restore[..], &["--graph", GRAPH]].concat());
    assert!(asked.contains("--shard"), "{asked}");
    json(env, &[&restore[..], &["--graph", "only b"]].concat())?;
    json(env, &[&restore[..], &["--graph", GRAPH, "--store", &stores[0][..8]]].concat())?;
    json(env, &[&restore[..], &["--graph", GRAPH, "--as", "of a", "--shard", &a.endpoint]].concat())?;
    fails(env, 1, &[&restore[..], &["--graph", GRAPH, "--shard", "tcp://none:1"]].concat());
    let verified = json(env, &["backup", "verify", "--from", url])?;
    assert_eq!(verified["runs"].as_array().map(Vec::len), Some(2), "{verified}");
    Ok(())
}

#[test]
fn a_tenant_is_restored_from_all_shards() -> Result<()> {
    let ([mut a, mut b], home) = (two()?, TempDir::new()?);
    let url = home.path().join("backup");
    // One tells its tenant, the other is of a client that does not.
    let claim =
        [("graph_name", "tenant__acme__x".into()), ("graph_type", "Agent".into()), ("tenant", "Acme".into())];
    a.client.call("", "CreateGraph", params(claim))?;
    b.client.create_graph("tenant__acme__y")?;
    for shard in [&a, &b] {
        create(shard, text(&url))?;
    }
    let dir = home.path().join("restored");
    fs_err::create_dir(&dir)?;
    let restore = ["backup", "restore", "--from", text(&url), "--to-dir", text(&dir), "--tenant"];
    let restored = json(&a.env, &[&restore[..], &["Acme"]].concat())?;
    let graphs = restored["graphs"].as_array().context("graphs")?;
    let mut names: Vec<_> = graphs.iter().filter_map(|row| row["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["tenant__acme__x", "tenant__acme__y"], "{restored}");
    Ok(())
}

#[test]
fn a_tier_is_backed_up_and_restored_as_one() -> Result<()> {
    let ([a, b], home) = (two()?, TempDir::new()?);
    let (url, dirs) = (home.path().join("backup"), home.path().join("tier"));
    let list = format!("{},{}", a.endpoint, b.endpoint);
    let create = ["backup", "create", "--all", "--to", text(&url), "--endpoints"];
    let down = format!("{list},tcp://{}", free_loopback_addr()?);
    let output = egctl(&a.env, &[&create[..], &[&down, "--json"]].concat())?;
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (&made["complete"], made["shards"].as_array().map(Vec::len)),
        (&json!(false), Some(3)),
        "{made}"
    );
    let restore = ["backup", "restore", "--from", text(&url), "--to-dir", text(&dirs), "--tier"];
    assert!(fails(&a.env, 1, &restore).contains("lacks tcp://"));

    let made = json(&a.env, &[&create[..], &[&list]].concat())?;
    assert_eq!(made["complete"], true, "{made}");
    json(&a.env, &restore)?;
    for (number, (shard, only)) in [(&a, "only a"), (&b, "only b")].into_iter().enumerate() {
        let dir = dirs.join(format!("shard-{}", number + 1));
        let listed = json(&[], &["graphs", "--dir", text(&dir)])?;
        let names = listed["graphs"].as_array().context("graphs")?;
        assert!(names.iter().any(|row| row["name"] == only), "{listed}");
        let digests = json(&[], &["digest", GRAPH, "--dir", text(&dir)])?;
        assert!(digests.to_string().contains(&shard.digest(GRAPH)?.0), "{digests}");
    }
    // In one list a name has one owner: what both shards have of it cannot be there twice.
    let tiers = json(&a.env, &["backup", "list", "--from", text(&url)])?;
    assert_eq!(tiers["tiers"].as_array().map(Vec::len), Some(2), "{tiers}");
    Ok(())
}

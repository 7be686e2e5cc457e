//! `__commons__` in backups: it is on every shard, and one of them may have an installation in it.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::params;
use serde_json::Value;
use tempfile::TempDir;

use super::{GRAPH, Shard, fails, json, text};

const COMMONS: &str = "__commons__";
const NODES: u64 = 20;

/// Three shards, `__commons__` filled on its owner by their list and empty on the others.
struct Tier {
    shards: Vec<Shard>,
    list: String,
    /// Place of the owner.
    owner: usize,
}

impl Tier {
    fn start() -> Result<Self> {
        let shards: Vec<_> = (0..3).map(|_| Shard::start()).collect::<Result<_>>()?;
        for shard in &shards {
            // Their lists have one owner of each name.
            shard.server.client()?.call("", "DeleteGraph", params([("graph_name", GRAPH.into())]))?;
        }
        let list = shards.iter().map(|shard| shard.endpoint.clone()).collect::<Vec<_>>().join(",");
        let owner = owner(&list)?;
        let owner = shards.iter().position(|shard| shard.endpoint == owner).context("no owner")?;
        Ok(Self { shards, list, owner })
    }

    fn filled() -> Result<Self> {
        let mut tier = Self::start()?;
        let owner = tier.owner;
        let client = &mut tier.shards[owner].client;
        (0..NODES).try_for_each(|node| client.add_node(COMMONS, &format!("n{node}"), b"\x81\xa1k\x01"))?;
        client.add_edge(COMMONS, "n0", "n1", b"\x80")?;
        Ok(tier)
    }

    /// Nodes of `__commons__` on each shard.
    fn nodes(&mut self) -> Result<Vec<u64>> {
        let count =
            |shard: &mut Shard| shard.client.call(COMMONS, "NodeCount", None)?.as_u64().context("no count");
        self.shards.iter_mut().map(count).collect()
    }

    fn digest(&self) -> Result<(String, u64)> {
        self.shards[self.owner].digest(COMMONS)
    }

    /// The digest of its copy on another shard, where taking the place of the empty one is one more change.
    fn restored(&self) -> Result<(String, u64)> {
        let (content, sequence) = self.digest()?;
        Ok((content, sequence + 1))
    }
}

fn owner(list: &str) -> Result<String> {
    let routes = json(&[], &["route", "--endpoints", list, "--graph", COMMONS])?;
    routes["routes"][0]["shard"].as_str().map(str::to_owned).context("no owner")
}

/// A backup of the whole tier.
fn backed_up(tier: &Tier) -> Result<(TempDir, String)> {
    let home = TempDir::new()?;
    let url = home.path().join("backup");
    let create = ["backup", "create", "--all", "--to", text(&url), "--endpoints", &tier.list];
    let made = json(&tier.shards[0].env, &create)?;
    ensure!(made["complete"] == true, "{made}");
    let url = text(&url).to_owned();
    Ok((home, url))
}

fn rows(restored: &Value) -> usize {
    let graphs = restored["graphs"].as_array().into_iter().flatten();
    graphs.filter(|row| row["name"] == COMMONS).count()
}

#[test]
fn a_tier_goes_to_another_set_of_shards() -> Result<()> {
    let (old, mut new) = (Tier::filled()?, Tier::start()?);
    let (_home, url) = backed_up(&old)?;
    let env = new.shards[0].env.clone();
    let restore = ["backup", "restore", "--from", &url, "--tier", "--endpoints", &new.list.clone()];
    let restored = json(&env, &restore)?;
    ensure!(rows(&restored) == 1, "{restored}");
    let mut expected = vec![0; 3];
    expected[new.owner] = NODES;
    assert_eq!(new.nodes()?, expected);
    assert_eq!(new.digest()?, old.restored()?);
    // A second time the name is taken, and all stays as it is.
    ensure!(fails(&env, 1, &restore).contains(COMMONS));
    json(&env, &["owners", "check", "--endpoints", &new.list])?;

    let drilled = json(&[], &["backup", "drill", "--from", &url])?;
    let stores = drilled["stores"].as_array().context("stores")?;
    ensure!(stores.len() == 3 && stores.iter().all(|row| row["graphs"] == 1), "{drilled}");
    ensure!(stores.iter().all(|row| row["failures"] == serde_json::json!([])), "{drilled}");
    Ok(())
}

#[test]
fn a_tier_goes_to_one_shard() -> Result<()> {
    let old = Tier::filled()?;
    let (_home, url) = backed_up(&old)?;
    let one = Shard::start()?;
    let restored =
        json(&one.env, &["backup", "restore", "--from", &url, "--tier", "--endpoint", &one.endpoint])?;
    ensure!(rows(&restored) == 1, "{restored}");
    assert_eq!(one.digest(COMMONS)?, old.restored()?);
    Ok(())
}

#[test]
fn of_several_stores_the_one_with_content_is_meant() -> Result<()> {
    let old = Tier::filled()?;
    let (home, url) = backed_up(&old)?;
    let restore = ["backup", "restore", "--from", &url, "--graph", COMMONS];
    let one = Shard::start()?;
    json(&one.env, &[&restore[..], &["--endpoint", &one.endpoint]].concat())?;
    assert_eq!(one.digest(COMMONS)?, old.restored()?);
    let dir = home.path().join("dir");
    fs_err::create_dir(&dir)?;
    json(&[], &[&restore[..], &["--as", "copy", "--to-dir", text(&dir)]].concat())?;
    let digests = json(&[], &["digest", "copy", "--dir", text(&dir)])?;
    ensure!(digests.to_string().contains(&old.digest()?.0), "{digests}");
    Ok(())
}

#[test]
fn directories_of_a_tier_keep_each_their_own() -> Result<()> {
    let old = Tier::filled()?;
    let (home, url) = backed_up(&old)?;
    let dirs = home.path().join("tier");
    json(&[], &["backup", "restore", "--from", &url, "--tier", "--to-dir", text(&dirs)])?;
    for number in 0..3 {
        let dir = dirs.join(format!("shard-{}", number + 1));
        let listed = json(&[], &["graphs", "--dir", text(&dir)])?;
        let nodes = if number == old.owner { NODES } else { 0 };
        let is_it = |row: &Value| row["name"] == COMMONS && row["nodes"] == nodes;
        ensure!(listed["graphs"].as_array().context("graphs")?.iter().any(is_it), "{listed}");
    }
    Ok(())
}

//! Restored graphs obey `--advertise`, under their own name and under another.

use anyhow::{Context, Result, ensure};

use super::tier::{Tier, endpoint};
use super::{GRAPH, has};

/// Names that are tried: both shards own some of them.
const NAMES: usize = 8;

#[test]
fn a_restored_graph_is_not_created_where_it_does_not_belong() -> Result<()> {
    let tier = Tier::start()?;
    let backup = format!("file://{}", tier.work.path().join("backup").display());
    let (own, other) = (endpoint(&tier.source), endpoint(&tier.destination));
    tier.egctl(0, &["backup", "create", "--to", &backup, "--endpoint", &own])?;
    let restore = ["backup", "restore", "--from", &backup, "--graph", GRAPH];
    let mut refused = 0;
    for number in 0..NAMES {
        let name = format!("copy {number}");
        let route = tier.json(0, &["route", "--graph", &name])?;
        let owner = route["routes"][0]["shard"].as_str().context("no shard")?.to_owned();
        for place in [&own, &other] {
            let into = ["--as", &name, "--endpoint", place];
            if *place == owner {
                tier.egctl(0, &[&restore[..], &into].concat())?;
                continue;
            }
            let (_, error) = tier.egctl(1, &[&restore[..], &into].concat())?;
            ensure!(error.contains("WRONG_SHARD: "), "{error}");
            refused += 1;
        }
        let [mut source, mut destination] = tier.clients()?;
        let (here, there) =
            if owner == own { (&mut source, &mut destination) } else { (&mut destination, &mut source) };
        has(here, &name, 10)?;
        ensure!(there.call(&name, "NodeCount", None).is_err(), "{name} is on both");
    }
    ensure!(refused == NAMES);
    let (_, error) = tier.egctl(1, &[&restore[..], &["--endpoint", &other]].concat())?;
    ensure!(error.contains("WRONG_SHARD: "), "{error}");
    // In the place of one that is there, it is not created.
    tier.egctl(0, &[&restore[..], &["--replace", "--endpoint", &own]].concat())?;
    has(&mut tier.source.client()?, GRAPH, 10)
}

//! Real Python clients that route right, and ours with another list.

use anyhow::{Result, ensure};
use epistemic_tests::binaries::REFERENCE_VERSIONS;
use epistemic_tests::{Egctl, python};

use super::Shards;

#[test]
fn every_python_router_works_with_shards_that_advertise() -> Result<()> {
    let shards = Shards::start(3)?;
    for version in REFERENCE_VERSIONS {
        python::judge(version, "pool_router.py", &[&shards.list], shards.servers[0].secret())?;
    }
    Ok(())
}

/// The ingest lanes go with the commons in the client 2.0.0.
const INGEST: &str = "
import asyncio, sys
from epistemic_graph.pool import ShardRouter
async def main(endpoints, secret):
    router = ShardRouter(endpoints, secret, min_size=1, max_size=2)
    await router.initialize()
    for graph in ['__ingest__', '__ingest_news__', '__ingest_x', 'other', 'tenant__acme____bus__']:
        client = await router.acquire(graph)
        await client.tenants.create(graph)
        await client.nodes.add('self', {'graph': graph})
        assert await client.nodes.count() == 1, graph
        router.release(client, graph)
    await router.close_all()
asyncio.run(main(sys.argv[1].split(','), sys.argv[2]))
";

#[test]
fn the_ingest_lanes_of_client_2_0_0_are_created_where_it_places_them() -> Result<()> {
    let shards = Shards::start(3)?;
    python::check("2.0.0", INGEST, &[&shards.list, shards.servers[0].secret()]).map(drop)
}

#[test]
fn a_client_with_another_list_is_refused_with_both() -> Result<()> {
    let shards = Shards::start(3)?;
    let two = shards.list.rsplit_once(',').map_or("", |(two, _)| two);
    let dir = tempfile::tempdir()?;
    let egctl = |list: &str, graph: &str| -> Result<(Option<i32>, String)> {
        let output = Egctl::with_secret(shards.servers[0].secret())
            .command(["snapshot", "export", graph, "-o", "out", "--endpoints", list])?
            .current_dir(&dir)
            .output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let (code, text) = egctl(two, "g")?;
    ensure!(code == Some(2), "{code:?}: {text}");
    for word in [format!("[{two}]"), format!("[{}]", shards.list), "nothing was sent".to_owned()] {
        ensure!(text.contains(&word), "no {word} in {text}");
    }
    let mut turned: Vec<_> = shards.endpoints();
    turned.reverse();
    let (_, text) = egctl(&turned.join(","), "g")?;
    ensure!(text.contains("Graph 'g' not found"), "the same list in another order: {text}");
    Ok(())
}

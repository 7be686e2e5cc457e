//! Copies of graphs whose clients go away. That nothing of them stays in the store is checked below the server, in
//! `storage/conformance/src/graph_fork.rs`.

use std::time::Instant;

use anyhow::{Result, ensure};
use epistemic_tests::Client;
use epistemic_tests::wait::pause;
use epistemic_tests::wire::params;

use crate::{LATER, await_metric, graphs, server};

const NODES: usize = 50_000;

fn fork(client: &mut Client) -> Result<u64> {
    Ok(client.send("ring", "Fork", params([("graph_name", "copy".into())]))?)
}

/// Nodes and edges of the copy, if there is one.
fn copied(client: &mut Client) -> Result<Option<[Option<u64>; 2]>> {
    match client.call("copy", "NodeCount", None) {
        Ok(nodes) => Ok(Some([nodes.as_u64(), client.call("copy", "EdgeCount", None)?.as_u64()])),
        Err(error) if error.to_string().contains("not found") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn a_copy_whose_client_is_gone_is_whole_or_not_there() -> Result<()> {
    const MOMENTS: u32 = 8;
    let server = server().start()?;
    let mut client = server.client()?;
    graphs::ring(&mut client, NODES)?;
    let whole = Some([Some(2 * NODES as u64); 2]);
    let delete = params([("graph_name", "copy".into())]);
    let begun = Instant::now();
    fork(&mut client)?;
    client.receive()?.outcome.map_err(anyhow::Error::msg)?;
    let full = begun.elapsed();
    ensure!(copied(&mut client)? == whole);
    client.call("", "DeleteGraph", delete.clone())?;
    let mut stopped = 0;
    for moment in 0..MOMENTS {
        let mut leaving = server.client()?;
        fork(&mut leaving)?;
        await_metric(&server, "computations_running", 1.0, LATER)?;
        pause(full * moment / MOMENTS);
        drop(leaving);
        await_metric(&server, "computations_running", 0.0, LATER)?;
        match copied(&mut client)? {
            None => stopped += 1,
            found => {
                ensure!(found == whole, "{found:?}");
                client.call("", "DeleteGraph", delete.clone())?;
            }
        }
    }
    println!("a copy takes {full:?}; {stopped} of {MOMENTS} were stopped");
    ensure!(stopped > 0);
    let server = server.restart()?;
    let mut client = server.client()?;
    ensure!(copied(&mut client)?.is_none(), "it is back after a restart");
    fork(&mut client)?;
    client.receive()?.outcome.map_err(anyhow::Error::msg)?;
    ensure!(copied(&mut client)? == whole);
    Ok(())
}

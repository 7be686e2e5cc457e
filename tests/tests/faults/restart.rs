//! A restart reads no data into memory, and a document leaves in bounded memory: fault 15.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerBuilder, ServerProcess, memory, transfer};

const MIB: u64 = 1 << 20;
const NODES: u64 = 50_000;
/// Enough for the reference to go red, little enough for its export: it takes 100 times the data.
const NODES_OF_REFERENCE: u64 = 20_000;
const PROPERTY_BYTES: usize = 1_000;
/// Part of the data (50 MB of properties, as much again in the ledger) that a restart may hold, program included.
const RESTARTED: u64 = 64 * MIB;
const GIVEN_BACK: Duration = Duration::from_secs(5);
/// What a document may take on top, block cache included.
const EXPORTED: u64 = 32 * MIB;

fn memory_does_not_follow_the_data(server: ServerBuilder, nodes: u64) -> Result<()> {
    let server = server.start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    transfer::fill(&mut client, "g", nodes, PROPERTY_BYTES)?;
    client.call("g", "ClearLedger", None)?;
    let begun = Instant::now();
    let server = server.restart()?;
    let took = begun.elapsed();
    let mut client = server.client()?;
    ensure!(client.call("g", "NodeCount", None)? == nodes.into());
    // What the start needed for a moment is given back within seconds.
    let mut restarted = 0;
    poll(GIVEN_BACK, Duration::from_millis(100), || {
        restarted = memory::resident_bytes(server.pid())?;
        anyhow::Ok((restarted <= RESTARTED).then_some(()))
    })?;
    memory::reset_peak(server.pid())?;
    client.send("g", "ToMsgpack", None)?;
    let document = client.receive_body()?.len();
    let exported = memory::peak_resident_bytes(server.pid())?;
    let [restarted_mib, exported_mib] = [restarted, exported].map(|bytes| bytes / MIB);
    eprintln!(
        "restart {took:?}, {restarted_mib} MiB; {document} bytes of ToMsgpack, peak {exported_mib} MiB"
    );
    ensure!(restarted <= RESTARTED, "{restarted_mib} MiB after a restart");
    ensure!(exported <= restarted + EXPORTED, "ToMsgpack took {restarted_mib} to {exported_mib} MiB");
    Ok(())
}

#[test]
fn fault_15_memory_does_not_follow_the_data() -> Result<()> {
    let cache = (16 * MIB).to_string();
    memory_does_not_follow_the_data(ServerProcess::ours().arg("--block-cache-bytes").arg(cache), NODES)
}

#[test]
fn fault_15_is_found_in_reference_0_31() -> Result<()> {
    let reference = ServerProcess::reference("0.31.0");
    super::goes_red(memory_does_not_follow_the_data(reference, NODES_OF_REFERENCE), "MiB after a restart")
}

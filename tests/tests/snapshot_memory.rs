//! A snapshot of a large graph leaves and enters a shard in bounded memory.
//!
//! `EG_SNAPSHOT_NODES=1000000 cargo test --release -p epistemic-tests --test snapshot_memory -- --nocapture` prints the
//! figures of a million nodes and edges.

use std::time::Instant;

use anyhow::{Result, ensure};
use epistemic_tests::seed::number_from_env;
use epistemic_tests::{ServerProcess, memory, transfer};

const MIB: u64 = 1 << 20;
const PROPERTY_BYTES: usize = 200;
/// What a transfer may take on top, at any size.
const EXTRA: u64 = 64 * MIB;
/// Blocks read from disk belong to the cache, not to the transfer: it is kept small and filled beforehand.
const CACHE: u64 = 8 * MIB;

#[test]
fn a_snapshot_takes_bounded_memory_on_both_sides() -> Result<()> {
    let nodes = number_from_env("EG_SNAPSHOT_NODES", 200_000) as u64;
    let ours = || ServerProcess::ours().arg("--block-cache-bytes").arg(CACHE.to_string());
    let source = ours().start()?;
    let mut client = source.client()?;
    client.create_graph("g")?;
    let begun = Instant::now();
    transfer::fill(&mut client, "g", nodes, PROPERTY_BYTES)?;
    eprintln!("{nodes} nodes and edges written in {:?}", begun.elapsed());
    let begun = Instant::now();
    let source = source.restart()?;
    eprintln!("restart after a kill: {:?}", begun.elapsed());
    let mut client = source.client()?;
    let begun = Instant::now();
    client.call("__commons__", "Checkpoint", None)?;
    eprintln!("Checkpoint: {:?}", begun.elapsed());

    let mut file = tempfile::tempfile()?;
    let exporting = Watch::begin(&source)?;
    let bytes = transfer::export(&mut client, "g", &mut file)?;
    exporting.end("export", bytes)?;
    ensure!(
        bytes > EXTRA + EXTRA / 2,
        "{bytes} bytes could be held in memory: nothing is shown, take more nodes"
    );

    let target = ours().start()?;
    std::io::Seek::rewind(&mut file)?;
    let importing = Watch::begin(&target)?;
    transfer::import(&mut target.client()?, "copy", &mut file)?;
    importing.end("import", bytes)?;
    let mut copy = target.client()?;
    for method in ["NodeCount", "EdgeCount"] {
        ensure!(copy.call("copy", method, None)? == nodes.into(), "{method}");
    }
    Ok(())
}

/// Memory and time of a server from one moment on.
struct Watch<'s> {
    server: &'s ServerProcess,
    before: u64,
    begun: Instant,
}

impl<'s> Watch<'s> {
    fn begin(server: &'s ServerProcess) -> Result<Watch<'s>> {
        memory::reset_peak(server.pid())?;
        let before = memory::resident_bytes(server.pid())?;
        Ok(Watch { server, before, begun: Instant::now() })
    }

    fn end(self, what: &str, bytes: u64) -> Result<()> {
        let took = self.begun.elapsed();
        let extra = memory::peak_resident_bytes(self.server.pid())?.saturating_sub(self.before);
        let rate = bytes as f64 / 1e6 / took.as_secs_f64();
        eprintln!("{what}: {bytes} bytes in {took:?} ({rate:.0} MB/s), {} KiB more memory", extra / 1024);
        ensure!(extra <= EXTRA, "{what} took {} MiB more memory", extra / MIB);
        Ok(())
    }
}

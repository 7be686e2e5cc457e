//! One kind of fault at every call: what was once answered wrongly.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::faults::{Fault, Faults, Rate};
use epistemic_tests::wait::pause;
use epistemic_tests::{Client, Egctl, ServerProcess, transfer};

const SLOW_MS: u32 = 40;

struct Disk {
    folder: tempfile::TempDir,
    faults: Faults,
}

impl Disk {
    fn new() -> Result<Self> {
        Self::with_faults_below("")
    }

    fn with_faults_below(path: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let faults = Faults::below(&[&fs_err::canonicalize(folder.path())?.join("data").join(path)])?;
        Ok(Self { folder, faults })
    }

    fn data(&self) -> Result<std::path::PathBuf> {
        Ok(fs_err::canonicalize(self.folder.path())?.join("data"))
    }

    fn server(&self) -> Result<ServerProcess> {
        ServerProcess::ours().persist_dir(self.data()?).envs(self.faults.environment()).start()
    }

    /// Every call of this kind fails.
    fn fail(&self, fault: Fault) -> Result<()> {
        self.faults.set(&Rate { one_in: 1, faults: vec![fault], slow_ms: SLOW_MS, most: 0, seed: 0 })
    }

    /// The next call of this kind fails.
    fn fail_once(&self, fault: Fault) -> Result<()> {
        self.faults.set(&Rate { one_in: 1, faults: vec![fault], slow_ms: SLOW_MS, most: 1, seed: 0 })
    }
}

fn is_there(client: &mut Client, graph: &str, node: &str) -> Result<bool> {
    Ok(client.node_properties(graph, node)?.is_some())
}

/// The system says ENOSPC when the log is synced: what was written may be on the disk all the same, so the answer must not be
/// "nothing was stored".
#[test]
fn a_disk_that_is_full_at_the_sync_leaves_the_write_in_doubt() -> Result<()> {
    let disk = Disk::new()?;
    let mut server = disk.server()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "kept", b"\x80")?;
    disk.fail(Fault::SyncFull)?;
    let refused = client.add_node("g", "doubtful", b"\x80").err().context("acknowledged without a sync")?;
    disk.faults.stop()?;
    let text = refused.server_text().unwrap_or_default();
    ensure!(!text.contains("disk full: "), "it says that nothing was stored: {text}");
    ensure!(!is_there(&mut client, "g", "doubtful")?, "reads show a write that was refused");
    server.kill9()?;
    let server = disk.server()?;
    let mut client = server.client()?;
    ensure!(is_there(&mut client, "g", "kept")?, "an acknowledged write is gone");
    eprintln!("the doubtful write is there after the restart: {}", is_there(&mut client, "g", "doubtful")?);
    Ok(())
}

/// Tables that cannot be read cost the graph that is asked for, not the writes of the others.
#[test]
fn tables_that_cannot_be_read_do_not_stop_other_graphs() -> Result<()> {
    let disk = Disk::new()?;
    let mut server = disk.server()?;
    let mut client = server.client()?;
    for graph in ["read", "written"] {
        client.create_graph(graph)?;
        transfer::fill(&mut client, graph, 200, 1_000)?;
    }
    server.terminate()?;
    let server = disk.server()?;
    let mut client = server.client()?;
    disk.fail(Fault::ReadError)?;
    let failed = client.call("read", "ToMsgpack", None).err().context("read what cannot be read")?;
    disk.faults.stop()?;
    ensure!(failed.to_string().contains("Input/output error"), "{failed}");
    for number in 0..20 {
        client
            .add_node("written", &format!("later {number}"), b"\x80")
            .context("a write to another graph")?;
    }
    let mut server = server.restart()?;
    let mut client = server.client()?;
    for number in 0..20 {
        ensure!(
            is_there(&mut client, "written", &format!("later {number}"))?,
            "an acknowledged write is gone"
        );
    }
    ensure!(client.call("read", "NodeCount", None)? == 200.into(), "nothing of the other graph is gone");
    ensure!(server.terminate()?.success(), "it stops");
    Ok(())
}

/// Behind an ENOSPC RocksDB writes everything out by itself. Killed in that, it left the write that was refused to some of
/// the families: a node that is not counted, or is not in the ledger.
#[test]
fn a_recovery_from_a_full_disk_that_is_cut_short_halves_nothing() -> Result<()> {
    for round in 0..8 {
        let disk = Disk::new()?;
        let mut server = disk.server()?;
        let mut client = server.client()?;
        client.create_graph("g")?;
        // Another file may be synced meanwhile and meet the fault: then the write is acknowledged, and the next one tried.
        let mut acknowledged = 0;
        loop {
            disk.fail_once(Fault::SyncFull)?;
            if client.add_node("g", &format!("n{acknowledged}"), b"\x80").is_err() {
                break;
            }
            acknowledged += 1;
            ensure!(acknowledged < 100, "acknowledged without a sync");
        }
        disk.fail(Fault::SyncSlow)?;
        pause(Duration::from_millis(round * u64::from(SLOW_MS)));
        server.kill9()?;
        disk.faults.stop()?;
        Egctl::new().verify(&disk.data()?).with_context(|| format!("round {round}"))?;
        let server = disk.server()?;
        let mut client = server.client()?;
        for number in 0..acknowledged {
            ensure!(is_there(&mut client, "g", &format!("n{number}"))?, "an acknowledged write is gone");
        }
        let nodes = acknowledged + u64::from(is_there(&mut client, "g", &format!("n{acknowledged}"))?);
        let counted = client.call("g", "NodeCount", None)?;
        ensure!(counted == nodes.into(), "round {round}: {nodes} nodes, {counted} counted");
    }
    Ok(())
}

/// Each write of the mark is done in part. It only serves to find damage, so it must not look like damage itself.
#[test]
fn a_mark_of_the_log_that_cannot_be_written_stops_nothing() -> Result<()> {
    let disk = Disk::with_faults_below("db/log.tmp")?;
    let mut server = disk.server()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    disk.fail(Fault::WriteError)?;
    for number in 0..20 {
        client.add_node("g", &format!("n{number}"), b"\x80")?;
    }
    ensure!(disk.faults.met()? > 0, "the mark was written");
    server.kill9()?;
    disk.faults.stop()?;
    let server = disk.server()?;
    ensure!(server.client()?.call("g", "NodeCount", None)? == 20.into(), "an acknowledged write is gone");
    Ok(())
}

//! One kind of fault at every call: what was once answered wrongly.

use anyhow::{Context, Result, ensure};
use epistemic_tests::faults::{Fault, Faults, Rate};
use epistemic_tests::{Client, ServerProcess, transfer};

struct Disk {
    folder: tempfile::TempDir,
    faults: Faults,
}

impl Disk {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let faults = Faults::below(&[&fs_err::canonicalize(folder.path())?.join("data")])?;
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
        self.faults.set(&Rate { one_in: 1, faults: vec![fault], slow_ms: 0, most: 0, seed: 0 })
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

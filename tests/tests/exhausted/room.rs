//! A disk that our own data has filled.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::disk::Disk;
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{ServerProcess, WireError};
use rand::Rng;

use super::{LOOK, Told, check, wait_until};

const MIB: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_secs(90);

/// Nothing but the deletion is done: its room comes back by itself, and writes with it.
#[test]
fn a_deletion_frees_the_disk() -> Result<()> {
    let disk = Disk::new(256 * MIB)?;
    let server = ServerProcess::ours().metrics().persist_dir(disk.data());
    let server = server.arg("--reclaim-delay").arg("1").arg("--checkpoint-interval").arg("0").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "first", b"\x80")?;
    client.create_graph("large")?;
    let mut random = generator(seed("a_deletion_frees_the_disk"), 0);
    // The ledger has the bytes as well, and so has the log.
    let refusal = (0..2_000).find_map(|number| {
        let mut bytes = vec![0; 256 << 10];
        random.fill_bytes(&mut bytes);
        client.add_node("large", &format!("n{number}"), &bytes).err()
    });
    ensure!(matches!(&refusal, Some(WireError::Server(text)) if text.contains("disk full")), "{refusal:?}");
    let full = disk.free()?;

    client.call("__commons__", "DeleteGraph", params([("graph_name", "large".into())]))?;
    let resumed = poll(LIMIT, LOOK, || {
        let told = Told::by(&server)?;
        let freed = disk.free()? > full + 64 * MIB;
        Ok::<_, anyhow::Error>((told.takes_writes() && freed).then_some(()))
    })?;
    resumed.with_context(|| {
        format!("{} bytes free, {full} before:\n{}", disk.free().unwrap_or(0), server.output())
    })?;
    client.add_node("g", "later", b"\x80")?;
    check(&server, &["first".into(), "later".into()])
}

/// Somebody else's file takes the last byte, and the server is killed: it starts from the room of its ballast, reads go on,
/// and it says why it takes no writes. A deletion is still possible.
#[test]
fn a_disk_without_a_free_byte_does_not_keep_the_server_from_starting() -> Result<()> {
    let disk = Disk::new(256 * MIB)?;
    let server = ServerProcess::ours().metrics().persist_dir(disk.data());
    let mut server = server.arg("--checkpoint-interval").arg("0").start()?;
    let mut client = server.client()?;
    for graph in ["g", "doomed"] {
        client.create_graph(graph)?;
        client.add_node(graph, "first", &[7; 64 << 10])?;
    }
    disk.fill(0)?;
    ensure!(disk.free()? == 0, "{} bytes are free", disk.free()?);
    server.kill9()?;

    let server = server.builder().start()?;
    disk.fill(0)?;
    wait_until(&server, false)?;
    check(&server, &["first".into()])?;
    let mut client = server.client()?;
    let refused = client.add_node("g", "refused", b"\x80");
    ensure!(matches!(&refused, Err(WireError::Server(text)) if text.contains("disk full")), "{refused:?}");
    disk.empty()?;
    wait_until(&server, true)?;
    client.add_node("g", "later", b"\x80")?;
    check(&server, &["first".into(), "later".into()])
}

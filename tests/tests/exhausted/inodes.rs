//! A file system without free inodes.

use anyhow::{Context, Result, ensure};
use epistemic_tests::disk::Disk;
use epistemic_tests::{ServerProcess, Value};

use super::{check, wait_for_line, wait_until, write_until_refused};

const MIB: u64 = 1 << 20;

fn start(disk: &Disk) -> Result<ServerProcess> {
    let server = ServerProcess::ours().metrics().persist_dir(disk.data());
    let server = server.arg("--min-free-bytes").arg(MIB.to_string()).arg("--checkpoint-interval").arg("0");
    let server = server.start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "first", b"\x80")?;
    Ok(server)
}

#[test]
fn writes_are_refused_before_the_last_inode_is_gone_and_resume() -> Result<()> {
    let disk = Disk::with_inodes(256 * MIB, 2_000)?;
    let server = start(&disk)?;
    disk.fill_inodes(50)?;
    let told = wait_until(&server, false)?;
    ensure!(told.refusal.contains("inodes"), "{told:?}");
    wait_for_line(&server, "no writes are taken")?;
    let (acknowledged, refusal) = write_until_refused(&server, "a", 1_000)?;
    ensure!(acknowledged.is_empty() && refusal.contains("inodes"), "{acknowledged:?} {refusal}");
    check(&server, &["first".into()])?;
    disk.empty_inodes()?;
    wait_until(&server, true)?;
    server.client()?.add_node("g", "later", b"\x80")?;
    wait_for_line(&server, "writes are taken again")
}

/// Somebody else takes the last inodes between our look and RocksDB's new log: RocksDB then refuses every write until it is
/// opened again.
#[test]
fn a_log_that_could_not_be_made_stops_nothing_for_good() -> Result<()> {
    let disk = Disk::with_inodes(256 * MIB, 40)?;
    let mut server = start(&disk)?;
    // Two of 40 are kept in reserve, and each family's flush takes one.
    disk.fill_inodes(2)?;
    let (mut acknowledged, refusal) = write_until_refused(&server, "a", 1 << 20)?;
    ensure!(refusal.contains("disk full"), "{refusal}");
    wait_until(&server, false)?;
    check(&server, &acknowledged)?;
    let pid = server.pid();
    disk.empty_inodes()?;
    wait_until(&server, true)?;
    let mut client = server.client()?;
    client.add_node("g", "later", b"\x80")?;
    acknowledged.extend(["first".into(), "later".into()]);
    ensure!(server.pid() == pid && server.has_exited()?.is_none(), "it is the same process");
    check(&server, &acknowledged)?;
    let status = client.call("__commons__", "ShardStatus", None)?;
    let poisoned = epistemic_tests::wire::field(&status, "poisoned").context("poisoned")?;
    ensure!(*poisoned == Value::Nil, "{poisoned}");
    client.call("__commons__", "Checkpoint", None)?;
    let server = server.restart()?;
    check(&server, &acknowledged).context("after a kill")
}

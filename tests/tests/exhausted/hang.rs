//! A disk that hangs: no error, no end.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::faults::{Fault, Faults, Rate};

use super::{check, wait_until};

/// Longer than the 5 s from which on a write is said to hang, and than the instruments need to agree on it.
const HANG: Duration = Duration::from_secs(15);

#[test]
fn a_write_that_hangs_is_told_and_done_in_the_end() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = fs_err::canonicalize(folder.path())?.join("data");
    let faults = Faults::below(&[&data])?;
    let server = ServerProcess::ours().metrics().persist_dir(&data).envs(faults.environment()).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "first", b"\x80")?;

    // All syncs: a single slow one could be met by the scrub's note of its first pass.
    let slow_ms = u32::try_from(HANG.as_millis())?;
    faults.set(&Rate { one_in: 1, faults: vec![Fault::SyncSlow], slow_ms, most: 0, seed: 0 })?;
    let mut writer = server.client()?;
    thread::scope(|scope| {
        let hung = scope.spawn(|| writer.add_node("g", "hung", b"\x80"));
        let told = wait_until(&server, false)?;
        faults.stop()?;
        ensure!(told.refusal.contains("the disk has not completed a write for"), "{told:?}");
        ensure!(client.node_properties("g", "first")?.is_some(), "reads go on");
        Ok(hung.join().expect("it does not panic")?)
    })?;
    wait_until(&server, true)?;
    check(&server, &["first".into(), "hung".into()])
}

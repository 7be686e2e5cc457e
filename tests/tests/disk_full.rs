//! Fault 19: a full disk. Writes are refused and say why, nothing acknowledged is lost, nothing refused is found, reads
//! go on, and writes resume by themselves when there is space.
//!
//! The disk is a small tmpfs, so these tests need root.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::disk::Disk;
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wait::{pause, poll};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess, Value, WireError, http};
use rand::Rng;

const MIB: u64 = 1 << 20;
/// The merges behind the last writes have room as well.
const DISK_BYTES: u64 = 512 * MIB;
const WRITERS: usize = 4;
/// What still goes wrong for want of room is seen in this time.
const SETTLED: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// The nodes that were acknowledged and those that were refused.
#[derive(Default)]
struct Tally {
    acknowledged: Mutex<BTreeSet<String>>,
    refused: Mutex<BTreeSet<String>>,
    stop: AtomicBool,
    property_bytes: usize,
}

impl Tally {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("no panic").len()
    }

    fn refused(&self) -> usize {
        self.refused.lock().expect("no panic").len()
    }

    fn write(&self, name: &str, mut client: Client) -> Result<()> {
        let mut random = generator(seed("disk_full"), 0);
        let mut properties = vec![0; self.property_bytes];
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let node = format!("{name}.{number}");
            random.fill_bytes(&mut properties); // nothing to compress
            pause(Duration::from_millis(2)); // the ballast fills the disk, not the writers
            match client.add_node("g", &node, &properties) {
                Ok(()) => self.acknowledged.lock().expect("no panic").insert(node),
                Err(WireError::Server(text)) => {
                    ensure!(text.contains("disk full") && text.contains("resume by themselves"), "{text}");
                    self.refused.lock().expect("no panic").insert(node)
                }
                Err(WireError::Io(_)) if self.stop.load(Ordering::SeqCst) => break,
                Err(error) => bail!("{node}: {error}"),
            };
        }
        Ok(())
    }

    /// Runs writers beside `meanwhile`.
    fn while_writing(
        &self,
        server: &ServerProcess,
        run: &str,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        self.stop.store(false, Ordering::SeqCst);
        let clients = (0..WRITERS).map(|_| server.client()).collect::<Result<Vec<_>>>()?;
        thread::scope(|scope| {
            let writers = clients.into_iter().enumerate().map(|(writer, client)| {
                let name = format!("{run}.{writer}");
                scope.spawn(move || self.write(&name, client))
            });
            let writers: Vec<_> = writers.collect();
            let done = meanwhile();
            self.stop.store(true, Ordering::SeqCst);
            for writer in writers {
                writer.join().expect("a writer panicked")?;
            }
            done
        })
    }

    /// Waits until `count` is larger by `by`.
    fn wait(&self, what: &str, count: impl Fn(&Tally) -> usize, by: usize) -> Result<()> {
        let goal = count(self) + by;
        let reached = poll(LIMIT, LOOK, || Ok::<_, WireError>((count(self) >= goal).then_some(())))?;
        reached.with_context(|| format!("no {by} more {what} in {LIMIT:?}"))
    }

    /// Every acknowledged node is there and no refused one.
    fn check(&self, server: &ServerProcess) -> Result<()> {
        let answer = server.client()?.call("g", "NodeIds", None)?;
        let ids = answer.as_array().context("NodeIds is no array")?.iter();
        let found: BTreeSet<String> = ids.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        let acknowledged = self.acknowledged.lock().expect("no panic");
        let lost = acknowledged.difference(&found).count();
        ensure!(lost == 0, "{lost} of {} acknowledged nodes lost", acknowledged.len());
        let refused = self.refused.lock().expect("no panic");
        let stored: Vec<_> = refused.intersection(&found).take(3).collect();
        ensure!(stored.is_empty(), "refused, but stored: {stored:?}");
        Ok(())
    }
}

fn read_one(server: &ServerProcess) -> Result<()> {
    let mut client = server.client()?;
    ensure!(client.node_properties("g", "first")?.is_some(), "reads go on");
    ensure!(client.call("g", "NodeCount", None)?.as_u64() > Some(0));
    client.call("g", "OutDegree", params([("node_id", "first".into())]))?;
    Ok(())
}

fn told(server: &ServerProcess) -> Result<String> {
    let ready = http::get(server.metrics_addr(), "/readyz")?;
    let metrics = http::get(server.metrics_addr(), "/metrics")?.body;
    let writable = http::series(&metrics, "epistemic_graph_store_writable");
    let health = server.client()?.call("__commons__", "Health", None)?;
    let status = epistemic_tests::wire::field(&health, "status").and_then(Value::as_str).map(str::to_owned);
    Ok(format!("readyz {} {:?}, store_writable {writable:?}, Health {status:?}", ready.status, ready.body))
}

/// Runs the whole story on a disk of which the server keeps `reserve` bytes and the ballast leaves `left`.
fn full_disk(reserve: u64, left: u64, property_bytes: usize) -> Result<()> {
    let disk = Disk::new(DISK_BYTES)?;
    let builder = ServerProcess::ours().metrics().persist_dir(disk.data());
    let builder = builder.arg("--min-free-bytes").arg(reserve.to_string());
    let mut server = builder.start()?;
    let tally = Tally { property_bytes, ..Tally::default() };
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "first", b"\x80")?;
    tally.acknowledged.lock().expect("no panic").insert("first".into());

    // Filled under the writers, and emptied under them: no restart in between.
    tally.while_writing(&server, "a", || {
        tally.wait("acknowledgements", Tally::acknowledged, 200)?;
        disk.fill(left)?;
        tally.wait("refusals", Tally::refused, 50)?;
        eprintln!("full: {}", told(&server)?);
        read_one(&server)?;
        let begun = Instant::now();
        match server.client()?.call("__commons__", "Checkpoint", None) {
            Ok(taken) => eprintln!("Checkpoint while it is full: {taken}"),
            Err(WireError::Server(text)) => eprintln!("Checkpoint while it is full: {text}"),
            Err(error) => bail!("no answer to Checkpoint in {:?}: {error}", begun.elapsed()),
        }
        ensure!(begun.elapsed() < LIMIT / 2, "Checkpoint took {:?}", begun.elapsed());
        disk.empty()?;
        let freed = Instant::now();
        tally.wait("acknowledgements after space was freed", Tally::acknowledged, 1)?;
        eprintln!("writes resumed {:?} after space was freed: {}", freed.elapsed(), told(&server)?);
        tally.wait("acknowledgements", Tally::acknowledged, 200)
    })?;
    tally.check(&server)?;
    server = server.restart()?;
    tally.check(&server).context("after a kill")?;

    // Filled under the writers, and killed while it is full.
    tally.while_writing(&server, "b", || {
        tally.wait("acknowledgements", Tally::acknowledged, 200)?;
        disk.fill(left)?;
        tally.wait("refusals", Tally::refused, 50)?;
        Ok(())
    })?;
    server.kill9()?;
    server = restart_on_full_disk(&server, &disk)?;
    tally.check(&server).context("after a kill while it was full")?;
    if disk.filling().exists() {
        disk.fill(left)?; // the restart has cleaned up
        let refused = server.client()?.add_node("g", "refused", b"\x80");
        ensure!(refused.is_err(), "a write was taken although the disk is full");
        disk.empty()?;
    }
    tally.while_writing(&server, "c", || tally.wait("acknowledgements", Tally::acknowledged, 200))?;
    // A flush that began while the disk was full may fail only now; it is tried again within seconds.
    let mut since = Instant::now();
    let settled = poll(LIMIT, LOOK, || {
        if http::get(server.metrics_addr(), "/readyz")?.status != 200 {
            since = Instant::now();
        }
        Ok::<_, anyhow::Error>((since.elapsed() >= SETTLED).then_some(()))
    })?;
    settled.with_context(|| format!("writes do not go on although there is room\n{}", server.output()))?;
    server.client()?.call("__commons__", "Checkpoint", None)?;
    let server = server.restart()?;
    tally.check(&server).context("at the end")?;
    eprintln!("{} acknowledged, {} refused", tally.acknowledged(), tally.refused());
    Ok(())
}

/// Starts again on the full disk. When even that needs space it must say so, and start once there is some.
fn restart_on_full_disk(server: &ServerProcess, disk: &Disk) -> Result<ServerProcess> {
    let begun = server.output().len();
    match server.builder().start() {
        Ok(server) => Ok(server),
        Err(_) => {
            let output = server.output().split_off(begun);
            ensure!(output.contains("No space left on device") || output.contains("disk full"), "{output}");
            eprintln!("does not start on a full disk:\n{output}");
            disk.empty()?;
            server.builder().start()
        }
    }
}

#[test]
fn fault_19_the_reserve_is_kept_and_writes_resume() -> Result<()> {
    full_disk(64 * MIB, 32 * MIB, 1_000)
}

#[test]
fn fault_19_without_a_reserve_nothing_acknowledged_is_lost() -> Result<()> {
    full_disk(0, 0, 1_000)
}

/// The writes fit, what the store makes of them does not: its flush fails, not the check before a commit.
#[test]
fn fault_19_a_flush_that_fails_loses_nothing() -> Result<()> {
    full_disk(0, MIB, 16 << 10)
}

/// Negative control: 0.31.0 goes on acknowledging.
#[test]
fn fault_19_is_found_in_reference_0_31() -> Result<()> {
    let disk = Disk::new(DISK_BYTES)?;
    let server = ServerProcess::reference("0.31.0").persist_dir(disk.data()).start()?;
    server.client()?.create_graph("g")?;
    disk.fill(0)?;
    let tally = Tally::default();
    tally.while_writing(&server, "a", || tally.wait("acknowledgements", Tally::acknowledged, 2_000))?;
    let server = server.restart()?;
    let error = tally.check(&server).err().context("nothing is lost")?;
    eprintln!("as it should: {error:#}");
    Ok(())
}

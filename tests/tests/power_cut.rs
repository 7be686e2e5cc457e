//! What was acknowledged is on disk: it survives a power cut that drops everything not synced.

use std::convert::identity;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{Kind, Mix, Verdict, Writers};
use epistemic_tests::powercut::{Loss, Recording};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::{ServerBuilder, ServerProcess};
use rand::RngExt;
use rand::seq::IndexedRandom;

const WRITERS: usize = 4;
const ANSWERS: usize = 300;

/// A load that was recorded from the first start of the server to its end.
struct RecordedLoad {
    recording: Recording,
    writers: Writers,
    /// Instant at which the load began.
    begin: u64,
    _data: tempfile::TempDir,
}

fn record_load(server: ServerBuilder, mix: Mix, seed: u64) -> Result<RecordedLoad> {
    let data = tempfile::tempdir()?;
    let recording = Recording::of_directory(data.path())?;
    let mut writers = Writers::new(WRITERS, mix, seed).with_history(recording.log());
    let mut server = recording.attach(server).start()?;
    writers.prepare(&server)?;
    let begin = recording.position()?;
    writers.write_and_stop(&server, ANSWERS)?;
    server.kill9()?;
    recording.check_complete()?;
    Ok(RecordedLoad { recording, writers, begin, _data: data })
}

impl RecordedLoad {
    /// Cuts the power at `at`, starts the server on what is left and checks it.
    fn cut(&self, server: ServerBuilder, at: u64, loss: Loss) -> Result<(Writers, ServerProcess, Verdict)> {
        let server = server.start_after(|dir| self.recording.cut(at, loss, dir))?;
        let mut writers = self.writers.as_of(at);
        let verdict = writers.check(&server)?;
        Ok((writers, server, verdict))
    }
}

/// Starting on a directory that is made just before.
trait StartAfter {
    fn start_after(self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<ServerProcess>;
}

impl StartAfter for ServerBuilder {
    fn start_after(self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<ServerProcess> {
        let dir = self.data_dir().context("a server without a directory")?;
        fs_err::create_dir_all(&dir)?;
        fill(&dir)?;
        self.start()
    }
}

#[test]
fn acknowledged_writes_survive_power_cuts() -> Result<()> {
    let cuts = number_from_env("EG_POWER_CUTS", 12);
    let seed = seed("acknowledged_writes_survive_power_cuts");
    let load = record_load(ServerProcess::ours(), Mix::ALL, seed)?;
    let instants = load.recording.instants()?;
    let acknowledged = load.writers.acknowledged_at();
    let mut random = generator(seed, 1);
    for cut in 0..2 * cuts {
        // Half of the cuts are as tight as can be: just after an answer arrived.
        let at = *if random.random_bool(0.5) { &acknowledged } else { &instants }.choose(&mut random).expect("not empty");
        let loss = if cut % 2 == 0 { Loss::Strict } else { Loss::Random(random.random()) };
        let (mut writers, server, verdict) = load.cut(ServerProcess::ours(), at, loss)?;
        verdict.into_result().with_context(|| format!("cut at {at}, {loss:?}\n{}", server.output()))?;
        if at >= load.begin {
            // Life goes on after a cut, and the next start finds what it wrote.
            writers.write_and_stop(&server, 20)?;
            let server = server.restart()?;
            writers.check(&server)?.into_result().with_context(|| format!("written after the cut at {at}, {loss:?}"))?;
        }
    }
    Ok(())
}

/// Each answer of ours comes after an fsync that began after its request.
#[test]
fn every_acknowledgement_follows_an_fsync() -> Result<()> {
    let load = record_load(ServerProcess::ours(), Mix::ALL, seed("every_acknowledgement_follows_an_fsync"))?;
    let syncs = load.recording.syncs()?;
    let spans = load.writers.request_spans();
    let uncovered = spans.iter().filter(|(sent, acked)| !syncs.iter().any(|s| s.begin >= *sent && s.end <= *acked));
    ensure!(uncovered.count() == 0, "{} acknowledged without an fsync in between", spans.len());
    Ok(())
}

/// Faults 10 and its negative control: sequential writes need one fsync each; 0.31.0 has next to none.
#[test]
fn sequential_writes_are_synced_one_by_one() -> Result<()> {
    let ours = syncs_of_sequential_writes(ServerProcess::ours(), 300)?;
    ensure!(ours >= 300, "ours: {ours} fsyncs for 300 acknowledged writes");
    Ok(())
}

#[test]
fn reference_0_31_acknowledges_without_fsync() -> Result<()> {
    let reference = syncs_of_sequential_writes(ServerProcess::reference("0.31.0"), 300)?;
    eprintln!("0.31.0: {reference} fsyncs for 300 acknowledged writes");
    ensure!(reference <= 3, "0.31.0: {reference} fsyncs for 300 acknowledged writes");
    Ok(())
}

/// Negative control: the same harness finds that 0.31.0 loses acknowledged writes.
#[test]
fn harness_finds_writes_lost_by_reference_0_31() -> Result<()> {
    let load = record_load(ServerProcess::reference("0.31.0"), Mix::SINGLE, seed("power cut 0.31.0"))?;
    let last = load.writers.acknowledged_at().into_iter().max().context("nothing acknowledged")?;
    let (_, _, verdict) = load.cut(ServerProcess::reference("0.31.0"), last, Loss::Strict)?;
    let lost = verdict.count(Kind::NodeLost);
    eprintln!("0.31.0: {lost} nodes lost");
    ensure!(lost > 0, "nothing lost: {:?}", verdict.differences.first());
    Ok(())
}

/// Positive control: 2.0.0 commits single writes to a crash-safe store, and after a cut has them all.
#[test]
fn harness_finds_nothing_lost_where_reference_2_0_is_sound() -> Result<()> {
    let load = record_load(ServerProcess::reference("2.0.0"), Mix::SINGLE, seed("power cut 2.0.0"))?;
    let acknowledged = load.writers.acknowledged_at();
    for at in [acknowledged.len() / 2, acknowledged.len() - 1].map(|i| acknowledged[i]) {
        let (_, _, verdict) = load.cut(ServerProcess::reference("2.0.0"), at, Loss::Strict)?;
        let lost = verdict.count(Kind::NodeLost);
        ensure!(lost == 0, "{lost} lost: {:?}", verdict.into_result());
    }
    Ok(())
}

/// The number of writes, out of `writes`, that had an fsync between request and answer.
fn syncs_of_sequential_writes(server: ServerBuilder, writes: usize) -> Result<usize> {
    let data = tempfile::tempdir()?;
    let recording = Recording::of_directory(data.path())?;
    let mut server = recording.attach(server).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let mut spans = Vec::new();
    for i in 0..writes {
        let sent = recording.position()?;
        client.add_node("g", &format!("n{i}"), &[0x80])?;
        spans.push((sent, recording.position()?));
    }
    server.kill9()?;
    recording.check_complete()?;
    let syncs = recording.syncs()?;
    let synced = |(sent, acked): &(u64, u64)| syncs.iter().any(|s| s.begin >= *sent && s.end <= *acked);
    Ok(spans.iter().map(synced).filter(|synced| identity(*synced)).count())
}

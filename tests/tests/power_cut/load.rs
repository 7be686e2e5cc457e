//! A load on a recorded server, and what a power cut leaves of it.

use anyhow::{Context, Result};
use epistemic_tests::crash::{Mix, SYSTEM_AGENT, Verdict, Writers};
use epistemic_tests::powercut::{Loss, Recording};
use epistemic_tests::{ServerBuilder, ServerProcess, scratch};

const WRITERS: usize = 4;
const ANSWERS: usize = 300;

/// A load that was recorded from the first start of the server to its end.
pub(crate) struct RecordedLoad {
    pub(crate) recording: Recording,
    pub(crate) writers: Writers,
    /// Instant at which the load began.
    pub(crate) begin: u64,
    _data: tempfile::TempDir,
}

/// Records a server from its very first start.
pub(crate) fn record_load(server: ServerBuilder, mix: Mix, seed: u64) -> Result<RecordedLoad> {
    let (data, recording, server, writers) = start(server, mix, seed)?;
    run_load(data, recording, server, writers)
}

/// As [`record_load`], with a checkpoint in the middle: tables are written while the log goes on.
pub(crate) fn record_load_with_checkpoint(
    server: ServerBuilder,
    mix: Mix,
    seed: u64,
) -> Result<RecordedLoad> {
    let (data, recording, server, writers) = start(server, mix, seed)?;
    let mut writers = writers.with_history(recording.log());
    writers.write_and_stop(&server, ANSWERS)?;
    server.client()?.acting_as(SYSTEM_AGENT).call("__commons__", "Checkpoint", None)?;
    run_load(data, recording, server, writers)
}

fn start(
    server: ServerBuilder,
    mix: Mix,
    seed: u64,
) -> Result<(tempfile::TempDir, Recording, ServerProcess, Writers)> {
    let data = tempfile::tempdir()?;
    let writers = Writers::new(WRITERS, mix, seed);
    let recording = Recording::of_directory(data.path())?;
    let server = recording.attach(server).start()?;
    writers.prepare(&server)?;
    Ok((data, recording, server, writers))
}

/// Records a server from its second start, so that its files exist and count as durable.
pub(crate) fn record_load_on_existing_files(
    server: ServerBuilder,
    mix: Mix,
    seed: u64,
) -> Result<RecordedLoad> {
    let data = tempfile::tempdir()?;
    let writers = Writers::new(WRITERS, mix, seed);
    let mut first = server.clone().persist_dir(data.path()).start()?;
    writers.prepare(&first)?;
    first.terminate()?;
    let recording = Recording::of_directory(data.path())?;
    let server = recording.attach(server).start()?;
    run_load(data, recording, server, writers)
}

fn run_load(
    data: tempfile::TempDir,
    recording: Recording,
    mut server: ServerProcess,
    writers: Writers,
) -> Result<RecordedLoad> {
    let mut writers = writers.with_history(recording.log());
    let begin = recording.position()?;
    writers.write_and_stop(&server, ANSWERS)?;
    recording.kill9(&mut server)?;
    recording.check_complete()?;
    Ok(RecordedLoad { recording, writers, begin, _data: data })
}

/// A server on what a power cut left, and what was found there.
pub(crate) struct AfterCut {
    pub(crate) server: ServerProcess,
    pub(crate) writers: Writers,
    pub(crate) verdict: Verdict,
    /// The directory that it runs on.
    pub(crate) data: tempfile::TempDir,
}

impl RecordedLoad {
    pub(crate) fn cut(&self, server: ServerBuilder, at: u64, loss: Loss) -> Result<AfterCut> {
        let data = scratch::folder()?;
        self.recording.cut(at, loss, data.path())?;
        let server = server
            .persist_dir(data.path())
            .start()
            .with_context(|| format!("cut at {at}, {loss:?}, {}", scratch::told(data.path())))?;
        let mut writers = self.writers.as_of(at);
        let verdict = writers.check(&server)?;
        Ok(AfterCut { server, writers, verdict, data })
    }

    /// The instants at which answers arrived, in order.
    pub(crate) fn answers(&self) -> Vec<u64> {
        self.writers.request_spans().into_iter().map(|(_, answered)| answered).collect()
    }
}

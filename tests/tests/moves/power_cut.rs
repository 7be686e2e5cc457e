//! Steps of a move are on disk when they are answered, whatever `--durability` says.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use epistemic_tests::powercut::{Loss, Recording};
use epistemic_tests::{ServerBuilder, ServerProcess, Value, transfer};
use tempfile::TempDir;

use crate::mover::Mover;
use crate::{Pair, Place};

const GRAPH: &str = "g";
const NODES: u64 = 500;

/// Both shards at one instant, and the journal of the mover.
struct Instant {
    step: &'static str,
    source: u64,
    destination: u64,
    journal: PathBuf,
}

/// A server without syncs of its own, recorded from its first start.
struct Recorded {
    plain: ServerBuilder,
    server: Option<ServerProcess>,
    recording: Recording,
    _data: TempDir,
}

impl Recorded {
    fn start() -> Result<Self> {
        let data = tempfile::tempdir()?;
        let recording = Recording::of_directory(data.path())?;
        let plain = ServerProcess::ours().arg("--durability").arg("none");
        let server = recording.attach(plain.clone()).start()?;
        Ok(Self { plain, server: Some(server), recording, _data: data })
    }

    fn server(&self) -> Result<&ServerProcess> {
        self.server.as_ref().context("it was killed")
    }

    fn kill(&mut self) -> Result<()> {
        let mut server = self.server.take().context("it was killed")?;
        self.recording.kill9(&mut server)?;
        self.recording.check_complete()
    }

    /// A server on what a power cut at that instant leaves, at the same endpoint.
    fn cut(&self, at: u64, dir: PathBuf) -> Result<ServerProcess> {
        fs_err::create_dir(&dir)?;
        self.recording.cut(at, Loss::Strict, &dir)?;
        self.plain.clone().persist_dir(dir).start()
    }
}

#[test]
fn a_move_survives_power_cuts_without_durability() -> Result<()> {
    let (mut source, mut destination) = (Recorded::start()?, Recorded::start()?);
    let mut client = source.server()?.client()?;
    client.create_graph(GRAPH)?;
    transfer::fill(&mut client, GRAPH, NODES, 100)?;
    let work = tempfile::tempdir()?;
    let journal = work.path().join("journal");
    let places = [Place::of(&source.plain), Place::of(&destination.plain)];
    let mover = Mover::new(&work, GRAPH, &places, "journal");
    let mut instants = Vec::new();
    // The line of a step is written when the one before it was answered.
    for step in ["admit", "receipt", "done"] {
        drop(mover.held_at(step)?.with_context(|| format!("no {step}"))?);
        let copy = work.path().join(step);
        fs_err::copy(&journal, &copy)?;
        instants.push(Instant {
            step,
            source: source.recording.position()?,
            destination: destination.recording.position()?,
            journal: copy,
        });
    }
    source.kill()?;
    destination.kill()?;
    for Instant { step, source: here, destination: there, journal: copy } in instants {
        fs_err::copy(copy, &journal)?;
        let pair = Pair {
            source: source.cut(here, work.path().join(format!("{step}, source")))?,
            destination: destination.cut(there, work.path().join(format!("{step}, destination")))?,
            work: tempfile::tempdir()?,
        };
        let refused = pair.source.client()?.call(GRAPH, "NodeCount", None).err().context("it serves it")?;
        ensure!(refused.to_string().contains("MOVED: "), "cut at {step}: {refused}");
        mover.finish().with_context(|| format!("cut at {step}"))?;
        pair.served_by_destination(GRAPH).with_context(|| format!("cut at {step}"))?;
        for method in ["NodeCount", "EdgeCount"] {
            let count = pair.destination.client()?.call(GRAPH, method, None)?;
            ensure!(count == Value::from(NODES), "cut at {step}: {method} {count}");
        }
    }
    Ok(())
}

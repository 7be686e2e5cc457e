//! Starts that are cut short, again and again and at any instant: the next one opens with everything that was acknowledged.
//!
//! A start is recorded on what a power cut or a stop left, cut at an instant of that recording, recorded again on what
//! that leaves, cut again, and so on. `EG_RESTART_CUTS` sets the number of cuts, `EG_START_KILLS` that of kills.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{self, Mix, Writers};
use epistemic_tests::powercut::{Loss, Recording};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::{ServerProcess, scratch};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::load::{RecordedLoad, record_load};

/// Cuts in a restart, and cuts in each restart that follows such a cut.
const CUTS: usize = 2;
/// Bytes of a write that did not reach the disk completely.
const TORN: usize = 700;

/// What the first restart finds.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// Every byte of the log is part of a whole commit.
    Whole,
    /// The log ends inside a commit, which was not acknowledged.
    Torn,
    /// The server was stopped.
    Stopped,
    /// What a power cut that keeps some of the unsynced changes leaves.
    Random,
}

/// A directory, and what it must hold.
struct Case<'a> {
    data: tempfile::TempDir,
    load: &'a RecordedLoad,
    at: u64,
}

impl<'a> Case<'a> {
    fn new(load: &'a RecordedLoad, left: Left, random: &mut StdRng) -> Result<Self> {
        let instants = load.recording.instants()?;
        let later: Vec<u64> = instants.into_iter().filter(|at| *at >= load.begin).collect();
        let at = *later.choose(random).context("no load")?;
        let data = scratch::folder()?;
        let loss = if matches!(left, Left::Random) { Loss::Random(random.random()) } else { Loss::Strict };
        load.recording.cut(at, loss, data.path())?;
        let case = Self { data, load, at };
        match left {
            Left::Whole | Left::Random => {}
            Left::Torn => tear(case.data.path())?,
            Left::Stopped => {
                let mut server = ServerProcess::ours().persist_dir(case.data.path()).start()?;
                server.terminate()?;
            }
        }
        Ok(case)
    }

    fn writers(&self) -> Writers {
        self.load.writers.as_of(self.at)
    }

    /// Records a start and checks what the server then holds.
    fn restart(&self, told: &str) -> Result<Recording> {
        let told = format!("{told}, {}", scratch::told(self.data.path()));
        let recording = Recording::of_directory(self.data.path())?;
        let mut server = recording.attach(ServerProcess::ours()).start().with_context(|| told.clone())?;
        let verdict = self.writers().check(&server)?;
        verdict.into_result().with_context(|| format!("{told}\n{}", server.output()))?;
        recording.kill9(&mut server)?;
        recording.check_complete()?;
        Ok(recording)
    }

    /// What a cut in a recorded restart leaves.
    fn cut(&self, restart: &Recording, at: u64, loss: Loss) -> Result<Self> {
        let data = scratch::folder()?;
        restart.cut(at, loss, data.path())?;
        Ok(Self { data, load: self.load, at: self.at })
    }
}

/// Leaves the beginning of a record behind the newest log that has any.
fn tear(data: &Path) -> Result<()> {
    let mut logs = Vec::new();
    for entry in fs_err::read_dir(data.join("db"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") && fs_err::metadata(&path)?.len() > 0
        {
            logs.push(path);
        }
    }
    logs.sort();
    let log = logs.last().context("no log")?;
    let mut bytes = fs_err::read(log)?;
    // Checksum, length 5000, type 1: a whole record; and less than that.
    let header = [0x12, 0x34, 0x56, 0x78, 0x88, 0x13, 1];
    bytes.extend_from_slice(&header);
    bytes.resize(bytes.len() + TORN, 0xab);
    Ok(fs_err::write(log, bytes)?)
}

fn loss(random: &mut StdRng) -> Loss {
    if random.random_bool(0.5) { Loss::Strict } else { Loss::Random(random.random()) }
}

#[test]
fn restarts_survive_power_cuts_in_restarts() -> Result<()> {
    let wanted = number_from_env("EG_RESTART_CUTS", 24);
    let seed = seed("restarts_survive_power_cuts_in_restarts");
    let (begun, mut cuts, mut nested) = (Instant::now(), 0, 0);
    for round in 0.. {
        let load = record_load(crash::server(), Mix::ALL, seed ^ round)?;
        let mut random = generator(seed, round);
        for left in [Left::Torn, Left::Whole, Left::Stopped, Left::Random] {
            let case = Case::new(&load, left, &mut random)?;
            let first = case.restart(&format!("round {round}, {left:?}, cut of the load at {}", case.at))?;
            let instants = first.instants()?;
            for _ in 0..CUTS {
                let (at, lost) = (*instants.choose(&mut random).context("nothing done")?, loss(&mut random));
                let told = format!("round {round}, {left:?}, restart cut at {at}, {lost:?}");
                let case = case.cut(&first, at, lost)?;
                let second = case.restart(&told)?;
                cuts += 1;
                let instants = second.instants()?;
                for _ in 0..CUTS {
                    let (at, lost) =
                        (*instants.choose(&mut random).context("nothing done")?, loss(&mut random));
                    let case = case.cut(&second, at, lost)?;
                    case.restart(&format!("{told}, and its restart cut at {at}, {lost:?}"))?;
                    (cuts, nested) = (cuts + 1, nested + 1);
                }
            }
            if cuts >= wanted {
                eprintln!("{cuts} cuts: 0 refused, 0 lost, {:?}", begun.elapsed());
                eprintln!("figures: cuts_in_starts={cuts} nested={nested}");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Starts are killed at random instants, on one directory, until one is left to finish.
#[test]
fn starts_survive_kills_of_starts() -> Result<()> {
    let wanted = number_from_env("EG_START_KILLS", 24);
    let seed = seed("starts_survive_kills_of_starts");
    let load = record_load(crash::server(), Mix::ALL, seed)?;
    let mut random = generator(seed, 1);
    let mut kills = 0;
    while kills < wanted {
        for left in [Left::Torn, Left::Whole, Left::Random] {
            let case = Case::new(&load, left, &mut random)?;
            let server = || ServerProcess::ours().persist_dir(case.data.path());
            let begun = Instant::now();
            // Of a copy, so that its first start is still to come.
            let measured = tempfile::tempdir()?;
            load.recording.cut(case.at, Loss::Strict, measured.path())?;
            drop(ServerProcess::ours().persist_dir(measured.path()).start()?);
            let whole_start = begun.elapsed();
            for _ in 0..random.random_range(1..=4) {
                let mut killed = server().spawn()?;
                pause(random.random_range(Duration::ZERO..=whole_start));
                killed.kill9()?;
                kills += 1;
            }
            let told = || {
                format!(
                    "{left:?}, after {kills} kills, cut of the load at {}, {}",
                    case.at,
                    scratch::told(case.data.path())
                )
            };
            let server = server().start().with_context(told)?;
            let verdict = case.writers().check(&server)?;
            verdict.into_result().with_context(|| format!("{}\n{}", told(), server.output()))?;
        }
    }
    eprintln!("figures: killed_starts={kills}");
    Ok(())
}

/// Negative control: on a disk that forgets what it was told to sync, the same checks find what is lost.
#[test]
fn the_checks_find_what_a_lying_disk_loses() -> Result<()> {
    let load = record_load(crash::server(), Mix::ALL, seed("the_checks_find_what_a_lying_disk_loses"))?;
    let at = *load.answers().last().context("nothing acknowledged")?;
    let case = Case { data: tempfile::tempdir()?, load: &load, at };
    load.recording.cut(load.begin, Loss::Strict, case.data.path())?;
    let error = case.restart("on a lying disk").err().context("nothing was found to be lost")?;
    ensure!(format!("{error:#}").contains("Lost"), "{error:#}");
    Ok(())
}

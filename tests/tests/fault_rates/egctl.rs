//! `egctl` whose system calls fail: what it says it did, it did, by the digests; what it reads stays as it is; it ends with an
//! exit code and words.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::faults::{Fault, Faults};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{Egctl, ServerProcess, scratch, transfer};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::rate;

const GRAPHS: [&str; 3] = ["one", "two/é", "three"];
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(90);

/// Digests by graph.
type Digests = BTreeMap<String, String>;

/// What runs are tried on, made without faults.
struct Sound {
    work: tempfile::TempDir,
    digests: Digests,
}

impl Sound {
    /// A stopped directory with a checkpoint, a snapshot file of its first graph, and a backup.
    fn new() -> Result<Self> {
        let work = tempfile::tempdir()?;
        let source = work.path().join("source");
        let mut server = ServerProcess::ours().persist_dir(&source).start()?;
        let mut client = server.client()?;
        for (graph, nodes) in GRAPHS.into_iter().zip([40, 200, 1]) {
            client.create_graph(graph)?;
            transfer::fill(&mut client, graph, nodes, 300)?;
        }
        client.call("", "Checkpoint", None)?;
        let gone = params([("node_id", "n0".into())]);
        client.call(GRAPHS[0], "RemoveNode", gone)?;
        client.call("", "Checkpoint", None)?;
        server.terminate()?;
        let sound = Self { digests: digests(&source)?, work };
        run_well(&["snapshot", "export", GRAPHS[0], "--dir", text(&source), "-o", text(&sound.snapshot())])?;
        run_well(&["backup", "create", "--to", text(&sound.backup()), "--dir", text(&source)])?;
        Ok(sound)
    }

    fn snapshot(&self) -> std::path::PathBuf {
        self.work.path().join("sound.snap")
    }

    fn backup(&self) -> std::path::PathBuf {
        self.work.path().join("backup")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn command(args: &[&str]) -> Result<Command> {
    let mut command = Egctl::new().command(args)?;
    command.stdin(Stdio::null());
    Ok(command)
}

/// Without faults; it must succeed.
fn run_well(args: &[&str]) -> Result<Vec<u8>> {
    let output = command(args)?.output()?;
    ensure!(
        output.status.success(),
        "{args:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

/// The digest of every graph of a directory but the one that every store has.
fn digests(dir: &Path) -> Result<Digests> {
    let printed = run_well(&["digest", "--dir", text(dir), "--json"])?;
    let printed: Value = serde_json::from_slice(&printed)?;
    let rows = printed["graphs"].as_array().context("graphs")?.iter();
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let all = rows.map(|row| text(row, "graph").zip(text(row, "digest")).context("a row"));
    let mut all: Digests = all.collect::<Result<_>>()?;
    all.remove("__commons__");
    Ok(all)
}

/// With faults. It must end in time, by itself, with an exit code, and say why when that is not 0.
fn run_badly(faults: &Faults, args: &[&str]) -> Result<Output> {
    let errors = tempfile::NamedTempFile::new()?;
    let results = tempfile::NamedTempFile::new()?;
    let mut child = command(args)?
        .envs(faults.environment())
        .stdout(results.reopen()?)
        .stderr(errors.reopen()?)
        .spawn()?;
    let ended = poll(LIMIT, Duration::from_millis(5), || child.try_wait())?;
    if ended.is_none() {
        child.kill()?;
    }
    let status = child.wait()?;
    let output =
        Output { status, stdout: fs_err::read(results.path())?, stderr: fs_err::read(errors.path())? };
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(ended.is_some(), "it hung: {told}");
    ensure!(status.code().is_some_and(|code| code != 101), "{status}: {told}");
    ensure!(!told.contains("panicked"), "{told}");
    ensure!(status.success() || !told.trim().is_empty(), "{status} without a word");
    Ok(output)
}

/// What is tried: the name, and a run whose claim is checked. Returns whether it claimed to have succeeded.
type Try = fn(&Sound, &Faults, &Path) -> Result<bool>;

const TRIES: [(&str, Try); 8] = [
    ("snapshot export", |sound, faults, work| {
        let (source, file) = (work.join("source"), work.join("out.snap"));
        let done =
            run_badly(faults, &["snapshot", "export", GRAPHS[1], "--dir", text(&source), "-o", text(&file)])?;
        faults.stop()?;
        if done.status.success() {
            let digest = run_well(&["digest", "--file", text(&file), "--json"])?;
            let digest: Value = serde_json::from_slice(&digest)?;
            ensure!(digest["graphs"][0]["digest"] == sound.digests[GRAPHS[1]].as_str(), "{digest}");
        } else if file.exists() {
            run_well(&["snapshot", "verify", text(&file)])
                .context("a failed export left a file that is not whole")?;
        }
        Ok(done.status.success())
    }),
    ("snapshot import", |sound, faults, work| {
        let target = work.join("target");
        fs_err::create_dir(&target)?;
        let args = ["snapshot", "import", text(&sound.snapshot()), "--dir", text(&target)].map(str::to_owned);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let done = run_badly(faults, &args)?;
        faults.stop()?;
        if !done.status.success() {
            // Another attempt finds nothing, or all of it.
            let again = command(&args)?.output()?;
            let told = String::from_utf8_lossy(&again.stderr);
            ensure!(again.status.success() || told.contains("exists"), "the second attempt: {told}");
        }
        let expected =
            sound.digests.get_key_value(GRAPHS[0]).map(|(graph, digest)| (graph.clone(), digest.clone()));
        ensure!(digests(&target)? == expected.into_iter().collect(), "another graph was imported");
        Ok(done.status.success())
    }),
    ("backup create", |sound, faults, work| {
        let (source, backup) = (work.join("source"), work.join("target"));
        let args = ["backup", "create", "--to", text(&backup), "--dir", text(&source)].map(str::to_owned);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let done = run_badly(faults, &args)?;
        faults.stop()?;
        if !done.status.success() {
            run_well(&args).context("the next run")?;
        }
        run_well(&["backup", "verify", "--from", text(&backup)])?;
        restored(sound, &backup, &work.join("restored"))?;
        Ok(done.status.success())
    }),
    ("backup restore", |sound, faults, work| {
        let target = work.join("target");
        fs_err::create_dir(&target)?;
        let done = run_badly(
            faults,
            &["backup", "restore", "--from", text(&sound.backup()), "--to-dir", text(&target)],
        )?;
        faults.stop()?;
        if done.status.success() {
            ensure!(digests(&target)? == sound.digests, "restored something else");
        }
        Ok(done.status.success())
    }),
    ("backup verify", |_, faults, work| {
        let backup = work.join("target");
        run_well(&["backup", "create", "--to", text(&backup), "--dir", text(&work.join("source"))])?;
        let done = run_badly(faults, &["backup", "verify", "--from", text(&backup)])?;
        faults.stop()?;
        run_well(&["backup", "verify", "--from", text(&backup)]).context("a trial changed the backup")?;
        Ok(done.status.success())
    }),
    ("checkpoint restore", |sound, faults, work| {
        let (checkpoints, target) = (work.join("source/checkpoints"), work.join("target"));
        let newest = fs_err::read_dir(&checkpoints)?.filter_map(|entry| Some(entry.ok()?.path())).max();
        let newest = newest.context("no checkpoint")?;
        let done = run_badly(faults, &["checkpoint", "restore", text(&newest), text(&target)])?;
        faults.stop()?;
        let opened = command(&["digest", "--dir", text(&target), "--json"])?.output()?;
        ensure!(opened.status.success() || !done.status.success(), "restored, and it does not open");
        if opened.status.success() {
            ensure!(digests(&target)? == sound.digests, "it opens with something else");
        }
        Ok(done.status.success())
    }),
    ("digest", |sound, faults, work| {
        let done = run_badly(faults, &["digest", GRAPHS[0], "--dir", text(&work.join("source")), "--json"])?;
        faults.stop()?;
        if done.status.success() {
            let printed: Value = serde_json::from_slice(&done.stdout)?;
            ensure!(printed["graphs"][0]["digest"] == sound.digests[GRAPHS[0]].as_str(), "{printed}");
        }
        Ok(done.status.success())
    }),
    ("verify", |_, faults, work| {
        let done = run_badly(faults, &["verify", "--dir", text(&work.join("source"))])?;
        faults.stop()?;
        run_well(&["verify", "--dir", text(&work.join("source"))])?;
        Ok(done.status.success())
    }),
];

/// Restores the newest run of a backup without faults, and compares.
fn restored(sound: &Sound, backup: &Path, target: &Path) -> Result<()> {
    fs_err::create_dir(target)?;
    run_well(&["backup", "restore", "--from", text(backup), "--to-dir", text(target)])?;
    ensure!(digests(target)? == sound.digests, "the backup holds something else");
    Ok(())
}

#[test]
fn egctl_on_a_failing_disk_claims_only_what_it_did() -> Result<()> {
    let seed = seed("egctl_on_a_failing_disk_claims_only_what_it_did");
    let rounds = number_from_env("EG_FAULT_ROUNDS", 6);
    let sound = Sound::new()?;
    let (mut runs, mut succeeded, mut met) = (0, 0, 0);
    for number in 0..rounds {
        let mut random = generator(seed, number as u64);
        for (what, attempt) in TRIES {
            let (claimed, faults) =
                tried(&sound, &mut random, attempt).with_context(|| format!("round {number}, {what}"))?;
            (runs, met) = (runs + 1, met + faults);
            succeeded += usize::from(claimed);
        }
    }
    eprintln!("figures: egctl_runs={runs} egctl_succeeded={succeeded} egctl_faults={met}");
    ensure!(met > 0 && succeeded < runs, "{met} faults, {succeeded} of {runs} succeeded: nothing was tried");
    Ok(())
}

/// One run on copies, with faults below the folder that holds them.
fn tried(sound: &Sound, random: &mut StdRng, attempt: Try) -> Result<(bool, u64)> {
    let folder = scratch::folder()?;
    let work = fs_err::canonicalize(folder.path())?;
    copy(&sound.work.path().join("source"), &work.join("source"))?;
    let faults = Faults::below(&[&work, &fs_err::canonicalize(sound.work.path())?])?;
    let mut rate = rate(random, &Fault::ALL, &[3, 15, 60, 250]);
    rate.slow_ms = random.random_range(1..30);
    let told = format!("{rate:?}, {}", scratch::told(&work));
    faults.set(&rate)?;
    let claimed = attempt(sound, &faults, &work).with_context(|| told.clone())?;
    faults.stop()?;
    ensure!(digests(&work.join("source"))? == sound.digests, "the source is not what it was: {told}");
    Ok((claimed, faults.met()?))
}

/// Copies a directory with all below it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_name() != "ballast" {
            fs_err::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

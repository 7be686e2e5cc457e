//! What was acknowledged is on disk: it survives a power cut that drops everything not synced.

mod load;
mod prefix;
mod restarts;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{self, Kind, Mix};
use epistemic_tests::powercut::{Loss, Recording};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Egctl, ServerBuilder, ServerProcess, Value, scratch, transfer};
use rand::RngExt;
use rand::seq::IndexedRandom;

use load::{AfterCut, record_load, record_load_on_existing_files, record_load_with_checkpoint};

#[test]
fn acknowledged_writes_survive_power_cuts() -> Result<()> {
    let cuts = number_from_env("EG_POWER_CUTS", 12);
    let seed = seed("acknowledged_writes_survive_power_cuts");
    let load = record_load_with_checkpoint(crash::server(), Mix::ALL, seed)?;
    let instants = load.recording.instants()?;
    let answers = load.answers();
    let mut random = generator(seed, 1);
    for cut in 0..2 * cuts {
        // Half of the cuts are as tight as can be: just after an answer arrived.
        let at = *if random.random_bool(0.5) { &answers } else { &instants }
            .choose(&mut random)
            .expect("not empty");
        let loss = if cut % 2 == 0 { Loss::Strict } else { Loss::Random(random.random()) };
        let AfterCut { server, mut writers, verdict, data } = load.cut(ServerProcess::ours(), at, loss)?;
        verdict.into_result().with_context(|| {
            format!("cut at {at}, {loss:?}, {}\n{}", scratch::told(data.path()), server.output())
        })?;
        if at >= load.begin {
            // Life goes on after a cut, and the next start finds what it wrote.
            writers.write_and_stop(&server, 20)?;
            let server = server.restart()?;
            let verdict = writers.check(&server)?;
            verdict.into_result().with_context(|| format!("written after the cut at {at}, {loss:?}"))?;
        }
    }
    eprintln!("figures: power_cuts={}", 2 * cuts);
    Ok(())
}

/// Large graphs bypass the log as table files, and a checkpoint is made of files alone: both are on disk when they are
/// acknowledged.
#[test]
fn imports_and_checkpoints_survive_power_cuts() -> Result<()> {
    let nodes = 12_000;
    let data = tempfile::tempdir()?;
    let recording = Recording::of_directory(data.path())?;
    let mut server = recording.attach(ServerProcess::ours()).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    transfer::fill(&mut client, "g", nodes, 1_000)?;
    let mut snapshot = Vec::new();
    transfer::export(&mut client, "g", &mut snapshot)?;
    transfer::import(&mut client, "copy", snapshot.as_slice())?;
    let imported = recording.position()?;
    client.call("g", "Checkpoint", None)?;
    let checkpointed = recording.position()?;
    recording.kill9(&mut server)?;
    recording.check_complete()?;

    let home = tempfile::tempdir()?;
    let (cut, later, restored) =
        (home.path().join("cut"), home.path().join("later"), home.path().join("restored"));
    fs_err::create_dir(&cut)?;
    fs_err::create_dir(&later)?;
    recording.cut(imported, Loss::Strict, &cut)?;
    recording.cut(checkpointed, Loss::Strict, &later)?;
    let checkpoint = fs_err::read_dir(later.join("checkpoints"))?.next().context("no checkpoint")??.path();
    Egctl::new().ends(0, [Path::new("checkpoint"), Path::new("restore"), &checkpoint, &restored])?;
    for dir in [cut, later, restored] {
        let server = ServerProcess::ours().persist_dir(&dir).start()?;
        let mut again = Vec::new();
        transfer::export(&mut server.client()?, "copy", &mut again)?;
        ensure!(again.len().abs_diff(snapshot.len()) < 64, "{}: {} bytes", dir.display(), again.len());
        ensure!(server.client()?.call("copy", "EdgeCount", None)? == nodes.into(), "{}", dir.display());
    }
    Ok(())
}

/// A graph that is replaced as a whole is on disk when that is acknowledged, with `--durability none` too.
#[test]
fn replaced_graphs_survive_power_cuts_whatever_the_durability() -> Result<()> {
    let data = tempfile::tempdir()?;
    let recording = Recording::of_directory(data.path())?;
    let mut server = recording.attach(ServerProcess::ours().arg("--durability").arg("none")).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let node = Value::Array(vec!["replaced".into(), Value::Array(vec![0x80.into()])]);
    let document = pack(&map([("nodes", Value::Array(vec![node]))]));
    client.call("g", "FromMsgpack", params([("msgpack", bin(document))]))?;
    let answered = recording.position()?;
    recording.kill9(&mut server)?;
    recording.check_complete()?;
    let cut = tempfile::tempdir()?;
    recording.cut(answered, Loss::Strict, cut.path())?;
    let server = ServerProcess::ours().persist_dir(cut.path()).start()?;
    ensure!(server.client()?.node_properties("g", "replaced")?.is_some(), "acknowledged, and gone");
    Ok(())
}

/// Each answer of ours comes after an fsync that began after its request. Under concurrent writers that may be an
/// fsync for somebody else, so this alone proves little; the cuts above and the sequential test below do.
#[test]
fn every_acknowledgement_follows_an_fsync() -> Result<()> {
    let load =
        record_load(ServerProcess::ours(), Mix::COMMON, seed("every_acknowledgement_follows_an_fsync"))?;
    let syncs = load.recording.syncs()?;
    let spans = load.writers.request_spans();
    let uncovered =
        spans.iter().filter(|(sent, acked)| !syncs.iter().any(|s| s.begin >= *sent && s.end <= *acked));
    ensure!(uncovered.count() == 0, "{} acknowledged without an fsync in between", spans.len());
    Ok(())
}

/// Fault 10: sequential writes need one fsync each.
#[test]
fn sequential_writes_are_synced_one_by_one() -> Result<()> {
    let ours = syncs_of_sequential_writes(ServerProcess::ours(), 300)?;
    ensure!(ours >= 300, "ours: {ours} fsyncs for 300 acknowledged writes");
    Ok(())
}

/// Negative control of the test before.
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
    let last = *load.answers().last().context("nothing acknowledged")?;
    let verdict = load.cut(ServerProcess::reference("0.31.0"), last, Loss::Strict)?.verdict;
    let lost = verdict.count(Kind::NodeLost);
    eprintln!("0.31.0: {lost} nodes lost");
    ensure!(lost > 0, "nothing lost: {:?}", verdict.differences.first());
    Ok(())
}

/// Positive control: 2.0.0 commits single writes to a crash-safe store, and after a cut has them all, once its
/// files exist: it does not sync the directory in which it makes them.
#[test]
fn harness_finds_nothing_lost_where_reference_2_0_is_sound() -> Result<()> {
    let server = || ServerProcess::reference("2.0.0");
    let load = record_load_on_existing_files(server(), Mix::SINGLE, seed("power cut 2.0.0"))?;
    let answers = load.answers();
    for at in [answers.len() / 2, answers.len() - 1].map(|i| answers[i]) {
        let verdict = load.cut(server(), at, Loss::Strict)?.verdict;
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
    recording.kill9(&mut server)?;
    recording.check_complete()?;
    let syncs = recording.syncs()?;
    let synced = |(sent, acked): &(u64, u64)| syncs.iter().any(|s| s.begin >= *sent && s.end <= *acked);
    Ok(spans.iter().filter(|span| synced(span)).count())
}

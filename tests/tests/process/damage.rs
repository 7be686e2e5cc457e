//! Damaged and missing files: refused with the file, the reason and the remedy, or an error for the graph that is
//! hit. Nothing is changed, and the mended directory has everything (faults 8 and 9).

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::wire::{params, unpack};
use epistemic_tests::{Client, ServerProcess, Value};
use tempfile::TempDir;

use crate::{copy, exits, files};

const GRAPHS: [&str; 3] = ["first", "second", "third"];
const NODES: usize = 60;

/// A directory that a killed server left behind. Without `checkpoint` everything is still in the log.
fn killed(checkpoint: bool) -> Result<(TempDir, PathBuf)> {
    let mut server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    for graph in GRAPHS {
        client.create_graph(graph)?;
        for n in 0..NODES {
            client.add_node(graph, &format!("n{n}"), &properties(graph, n))?;
        }
    }
    if checkpoint {
        client.call("", "Checkpoint", None)?;
    }
    server.kill9()?;
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("data");
    copy(server.persist_dir(), &directory)?;
    Ok((folder, directory))
}

fn properties(graph: &str, n: usize) -> Vec<u8> {
    format!("{graph} {n} ").repeat(20).into_bytes()
}

/// Whether a graph has all that was acknowledged; an error is one that the server answered.
fn check(client: &mut Client, graph: &str) -> Result<Result<(), String>> {
    let ids: Vec<Value> = (0..NODES).map(|n| format!("n{n}").into()).collect();
    client.send(graph, "GetNodePropertiesBatch", params([("node_ids", Value::Array(ids))]))?;
    let packed = match client.receive()?.outcome {
        Ok(packed) => packed,
        Err(text) => return Ok(Err(text)),
    };
    let rows = unpack(packed.as_slice().context("a bin")?)?;
    for (n, row) in rows.as_array().context("an array")?.iter().enumerate() {
        ensure!(
            row[1].as_slice() == Some(&properties(graph, n)),
            "silently wrong: n{n} of '{graph}' is {row}"
        );
    }
    Ok(Ok(()))
}

fn is_complete(directory: &Path) -> Result<()> {
    let server = ServerProcess::ours().persist_dir(directory).start()?;
    for graph in GRAPHS {
        check(&mut server.client()?, graph)?.map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

/// The only file of a folder whose name has this beginning and this end.
fn only(folder: &Path, begin: &str, end: &str) -> Result<PathBuf> {
    let mut found = files(folder)?;
    found.retain(|(path, bytes)| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        path.parent() == Some(folder) && name.starts_with(begin) && name.ends_with(end) && !bytes.is_empty()
    });
    ensure!(found.len() == 1, "{begin}*{end}: {:?}", found.iter().map(|(path, _)| path).collect::<Vec<_>>());
    Ok(found.remove(0).0)
}

fn flip(path: &Path, at: usize) -> Result<()> {
    let mut bytes = fs_err::read(path)?;
    bytes[at] ^= 0x10;
    Ok(fs_err::write(path, bytes)?)
}

/// Fault 8: one flipped bit in the log dropped 15 of 20 acknowledged records silently.
#[test]
fn a_flipped_byte_in_the_log_is_refused() -> Result<()> {
    let (_folder, directory) = killed(false)?;
    let log = only(&directory.join("db"), "", ".log")?;
    let length = fs_err::read(&log)?.len();
    for at in [4, length / 10, length / 3, length / 2, length * 9 / 10] {
        flip(&log, at)?;
        let before = files(&directory)?;
        let name = log.to_str().context("path")?;
        let words = [name, "damaged at offset", "acknowledged writes would be lost", "checkpoint"];
        exits(ServerProcess::ours().persist_dir(&directory), 1, &words)?;
        ensure!(files(&directory)? == before, "the flip at {at}: files were changed");
        flip(&log, at)?;
    }
    is_complete(&directory)
}

#[test]
fn fault_08_is_found_in_reference_0_31() -> Result<()> {
    let mut server = ServerProcess::reference("0.31.0").start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    for n in 0..NODES {
        client.add_node("g", &format!("n{n}"), &properties("g", n))?;
    }
    // It answers first and writes its log up to a tenth of a second later.
    let log = server.persist_dir().join("g.wal");
    let written = || {
        let records = fs_err::read(&log).unwrap_or_default();
        Ok::<_, anyhow::Error>(records.windows(3).any(|bytes| bytes == b"n59").then_some(()))
    };
    poll(Duration::from_secs(10), Duration::from_millis(10), written)?.context("the log is not written")?;
    server.kill9()?;
    let length = fs_err::read(&log)?.len();
    let first_record = length / NODES;
    flip(&log, first_record * 2 + 1)?; // anywhere near the third record
    let server = server.restart()?;
    let count = server.client()?.call("g", "NodeCount", None)?;
    let whole = check(&mut server.client()?, "g");
    ensure!(count.as_u64() < Some(NODES as u64) || whole.is_err(), "all {NODES} nodes are as written");
    Ok(())
}

/// A way to damage a directory, and the words that the refusal has.
type Damage = (&'static str, fn(&Path) -> Result<()>, &'static [&'static str]);

const DAMAGES: [Damage; 11] = [
    ("CURRENT is gone", |dir| Ok(fs_err::remove_file(dir.join("db/CURRENT"))?), &["CURRENT", "checkpoint"]),
    ("CURRENT is garbage", |dir| Ok(fs_err::write(dir.join("db/CURRENT"), "?")?), &["CURRENT", "checkpoint"]),
    (
        "CURRENT names another file",
        |dir| Ok(fs_err::write(dir.join("db/CURRENT"), "MANIFEST-999999\n")?),
        &["MANIFEST-999999", "checkpoint"],
    ),
    (
        "the manifest is gone",
        |dir| Ok(fs_err::remove_file(only(&dir.join("db"), "MANIFEST-", "")?)?),
        &["MANIFEST-", "checkpoint"],
    ),
    (
        "a byte of the manifest",
        |dir| flip(&only(&dir.join("db"), "MANIFEST-", "")?, 20),
        &["MANIFEST-", "checkpoint"],
    ),
    (
        "the manifest is empty",
        |dir| Ok(fs_err::write(only(&dir.join("db"), "MANIFEST-", "")?, "")?),
        &["MANIFEST-", "checkpoint"],
    ),
    (
        "db/ is gone",
        |dir| Ok(fs_err::remove_dir_all(dir.join("db"))?),
        &["db/CURRENT", "egctl checkpoint restore"],
    ),
    (
        "identity.json is gone",
        |dir| Ok(fs_err::remove_file(dir.join("identity.json"))?),
        &["identity.json", "checkpoint"],
    ),
    (
        "identity.json is empty",
        |dir| Ok(fs_err::write(dir.join("identity.json"), "")?),
        &["identity.json is damaged"],
    ),
    (
        "identity.json is garbage",
        |dir| flip(&dir.join("identity.json"), 0),
        &["identity.json is damaged", "checkpoint"],
    ),
    (
        "identity.json is of another version",
        |dir| {
            let text = fs_err::read_to_string(dir.join("identity.json"))?;
            let other = text.replace("\"format_version\": 1", "\"format_version\": 2");
            ensure!(other != text);
            Ok(fs_err::write(dir.join("identity.json"), other)?)
        },
        &["format version 2", "reads version 1"],
    ),
];

#[test]
fn damaged_and_missing_files_are_refused() -> Result<()> {
    let (folder, intact) = killed(true)?;
    for (number, (what, damage, words)) in DAMAGES.into_iter().enumerate() {
        let directory = folder.path().join(format!("damaged {number}"));
        copy(&intact, &directory)?;
        damage(&directory)?;
        let before = files(&directory)?;
        let path = directory.to_str().context("path")?;
        let words = [&[path], words].concat();
        exits(ServerProcess::ours().persist_dir(&directory), 1, &words).context(what)?;
        ensure!(files(&directory)? == before, "{what}: files were changed");
        // With its old content back it starts.
        fs_err::remove_dir_all(&directory)?;
        copy(&intact, &directory)?;
        is_complete(&directory).context(what)?;
    }
    Ok(())
}

/// Fault 9: a flipped byte in the data file, 99 of 100 nodes served, no warning.
#[test]
fn a_flipped_byte_in_a_table_is_an_error_and_never_other_data() -> Result<()> {
    let (folder, intact) = killed(true)?;
    let mut tables = files(&intact.join("db"))?;
    tables.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "sst"));
    ensure!(tables.len() >= 3, "{} tables", tables.len());
    let (mut refused, mut hit, mut harmless) = (0, 0, 0);
    for (table, bytes) in &tables {
        for at in [0, bytes.len() / 3, bytes.len() * 2 / 3, bytes.len() - 20] {
            let directory = folder.path().join("damaged");
            copy(&intact, &directory)?;
            let name = table.file_name().and_then(|name| name.to_str()).context("name")?;
            flip(&directory.join("db").join(name), at)?;
            let told = format!("byte {at} of {} of {name}", bytes.len());
            let mut server = ServerProcess::ours().persist_dir(&directory).spawn()?;
            if server.wait_until_ready().is_err() {
                let output = server.output();
                ensure!(server.has_exited()?.and_then(|status| status.code()) == Some(1), "{told}: {output}");
                ensure!(output.contains(name), "{told}: the file is not named: {output}");
                refused += 1;
            } else {
                let (_, bad) = serve(&server).context(told)?;
                hit += usize::from(bad > 0);
                harmless += usize::from(bad == 0);
            }
            drop(server);
            fs_err::remove_dir_all(&directory)?;
        }
    }
    println!("{refused} refused at start, {hit} refused on reading, {harmless} harmless");
    ensure!(refused + hit > tables.len(), "{refused} + {hit} flips found: too few to tell anything");
    is_complete(&intact)
}

/// How many graphs are served and how many answer with an error that names them.
fn serve(server: &ServerProcess) -> Result<(usize, usize)> {
    let (mut good, mut bad) = (0, 0);
    let mut client = server.client()?;
    for graph in GRAPHS {
        match check(&mut client, graph)? {
            Ok(()) => good += 1,
            Err(text) => {
                ensure!(
                    text.starts_with("CORRUPT: ") && text.contains(&format!("graph '{graph}'")),
                    "{text}"
                );
                bad += 1;
            }
        }
    }
    Ok((good, bad))
}

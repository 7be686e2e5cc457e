//! Damaged files are said loudly, cost nobody else anything and are never overwritten: faults 6 and 7.
//!
//! `storage/tests/datadir` flips and cuts every kind of file; here is what clients and operators see of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, pack, params, unpack};
use epistemic_tests::{Client, Egctl, ServerBuilder, ServerProcess, Value, http, transfer};

use super::goes_red;

const GRAPHS: [&str; 3] = ["before", "damaged", "after"];
const NODES: u64 = 300;
const PROPERTY_BYTES: usize = 1_000;
/// The node whose bytes are flipped.
const VICTIM: u64 = 150;

/// The directory of a stopped server with a checkpoint of three graphs.
fn stopped(server: ServerBuilder) -> Result<(ServerBuilder, PathBuf)> {
    let mut server = server.start()?;
    let mut client = server.client()?;
    for (number, graph) in GRAPHS.iter().enumerate() {
        client.create_graph(graph)?;
        transfer::fill(&mut client, graph, NODES, PROPERTY_BYTES + number)?;
    }
    client.call("__commons__", "Checkpoint", None)?;
    server.terminate()?;
    let directory = server.persist_dir().to_owned();
    Ok((server.builder(), directory))
}

/// Whether every node of a graph has the properties that were acknowledged.
fn is_intact(client: &mut Client, graph: &str) -> Result<bool> {
    let bytes = PROPERTY_BYTES + GRAPHS.iter().position(|name| *name == graph).context("which graph")?;
    let ids = Value::Array((0..NODES).map(|number| format!("n{number}").into()).collect());
    let answer = client.call(graph, "GetNodePropertiesBatch", params([("node_ids", ids)]))?;
    let found = unpack(answer.as_slice().context("GetNodePropertiesBatch is no bin")?)?;
    let expected =
        |n: u64| Value::Array(vec![format!("n{n}").into(), bin(pack(&transfer::properties(n, bytes)))]);
    Ok(found == Value::Array((0..NODES).map(expected).collect()))
}

/// Every file below `directory` with its bytes.
fn files(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push((path.clone(), fs_err::read(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a directory, so that hard links to its files are not damaged with them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for (path, bytes) in files(from)? {
        let target = to.join(path.strip_prefix(from)?);
        fs_err::create_dir_all(target.parent().context("a file is in a folder")?)?;
        fs_err::write(target, bytes)?;
    }
    Ok(())
}

/// Places of the victim's property bytes in files with this ending.
fn places(directory: &Path, ending: &str) -> Result<Vec<(PathBuf, usize)>> {
    let properties = pack(&transfer::properties(VICTIM, PROPERTY_BYTES + 1));
    let needle = &properties[500..540];
    let mut found = Vec::new();
    for (path, bytes) in
        files(directory)?.into_iter().filter(|(path, _)| path.to_string_lossy().ends_with(ending))
    {
        let at = bytes.windows(needle.len()).position(|window| window == needle);
        found.extend(at.map(|at| (path, at)));
    }
    Ok(found)
}

fn flip(path: &Path, at: usize) -> Result<Vec<u8>> {
    let mut bytes = fs_err::read(path)?;
    bytes[at] ^= 0x80;
    fs_err::write(path, &bytes)?;
    Ok(bytes)
}

#[test]
fn fault_06_a_flipped_byte_costs_one_graph_and_is_not_overwritten() -> Result<()> {
    let (builder, directory) = stopped(ServerProcess::ours().metrics())?;
    let places = places(&directory.join("db"), ".sst")?;
    ensure!(places.len() == 2, "properties and ledger in plain sight: {places:?}");
    for (number, (file, at)) in places.iter().enumerate() {
        let home = tempfile::tempdir()?;
        let data = home.path().join(number.to_string());
        copy(&directory, &data)?;
        let file = data.join(file.strip_prefix(&directory)?);
        let damaged = flip(&file, *at)?;
        let mut server = builder.clone().persist_dir(&data).start()?;
        // A compaction may meet the damage before a reader does: then writes fail until the restart, not longer.
        the_damage_is_told(&mut server.client()?)?;
        server = server.restart()?;
        for _ in 0..2 {
            one_graph_is_refused(&server).with_context(|| server.output())?;
            server = server.restart()?;
        }
        server.terminate()?;
        let left = files(&data)?;
        ensure!(left.iter().any(|(_, bytes)| *bytes == damaged), "{} was overwritten", file.display());
        let undamaged = fs_err::read(directory.join(file.strip_prefix(&data)?))?;
        ensure!(left.iter().any(|(_, bytes)| *bytes == undamaged), "the good copy in the checkpoint is gone");
    }
    Ok(())
}

/// A second graph that an operation reads is as damaged as it is; the graph of the request is not for that.
#[test]
fn damage_of_a_second_graph_is_charged_to_it() -> Result<()> {
    let (builder, directory) = stopped(ServerProcess::ours())?;
    let mut told = 0;
    for (number, (file, at)) in places(&directory.join("db"), ".sst")?.iter().enumerate() {
        let home = tempfile::tempdir()?;
        let data = home.path().join(number.to_string());
        copy(&directory, &data)?;
        flip(&data.join(file.strip_prefix(&directory)?), *at)?;
        let union = || Value::Array(vec!["before".into(), "damaged".into()]);
        for (method, fields) in [
            ("DiffAgainst", vec![("other_graph", "damaged".into())]),
            ("Vf2SubgraphMatch", vec![("pattern_graph_name", "damaged".into())]),
            (
                "UnionGetNodesByLabel",
                vec![("graphs", union()), ("label", "Sample".into()), ("limit", 0.into())],
            ),
        ] {
            let server = builder.clone().persist_dir(&data).start()?;
            let mut client = server.client()?;
            if let Err(error) = client.call("before", method, params(fields)) {
                let text = error.to_string();
                ensure!(text.contains("CORRUPT: graph 'damaged'"), "{method}: {text}");
                told += 1;
            }
            client.add_node("before", "written", b"\x80").with_context(|| format!("after {method}"))?;
        }
    }
    ensure!(told == 3, "{told} of three met the damage");
    Ok(())
}

/// Nodes and ledger lie in tables of their own: one of them is damaged.
fn the_damage_is_told(client: &mut Client) -> Result<()> {
    let reads = ["GetNodes", "GetLedger"].map(|method| client.call("damaged", method, None));
    let mut errors = reads.into_iter().filter_map(Result::err);
    let error = errors.next().context("a reader of everything meets the damage")?.to_string();
    for part in ["CORRUPT", "damaged", ".sst", "offset"] {
        ensure!(error.contains(part), "{part:?} is not in: {error}");
    }
    ensure!(errors.next().is_none(), "what is not damaged is not refused");
    Ok(())
}

fn one_graph_is_refused(server: &ServerProcess) -> Result<()> {
    let mut client = server.client()?;
    the_damage_is_told(&mut client)?;
    let refused = client.add_node("damaged", "new", b"\x80").err().context("a damaged graph takes writes")?;
    ensure!(refused.to_string().contains("quarantined"), "{refused}");

    for graph in ["before", "after"] {
        ensure!(is_intact(&mut client, graph)?, "{graph} is served");
        client.add_node(
            graph,
            "n0",
            &pack(&transfer::properties(0, PROPERTY_BYTES + usize::from(graph == "after") * 2)),
        )?;
    }
    client.call("__commons__", "Checkpoint", None).context("Checkpoint")?;
    ensure!(http::get(server.metrics_addr(), "/readyz")?.status == 200, "the shard serves its other graphs");
    Ok(())
}

/// Negative control: 0.28 opens the damaged graph as an empty one.
#[test]
fn fault_06_is_found_in_reference_0_28() -> Result<()> {
    let (builder, directory) = stopped(ServerProcess::reference("0.28.0"))?;
    // Its documents hold properties as integers, so any byte does.
    let file = directory.join("damaged.mp");
    flip(&file, fs_err::metadata(&file)?.len() as usize / 2)?;
    let server = builder.start()?;
    let mut client = server.client()?;
    let check = match client.call("damaged", "NodeCount", None) {
        Ok(count) => ensure_all(&count),
        Err(_) => Ok(()),
    };
    goes_red(check, "silently")
}

fn ensure_all(count: &Value) -> Result<()> {
    ensure!(*count == NODES.into(), "{count} of {NODES} nodes are served silently");
    Ok(())
}

fn egctl(args: &[&Path]) -> Result<(Option<i32>, String)> {
    let output = Egctl::new().run(args)?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn only_checkpoint(directory: &Path) -> Result<PathBuf> {
    let mut entries = fs_err::read_dir(directory.join("checkpoints"))?;
    Ok(entries.next().context("no checkpoint")??.path())
}

#[test]
fn fault_07_a_torn_checkpoint_manifest_is_refused_and_harms_nobody() -> Result<()> {
    let (builder, directory) = stopped(ServerProcess::ours())?;
    let checkpoint = only_checkpoint(&directory)?;
    let manifest = checkpoint.join("manifest.json");
    let whole = fs_err::read(&manifest)?;
    let home = tempfile::tempdir()?;
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs_err::write(&manifest, &whole[..length])?;
        let target = home.path().join(format!("restored{length}"));
        let (code, error) = egctl(&[Path::new("checkpoint"), Path::new("restore"), &checkpoint, &target])?;
        ensure!(
            code == Some(4) && error.contains("use another checkpoint"),
            "cut to {length}: {code:?} {error}"
        );
        ensure!(!target.exists(), "cut to {length}: a directory was made");
    }
    // The server does not need its checkpoints, and the next one leaves the torn one alone.
    let server = builder.start()?;
    let mut client = server.client()?;
    for graph in GRAPHS {
        ensure!(is_intact(&mut client, graph)?, "{graph}");
    }
    client.add_node("before", "later", b"\x80")?;
    client.call("__commons__", "Checkpoint", None)?;
    ensure!(fs_err::read(&manifest)?.len() == whole.len() - 1, "the torn manifest was touched");
    Ok(())
}

#[test]
fn fault_07_a_torn_database_manifest_is_refused_with_a_remedy_that_works() -> Result<()> {
    let (builder, directory) = stopped(ServerProcess::ours())?;
    let checkpoint = only_checkpoint(&directory)?;
    let current = fs_err::read_to_string(directory.join("db/CURRENT"))?;
    let manifest = directory.join("db").join(current.trim());
    let whole = fs_err::read(&manifest)?;
    for length in [0, whole.len() / 3, whole.len() / 2] {
        fs_err::write(&manifest, &whole[..length])?;
        let before = tables(&directory)?;
        let (status, output) = builder.clone().start_expecting_exit()?;
        ensure!(status.code() == Some(1), "cut to {length} of {}: {status}\n{output}", whole.len());
        ensure!(output.contains("checkpoints/") && output.contains("MANIFEST"), "cut to {length}: {output}");
        ensure!(tables(&directory)? == before, "cut to {length}: tables changed");
    }
    let home = tempfile::tempdir()?;
    let restored = home.path().join("restored");
    let (code, error) = egctl(&[Path::new("checkpoint"), Path::new("restore"), &checkpoint, &restored])?;
    ensure!(code == Some(0), "{code:?} {error}");
    let server = builder.persist_dir(&restored).start()?;
    let mut client = server.client()?;
    for graph in GRAPHS {
        ensure!(is_intact(&mut client, graph)?, "{graph} after the restore");
    }
    Ok(())
}

fn tables(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let all = files(directory)?;
    Ok(all.into_iter().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "sst")).collect())
}

/// Negative control: with a torn manifest 0.28 starts and every graph is gone.
#[test]
fn fault_07_is_found_in_reference_0_28() -> Result<()> {
    let (builder, directory) = stopped(ServerProcess::reference("0.28.0"))?;
    let manifest = directory.join("manifest.json");
    let whole = fs_err::read(&manifest)?;
    fs_err::write(&manifest, &whole[..whole.len() / 2])?;
    let server = builder.start()?;
    let mut client = server.client()?;
    let check = client.call("before", "NodeCount", None);
    goes_red(check.context("the server starts as if nothing were").and_then(|count| ensure_all(&count)), "")
}

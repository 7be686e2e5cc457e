//! Damage of one ledger block: the graph's content stays at hand, and two ways back to a graph that takes writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::pack;
use epistemic_tests::{ServerBuilder, ServerProcess, transfer};
use serde_json::{Value, json as value};

use super::{SECRET, egctl, endpoint, fails, json, text};

const NODES: u64 = 200;
const BYTES: usize = 1_000;
/// The node whose record in the ledger is flipped.
const VICTIM: u64 = 100;
const GRAPHS: [&str; 3] = ["before", "damaged", "after"];

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs_err::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A stopped directory of three graphs.
fn stopped() -> Result<(ServerBuilder, PathBuf)> {
    let mut server = ServerProcess::ours().tcp().start()?;
    let mut client = server.client()?;
    for graph in GRAPHS {
        client.create_graph(graph)?;
        transfer::fill(&mut client, graph, NODES, BYTES + graph.len())?;
    }
    server.terminate()?;
    let directory = server.persist_dir().to_owned();
    Ok((server.builder(), directory))
}

/// Flips a byte of the victim's bytes in one table; false when there are no more than `skip` tables that hold them.
fn flip(directory: &Path, skip: usize) -> Result<bool> {
    let properties = pack(&transfer::properties(VICTIM, BYTES + "damaged".len()));
    let needle = &properties[500..540];
    let mut tables: Vec<PathBuf> = fs_err::read_dir(directory.join("db"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    tables.retain(|path| path.extension().is_some_and(|extension| extension == "sst"));
    tables.sort();
    let mut skipped = 0;
    for table in tables {
        let mut bytes = fs_err::read(&table)?;
        if let Some(at) = bytes.windows(needle.len()).position(|window| window == needle) {
            if skipped == skip {
                bytes[at] ^= 0x80;
                fs_err::write(&table, bytes)?;
                return Ok(true);
            }
            skipped += 1;
        }
    }
    Ok(false)
}

/// A directory whose ledger is damaged and nothing else.
fn with_damaged_ledger(home: &Path) -> Result<(ServerBuilder, PathBuf)> {
    let (builder, directory) = stopped()?;
    for skip in 0.. {
        let data = home.join(skip.to_string());
        copy(&directory, &data)?;
        ensure!(flip(&data, skip)?, "properties and ledger lie in plain sight");
        let told = egctl(&[], &["verify", "--dir", text(&data), "--json"])?;
        let told: Value = serde_json::from_slice(&told.stdout)?;
        if told["found"]["shown"][0]["space"] == "ledger" {
            return Ok((builder.persist_dir(&data), data));
        }
    }
    unreachable!("the loop ends by itself")
}

/// The digests of the directory, by graph.
fn digests(dir: &Path) -> Result<Vec<(String, String)>> {
    let told = json(&["digest", "--dir", text(dir)])?;
    let graphs = told["graphs"].as_array().context("graphs")?;
    let field = |row: &Value, name: &str| row[name].as_str().map(str::to_owned).context("a text");
    graphs.iter().map(|row| Ok((field(row, "graph")?, field(row, "digest")?))).collect()
}

#[test]
fn a_damaged_ledger_does_not_lose_the_graph() -> Result<()> {
    let home = tempfile::tempdir()?;
    let (builder, directory) = with_damaged_ledger(home.path())?;
    let dir = text(&directory);

    // Findings come first, and only what has some has a line.
    let verified = egctl(&[], &["verify", "--dir", dir])?;
    let verified = String::from_utf8(verified.stdout)?;
    ensure!(
        verified.contains("4 graphs, 1 of them with findings") && verified.contains("unreadable: 1"),
        "{verified}"
    );
    ensure!(!verified.contains("\nbefore ") && !verified.contains("\nafter "), "{verified}");
    // The ledger is no part of the digest.
    let before = digests(&directory)?;
    ensure!(before.len() == 4, "{before:?}");

    let server = builder.clone().start()?;
    let at = endpoint(&server);
    let file = home.path().join("damaged.snap");
    let export = ["snapshot", "export", "damaged", "-o", text(&file), "--endpoint", &at];
    let refused = fails(1, &export);
    ensure!(refused.contains("CORRUPT") || refused.contains("corrupt"), "{refused}");
    let exported = json(&[&export[..], &["--without-ledger"]].concat())?;
    ensure!(exported["ledger"] == 0 && exported["nodes"] == NODES, "{exported}");
    ensure!(
        before.iter().any(|(graph, digest)| graph == "damaged" && *digest == exported["digest"]),
        "{exported}"
    );
    let offline = ["digest", "damaged", "--endpoint", &at];
    ensure!(json(&offline)?["graphs"][0]["ledger"].is_null(), "a digest without the ledger");
    let mut client = server.client()?;
    ensure!(client.add_node("damaged", "n0", b"\x80").is_err(), "it takes no writes");
    let cleared = client.call("damaged", "ClearLedger", None);
    ensure!(cleared.is_err_and(|error| error.to_string().contains("CORRUPT")), "no success that is none");
    // The way back without a stop.
    json(&["snapshot", "import", text(&file), "--replace", "--endpoint", &at])?;
    client.add_node("damaged", "n0", b"\x80")?;
    json(&export)?;
    Ok(())
}

#[test]
fn a_ledger_begins_anew_behind_the_damage() -> Result<()> {
    let home = tempfile::tempdir()?;
    let (builder, directory) = with_damaged_ledger(home.path())?;
    let dir = text(&directory);
    let before = digests(&directory)?;
    let dry = json(&["repair", "--dir", dir, "--restart-ledger", "--dry-run"]);
    ensure!(
        dry.is_err_and(|error| error.to_string().contains("findings cannot be repaired")),
        "nothing is done yet"
    );
    let repaired = json(&["repair", "--dir", dir, "--restart-ledger"])?;
    let ledger = &repaired["restarted_ledgers"][0];
    let restarted_at = ledger["restarted_at"].as_u64().context("restarted_at")?;
    ensure!(ledger["graph"] == "damaged" && restarted_at > 2 * VICTIM / 2, "{repaired}");
    let again = egctl(&[], &["repair", "--dir", dir, "--restart-ledger", "--json"])?;
    let again: Value = serde_json::from_slice(&again.stdout)?;
    let nothing = again["restarted_ledgers"].is_null() && again["left"]["totals"] == value!({});
    ensure!(nothing, "once is enough: {again}");
    ensure!(digests(&directory)? == before, "the content is what it was");

    let mut server = builder.start()?;
    let at = endpoint(&server);
    let mut client = server.client()?;
    for graph in GRAPHS {
        client.add_node(graph, "after the repair", b"\x80")?;
        let file = home.path().join("sound.snap");
        json(&["snapshot", "export", graph, "-o", text(&file), "--endpoint", &at])?;
    }
    let backup = home.path().join("backup");
    fs_err::create_dir(&backup)?;
    json(&["backup", "create", "--to", text(&backup), "--endpoint", &at])?;
    client.add_node("damaged", "behind the backup", b"\x80")?;
    json(&["backup", "create", "--to", text(&backup), "--endpoint", &at])?;
    server.terminate()?;
    Ok(())
}

#[test]
fn what_is_sound_goes_into_a_new_directory() -> Result<()> {
    let home = tempfile::tempdir()?;
    let (builder, directory) = with_damaged_ledger(home.path())?;
    let before = digests(&directory)?;
    let new = home.path().join("new");
    let args = ["salvage", "--dir", text(&directory), "--to-dir", text(&new)];
    let output = egctl(&[("GRAPH_SERVICE_AUTH_SECRET", SECRET)], &[&args[..], &["--json"]].concat())?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.code() == Some(6), "a part is left: {}", output.status);
    ensure!((told["whole"] == 3) & (told["without_ledger"] == 1) & (told["lost_graphs"] == 0), "{told}");
    ensure!(fails(4, &args).contains("it is not empty"), "nothing is overwritten");
    ensure!(digests(&new)? == before, "the content is what it was");
    json(&["verify", "--dir", text(&new)])?;

    let server = builder.persist_dir(&new).start()?;
    let mut client = server.client()?;
    for graph in GRAPHS {
        client.add_node(graph, "after the salvage", b"\x80")?;
    }
    Ok(())
}

//! `egctl import-reference` on directories that real servers left behind.

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use tempfile::TempDir;

use super::*;

#[test]
fn a_checkpoint_with_logs_behind_it_is_taken_whole() -> Result<()> {
    for version in WITH_FILES {
        let mut server = reference(version).start()?;
        fill(version, &server, "1")?;
        checkpoint(&server)?;
        fill(version, &server, "2")?;
        let before = dump(version, &server, &["--types", "--embeddings"])?;
        kill_behind(&mut server, "last-2")?;
        let left = files(server.persist_dir())?;

        let work = TempDir::new()?;
        let new = work.path().join("new");
        let args = ["import-reference", text(server.persist_dir()), "--to-dir", text(&new)];
        let dry = report(0, &[&args[..], &["--dry-run"]].concat())?;
        ensure!(!new.exists(), "a dry run made {}", new.display());
        let done = report(0, &args)?;
        ensure!(files(server.persist_dir())? == left, "the input was changed");
        ensure!(dry["graphs"].as_array().map(Vec::len) == done["graphs"].as_array().map(Vec::len));
        for name in ["plain", "a:b", "agent:é🙂", "tenant__acme____bus__"] {
            let graph = graph(&done, name)?;
            ensure!(
                graph["outcome"] == "imported" && graph["problems"] == serde_json::json!([]),
                "{graph:#}"
            );
            ensure!(graph["stated"]["nodes"] == 52 && graph["found"]["nodes"] == 52, "{graph:#}");
            ensure!(graph["log"]["read"] == 6 && graph["log"]["made"] == 6, "{graph:#}");
            ensure!(graph["digest"].as_str().is_some_and(|digest| digest.len() == 64), "{graph:#}");
        }

        let ours = ours_on(&new)?;
        let after = dump(version, &ours, &["--types", "--embeddings"])?;
        let names = before.as_object().context("graphs")?.keys();
        names.map(|name| same(&before, &after, name)).collect::<Result<Vec<_>>>().context(version)?;
    }
    Ok(())
}

/// Without a checkpoint there is only the log, which knows neither types nor names.
#[test]
fn logs_alone_are_taken_by_the_names_that_the_operator_gives() -> Result<()> {
    for version in WITH_FILES {
        let mut server = reference(version).start()?;
        fill(version, &server, "1")?;
        fill(version, &server, "2")?;
        let before = dump(version, &server, &[])?;
        kill_behind(&mut server, "last-2")?;

        let work = TempDir::new()?;
        let new = work.path().join("new");
        let args = ["import-reference", text(server.persist_dir()), "--to-dir", text(&new)];
        let done = report(6, &args)?;
        ensure!(graph(&done, "plain")?["outcome"] == "imported", "{done:#}");
        let problems = graph(&done, "a_b")?["problems"].to_string();
        ensure!(
            problems.contains("does not say what the '_'") && problems.contains("--name 'a_b=NAME'"),
            "{problems}"
        );

        let names = ["--name", "a_b=a:b", "--name", "agent___=agent:é🙂"];
        let more = ["--name", "tenant__acme____bus__=tenant__acme____bus__", "--replace"];
        report(0, &[&args[..], &names, &more].concat())?;
        let ours = ours_on(&new)?;
        let after = dump(version, &ours, &[])?;
        for name in ["plain", "a:b", "agent:é🙂", "tenant__acme____bus__"] {
            same(&before, &after, name)?;
        }
    }
    Ok(())
}

#[test]
fn graphs_go_to_the_running_shards_that_own_them_and_none_is_overwritten() -> Result<()> {
    let mut server = reference("0.31.0").start()?;
    fill("0.31.0", &server, "1")?;
    checkpoint(&server)?;
    let before = dump("0.31.0", &server, &[])?;
    server.kill9()?;
    let shards = [ServerProcess::ours().start()?, ServerProcess::ours().start()?];
    let list = format!("{},{}", endpoint(&shards[0]), endpoint(&shards[1]));
    let args = ["import-reference", text(server.persist_dir()), "--endpoints", &list];
    let done = report(0, &args)?;
    ensure!(graph(&done, "__commons__")?["outcome"] == "nothing", "{done:#}");
    let listed = report(0, &["graphs", "--endpoints", &list])?;
    let mut found = 0;
    for row in
        listed["graphs"].as_array().context("graphs")?.iter().filter(|row| row["name"] != "__commons__")
    {
        let name = row["name"].as_str().context("name")?;
        ensure!(row["belongs_on"].is_null(), "{row:#}");
        ensure!(graph(&done, name)?["place"] == row["place"], "{row:#}");
        let counts = serde_json::json!([row["nodes"], row["edges"]]);
        ensure!(counts == before[name]["counts"], "{row:#}");
        found += 1;
    }
    ensure!(found == 5, "{listed:#}");

    let owner = graph(&done, "a:b")?["place"].clone();
    let owner = shards.iter().find(|shard| owner == endpoint(shard).as_str()).context("an owner")?;
    owner.client()?.add_node("a:b", "new", b"")?;
    let again = egctl(&args)?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    let output = String::from_utf8(again.stdout)?;
    ensure!(
        output.contains("error: Graph 'a:b' already exists in ") && output.contains("--replace"),
        "{output}"
    );
    let listed = report(0, &["graphs", "--endpoints", &list])?;
    ensure!(listed.to_string().contains("\"nodes\":53"), "{listed}");
    report(0, &[&args[..], &["--replace"]].concat())?;
    let listed = report(0, &["graphs", "--endpoints", &list])?;
    ensure!(!listed.to_string().contains("\"nodes\":53"), "{listed}");
    Ok(())
}

#[test]
fn a_running_server_and_a_directory_of_2_0_are_sent_to_pull() -> Result<()> {
    let work = TempDir::new()?;
    let new = work.path().join("new");
    for (version, code, said) in [("0.31.0", 1, "egctl pull --from"), ("2.0.0", 1, "egctl pull --from")] {
        let server = reference(version).start()?;
        let output = egctl(&["import-reference", text(server.persist_dir()), "--to-dir", text(&new)])?;
        let error = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(code) && error.contains(said), "{version}: {error}");
    }
    let mut server = reference("2.0.0").start()?;
    server.kill9()?;
    let output = egctl(&["import-reference", text(server.persist_dir()), "--to-dir", text(&new)])?;
    let error = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(4) && error.contains("graph.redb"), "{error}");
    ensure!(!new.exists());
    Ok(())
}

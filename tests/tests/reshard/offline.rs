//! Reshards of stopped shards.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::field;
use epistemic_tests::{ServerProcess, Value};

use super::load::Connections;
use super::{Shards, egctl, endpoint, json, owners};

const GRAPHS: usize = 40;

/// Content digest of each graph on its owner.
fn digests(graphs: &[String], owners: &[String]) -> Result<Vec<Value>> {
    let mut shards = Connections::default();
    let mut found = Vec::new();
    for (graph, owner) in graphs.iter().zip(owners) {
        let content = shards.to(owner)?.call(graph, "GraphDigest", None)?;
        found.push(field(&content, "digest").context("digest")?.clone());
    }
    Ok(found)
}

#[test]
fn stopped_shards_are_resharded_without_a_server() -> Result<()> {
    let mut shards = Shards::start(3)?;
    let graphs: Vec<String> = (0..GRAPHS).map(|number| format!("g/{number} é")).collect();
    shards.fill(&graphs)?;
    let (from, to) = (shards.from(), shards.to());
    let (before, after) = (owners(&from, &graphs)?, owners(&to, &graphs)?);
    let contents = digests(&graphs, &before)?;
    // A shard that graphs leave.
    let source = before.iter().zip(&after).find(|(old, new)| old != new).context("none moves")?.0;
    let is_source = |server: &ServerProcess| endpoint(&server.builder()) == *source;
    let source = shards.servers.iter().position(is_source).context("an unknown owner")?;
    shards.servers[source].client()?.call("__commons__", "Checkpoint", None)?;
    let checkpoints = fs_err::read_dir(shards.servers[source].persist_dir().join("checkpoints"))?;
    let checkpoint = checkpoints.last().context("no checkpoint")??.path();
    let mut directories = Vec::new();
    for server in shards.all() {
        ensure!(server.terminate()?.success(), "{}", server.output());
        let path = server.persist_dir().display().to_string();
        directories.push(format!("{}={path}", endpoint(&server.builder())));
    }
    let folder = tempfile::tempdir()?;
    let state = |name: &str| folder.path().join(name).display().to_string();
    let args = |directories: &[String], state: &str| {
        let mut args: Vec<String> = ["reshard", "apply", "--json", "--offline", "--from", &from, "--to", &to]
            .map(str::to_owned)
            .to_vec();
        args.extend(["--state".to_owned(), state.to_owned()]);
        args.extend(directories.iter().flat_map(|directory| ["--dir".to_owned(), directory.clone()]));
        args
    };
    let run = |args: &[String]| egctl(&args.iter().map(String::as_str).collect::<Vec<_>>());

    let missing = run(&args(&directories[..3], &state("missing")))?;
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    let newcomer = endpoint(&shards.newcomer.builder());
    ensure!(
        missing.status.code() == Some(2) && text.contains(&format!("'{newcomer}' has no --dir")),
        "{text}"
    );
    let mut copied = directories.clone();
    copied[source] = format!("{}={}", endpoint(&shards.servers[source].builder()), checkpoint.display());
    let copied = run(&args(&copied, &state("copied")))?;
    let text = String::from_utf8_lossy(&copied.stderr).into_owned();
    ensure!(copied.status.code() == Some(4) && text.contains("is a checkpoint"), "{text}");

    let all = args(&directories, &state("state"));
    let summary = json(&all.iter().map(String::as_str).collect::<Vec<_>>())?;
    let moved = before.iter().zip(&after).filter(|(old, new)| old != new).count();
    ensure!(moved > 0 && summary["moved"] == moved && summary["left"] == 0, "{summary:#}");
    let started: Vec<ServerProcess> =
        shards.all().map(|server| server.builder().start()).collect::<Result<_>>()?;
    ensure!(digests(&graphs, &after)? == contents, "the contents changed");
    drop(started);
    Ok(())
}

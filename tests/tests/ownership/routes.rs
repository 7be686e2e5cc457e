//! One rule everywhere: `egctl route`, the route box of the gateway and the shards themselves name the same owner, in
//! groups of graphs too.

use anyhow::{Context, Result, ensure};
use epistemic_tests::Egctl;
use epistemic_tests::gateway::{Gateway, command};
use serde_json::Value as Json;

use super::{Shards, create};

/// The built-in group gets a member, and there is a second group with a longer beginning.
const GROUPS: &str = "__commons__:__bulk_*,hot:__bulk_hot*|warm";
/// The anchors of graphs that do not go by their own names.
const MEMBERS: [(&str, &str); 6] = [
    ("__ingest__", "__commons__"),
    ("__ingest_news__", "__commons__"),
    ("__bulk_a", "__commons__"),
    ("__bulk_hot", "hot"),
    ("__bulk_hotter", "hot"),
    ("warm", "hot"),
];

/// The rows of an answer: graph, anchor, shard.
fn rows(answer: &Json) -> Result<Vec<[Option<&str>; 3]>> {
    let routes = answer["routes"].as_array().context("no routes")?.iter();
    Ok(routes.map(|route| ["graph", "anchor", "shard"].map(|field| route[field].as_str())).collect())
}

/// The same of what the gateway says.
fn shown(place: &Json) -> [Option<&str>; 3] {
    ["graph", "anchor", "endpoint"].map(|field| place[field].as_str())
}

fn egctl(list: &str, names: &[String]) -> Result<Json> {
    let mut args = vec!["route", "--explain", "--endpoints", list];
    args.extend(names.iter().flat_map(|name| ["--graph", name]));
    Egctl::new().env("GRAPH_AFFINITY_GROUPS", GROUPS).report(0, &args)
}

#[test]
fn the_tool_the_gateway_and_the_shards_place_alike() -> Result<()> {
    let shards = Shards::start_with(3, &[("GRAPH_AFFINITY_GROUPS", GROUPS)])?;
    let names: Vec<_> = (0..24).map(|number| format!("tenant__t{number}____bus__")).collect();
    let names: Vec<_> = MEMBERS.iter().map(|(member, _)| (*member).to_owned()).chain(names).collect();
    let told = egctl(&shards.list, &names)?;
    let mut program = command(&shards.list, shards.servers[0].secret())?;
    program.env("GRAPH_AFFINITY_GROUPS", GROUPS);
    let gateway = Gateway::start_program(program, &[])?;
    let told = rows(&told)?;
    ensure!(told.len() == names.len(), "{told:?}");
    for (name, row) in names.iter().zip(&told) {
        let place = gateway.json(&format!("/api/where?graph={name}"))?;
        ensure!(shown(&place) == *row, "{row:?}: {place}");
    }
    for (name, row) in names.iter().zip(told) {
        let anchor = MEMBERS.iter().find(|(member, _)| member == name).map(|(_, anchor)| *anchor);
        let owner = shards.endpoints()[create(&shards, name)?];
        ensure!(row == [Some(name.as_str()), anchor, Some(owner)], "{row:?} is on {owner}");
    }
    Ok(())
}

/// With the variable, `egctl` works on the graph where it is and does not call it misplaced.
#[test]
fn the_tool_finds_a_graph_of_a_group() -> Result<()> {
    let shards = Shards::start_with(3, &[("GRAPH_AFFINITY_GROUPS", GROUPS)])?;
    let secret = shards.servers[0].secret();
    let run = |groups: &str, args: &[&str]| -> Result<Json> {
        let egctl = Egctl::with_secret(secret).env("GRAPH_AFFINITY_GROUPS", groups);
        egctl.report(0, &[args, &["--endpoints", &shards.list]].concat())
    };
    for (member, _) in MEMBERS {
        create(&shards, member)?;
    }
    let misplaced = |graphs: Json| -> Result<usize> {
        let graphs = graphs["graphs"].as_array().context("no graphs")?;
        Ok(graphs.iter().filter(|graph| !graph["belongs_on"].is_null()).count())
    };
    ensure!(misplaced(run(GROUPS, &["graphs"])?)? == 0, "called misplaced");
    let dir = tempfile::tempdir()?;
    for (member, _) in MEMBERS {
        let file = dir.path().join(member);
        let file = file.to_str().context("a path in UTF-8")?;
        run(GROUPS, &["snapshot", "export", member, "-o", file])?;
    }
    Ok(())
}

//! Looking into a graph: found, expanded page by page, a way between two nodes, and what is reached; as an identity may.

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::{Gateway, private_file};
use epistemic_tests::http::{Answer, exchange};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerProcess};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{SECRET, endpoint};

const TOKEN: &str = "0123456789abcdef";
/// Neighbours of the hub.
const LEAVES: usize = 10_050;

struct Explorer {
    gateway: Gateway,
    _dir: TempDir,
}

impl Explorer {
    fn start(shard: &ServerProcess, args: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let file = dir.path().join("token");
        private_file(&file, TOKEN)?;
        let file = file.display().to_string();
        let args: Vec<_> =
            ["--token-file", &file, "--explore"].into_iter().chain(args.iter().copied()).collect();
        let gateway = Gateway::start(&endpoint(&shard.builder()), SECRET, &args)?;
        Ok(Self { gateway, _dir: dir })
    }

    fn ask(&self, request: &str, headers: &str, body: &str) -> Result<Answer> {
        let addr = self.gateway.addr();
        exchange(
            addr,
            &format!(
                "{request} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {TOKEN}\r\n{headers}content-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            ),
        )
    }

    fn json(&self, path: &str) -> Result<Value> {
        let answer = self.ask(&format!("GET {path}"), "", "")?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        Ok(serde_json::from_str(&answer.body)?)
    }

    fn edges(&self, ids: &[&str]) -> Result<Value> {
        let addr = self.gateway.addr();
        let headers = format!("origin: http://{addr}\r\nx-requested-with: dashboard\r\n");
        let body = json!({"graph": "g", "ids": ids}).to_string();
        let answer = self.ask("POST /api/explore/edges", &headers, &body)?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(serde_json::from_str(&answer.body)?)
    }
}

fn properties(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0x80 | fields.len() as u8];
    for text in fields.iter().flat_map(|(key, value)| [*key, *value]) {
        bytes.push(0xa0 | text.len() as u8);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// A chain `a -> b -> c -> d` with a double edge, `a -> d2`, a stranger, and a hub that all leaves point to.
fn fill(client: &mut Client) -> Result<()> {
    client.create_graph("g")?;
    for (id, label, name) in [
        ("claim:a", "Claim", "Shards are a list"),
        ("claim:b", "Claim", "b"),
        ("evidence:c", "Evidence", "c"),
        ("evidence:d", "Evidence", "d"),
        ("stranger", "Claim", "none"),
        ("hub", "Hub", "hub"),
    ] {
        client.add_node("g", id, &properties(&[("type", label), ("name", name)]))?;
    }
    for (from, to, kind) in [
        ("claim:a", "claim:b", "SUPPORTS"),
        ("claim:b", "evidence:c", "CITES"),
        ("claim:b", "evidence:c", "CITES"),
        ("claim:b", "evidence:c", "QUOTES"),
        ("evidence:c", "evidence:d", "FROM"),
        ("claim:a", "evidence:c", "CITES"),
    ] {
        client.add_edge("g", from, to, &properties(&[("type", kind)]))?;
    }
    // Pipelined: one by one they would wait for an fsync each.
    let leaf = properties(&[("type", "Leaf")]);
    for round in 0..2 {
        for leaf_number in 0..LEAVES {
            let id = format!("leaf{leaf_number:05}");
            let bin = epistemic_tests::wire::bin(leaf.clone());
            let (method, fields) = match round {
                0 => ("AddNode", vec![("node_id", id.as_str().into()), ("properties_msgpack", bin)]),
                _ => (
                    "AddEdge",
                    vec![
                        ("source_id", id.as_str().into()),
                        ("target_id", "hub".into()),
                        ("properties_msgpack", bin),
                    ],
                ),
            };
            client.send("g", method, params(fields))?;
            if leaf_number % 200 == 199 || leaf_number + 1 == LEAVES {
                let sent = if leaf_number % 200 == 199 { 200 } else { LEAVES % 200 };
                for _ in 0..sent {
                    client.receive()?;
                }
            }
        }
    }
    Ok(())
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["rows"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect()
}

#[test]
fn nodes_are_found_expanded_and_connected() -> Result<()> {
    let shard = ServerProcess::ours().start()?;
    fill(&mut shard.client()?)?;
    let explorer = Explorer::start(&shard, &[])?;
    ensure!(explorer.json("/api/tier")?["explore"] == true);

    // By the beginning of the id, by label, by a text in it.
    let found = explorer.json("/api/explore/search?graph=g&by=id&q=claim:&limit=1")?;
    ensure!(ids(&found) == ["claim:a"] && found["nodes"] == LEAVES + 6, "{found}");
    let row = &found["rows"][0];
    ensure!(
        row["label"] == "Claim" && row["caption"] == "Shards are a list" && row["in"] == 0 && row["out"] == 2,
        "{row}"
    );
    let after = found["next"].as_str().context("next")?;
    let rest = explorer.json(&format!("/api/explore/search?graph=g&by=id&q=claim:&after={after}"))?;
    ensure!(ids(&rest) == ["claim:b"] && rest["next"].is_null(), "{rest}");
    let labelled = explorer.json("/api/explore/search?graph=g&by=label&q=Evidence")?;
    ensure!(ids(&labelled) == ["evidence:c", "evidence:d"], "{labelled}");
    let text = explorer.json("/api/explore/search?graph=g&by=text&q=ARE%20A%20list&limit=1")?;
    ensure!(ids(&text) == ["claim:a"], "{text}");
    let hub = explorer.json("/api/explore/search?graph=g&by=id&q=hub")?;
    ensure!(hub["rows"][0]["in"] == 10_001, "{hub}");

    let node = explorer.json("/api/explore/node?graph=g&id=claim:a")?;
    ensure!(node["properties"][1] == json!(["name", "string", "Shards are a list", 18]), "{node}");
    ensure!(node["exact"] == true && node["label"] == "Claim", "{node}");

    // A page at a time, counted up to a bound, and of one label.
    let around = explorer.json("/api/explore/neighbours?graph=g&id=evidence:c&limit=2")?;
    ensure!(ids(&around) == ["claim:a", "claim:b"] && around["in"] == 2 && around["out"] == 1, "{around}");
    ensure!(
        around["by_label"] == json!([["Claim", 2], ["Evidence", 1]]) && around["exact"] == true,
        "{around}"
    );
    ensure!(around["rows"][1]["edges"] == json!([["in", "CITES", 2], ["in", "QUOTES", 1]]), "{around}");
    let next = around["next"].as_str().context("next")?;
    let rest = explorer.json(&format!("/api/explore/neighbours?graph=g&id=evidence:c&after={next}"))?;
    ensure!(ids(&rest) == ["evidence:d"] && rest["next"].is_null() && rest["in"].is_null(), "{rest}");
    let one = explorer.json("/api/explore/neighbours?graph=g&id=evidence:c&label=Evidence&dir=out")?;
    ensure!(ids(&one) == ["evidence:d"], "{one}");
    let hub = explorer.json("/api/explore/neighbours?graph=g&id=hub&limit=200")?;
    ensure!(hub["in"] == 10_000 && hub["exact"] == false && ids(&hub).len() == 200, "{}", hub["exact"]);
    let (mut seen, mut after) = (200, hub["next"].as_str().context("next")?.to_owned());
    loop {
        let page =
            explorer.json(&format!("/api/explore/neighbours?graph=g&id=hub&limit=200&after={after}"))?;
        seen += ids(&page).len();
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    ensure!(seen == LEAVES, "{seen}");

    let among = explorer.edges(&["claim:a", "claim:b", "evidence:c", "stranger", "nothing"])?;
    ensure!(
        among["edges"]
            == json!([
                ["claim:a", "claim:b", "SUPPORTS", 1],
                ["claim:a", "evidence:c", "CITES", 1],
                ["claim:b", "evidence:c", "CITES", 2],
                ["claim:b", "evidence:c", "QUOTES", 1],
            ]),
        "{among}"
    );

    // As many as are drawn at most; the hub has more edges than that, which are not all read.
    let many: Vec<_> = (0..1999).map(|leaf| format!("leaf{leaf:05}")).chain(["hub".to_owned()]).collect();
    let among = explorer.edges(&many.iter().map(String::as_str).collect::<Vec<_>>())?;
    ensure!(
        among["edges"].as_array().map(Vec::len) == Some(1999) && among["cut"] == false,
        "{}",
        among["cut"]
    );

    let path = explorer.json("/api/explore/path?graph=g&from=claim:a&to=evidence:d")?;
    ensure!(
        path["hops"]
            == json!([
                ["claim:a", "Claim", "CITES", 1],
                ["evidence:c", "Evidence", "FROM", 1],
                ["evidence:d", "Evidence", null, 0],
            ]),
        "{path}"
    );
    let none = explorer.json("/api/explore/path?graph=g&from=claim:a&to=stranger")?;
    ensure!(
        none["hops"].is_null() && none["complete"] == true && none["searched"].as_u64() > Some(1),
        "{none}"
    );
    let far = explorer.json("/api/explore/path?graph=g&from=claim:a&to=evidence:d&max=1")?;
    ensure!(far["hops"].is_null(), "{far}");

    let blast = explorer.json("/api/explore/blast?graph=g&id=claim:a&depth=3")?;
    ensure!(blast["counts"] == json!([1, 2, 1]) && blast["cut_at"].is_null(), "{blast}");
    ensure!(blast["rows"][3] == json!(["evidence:d", "Evidence", 2, "evidence:c"]), "{blast}");
    let cut = explorer.json("/api/explore/blast?graph=g&id=claim:a&depth=3&limit=2")?;
    ensure!(
        cut["counts"] == json!([1, 1, 0]) && cut["all"] == json!([1, 2, 1]) && cut["cut_at"] == 1,
        "{cut}"
    );

    let graph = explorer.json("/api/graph?name=g")?;
    ensure!(graph["labels"][0] == json!(["Leaf", LEAVES]) && graph["labels_exact"] == true, "{graph}");
    let ledger = explorer.json("/api/graph/ledger?name=g&limit=2")?;
    let newest = &ledger["lines"][0];
    ensure!(newest["op"] == "AddEdge" && newest["ids"][1] == "hub" && newest["at_ms"].is_u64(), "{ledger}");
    let before = ledger["next"].as_u64().context("next")?;
    let older = explorer.json(&format!("/api/graph/ledger?name=g&limit=1&before={before}"))?;
    ensure!(older["lines"][0]["sequence"] == before - 1, "{older}");

    for (path, status, code) in [
        ("search?graph=g&by=colour&q=x", 409, "SERVER_ERROR"),
        ("search?graph=g&by=id&q=x&limit=y", 400, "BAD_REQUEST"),
        ("node?graph=g&id=nothing", 404, "NOT_FOUND"),
        ("neighbours?graph=g&id=nothing", 404, "NOT_FOUND"),
        ("node?graph=nothing&id=x", 404, "NOT_FOUND"),
        ("node?graph=g&id=hub&shard=2", 404, "NOT_FOUND"),
    ] {
        let answer = explorer.ask(&format!("GET /api/explore/{path}"), "", "")?;
        ensure!(answer.status == status && answer.body.contains(code), "{path}: {answer:?}");
    }
    let elsewhere = explorer.ask("POST /api/explore/edges", "", "{\"graph\":\"g\",\"ids\":[]}")?;
    ensure!(elsewhere.status == 403, "{elsewhere:?}");
    Ok(())
}

#[test]
fn without_explore_and_a_token_content_is_not_shown() -> Result<()> {
    let shard = ServerProcess::ours().start()?;
    shard.client()?.create_graph("g")?;
    let gateway = Gateway::start(&endpoint(&shard.builder()), SECRET, &[])?;
    for path in
        ["search?graph=g&by=id&q=", "node?graph=g&id=a", "path?graph=g&from=a&to=b", "blast?graph=g&id=a"]
    {
        let answer = gateway.get(&format!("/api/explore/{path}"))?;
        ensure!(answer.status == 403 && answer.body.contains("EXPLORE_OFF"), "{path}: {answer:?}");
    }
    let output = epistemic_tests::gateway::command("unix:///nowhere", SECRET)?.arg("--explore").output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(2) && text.contains("--token-file"), "{output:?}");
    Ok(())
}

/// The gateway sees what its identity may see, and says how much it may not.
#[test]
fn what_the_identity_may_not_read_is_not_shown() -> Result<()> {
    let shard = ServerProcess::ours().arg("--system-agent").arg("root").start()?;
    let mut owner = shard.client()?.acting_as("owner");
    owner.create_graph("secret")?;
    for (agent, role) in [("root", "System"), ("looker", "Agent")] {
        let teams = epistemic_tests::Value::Array(Vec::new());
        let fields =
            [("agent_id", agent.into()), ("role", role.into()), ("teams", teams), ("signature", "".into())];
        shard.client()?.acting_as("root").call("", "RegisterIdentity", params(fields))?;
    }
    let explorer = Explorer::start(&shard, &["--agent-id", "looker"])?;
    let answer = explorer.ask("GET /api/explore/search?graph=secret&by=id&q=", "", "")?;
    ensure!(answer.status == 403 && answer.body.contains("ACCESS_DENIED"), "{answer:?}");
    explorer.json("/api/graphs")?;
    let tier = explorer.json("/api/tier")?;
    ensure!(tier["hidden_graphs"] == 1 && tier["agent"] == "looker", "{tier}");
    let graphs = explorer.json("/api/graphs?q=secret")?;
    ensure!(graphs["matched"] == 0 && graphs["hidden_graphs"] == 1, "{graphs}");
    Ok(())
}

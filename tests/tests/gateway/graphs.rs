//! Graphs as the dashboard lists them, one of them, where tenants go, and moves.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{SECRET, Tier, endpoint};

fn names(page: &Value) -> Vec<&str> {
    page["rows"].as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect()
}

/// Names as a URL has them.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn a_page_of_graphs_goes_on_where_it_ended_and_tells_what_is_missing() -> Result<()> {
    let mut tier = Tier::start()?;
    for (shard, server) in tier.shards.iter().enumerate() {
        let mut client = server.client()?.acting_as("ann");
        for graph in 0..4 {
            let name = format!("g{shard}{graph}");
            client.create_graph(&name)?;
            for node in 0..shard {
                client.add_node(&name, &format!("n{node}"), b"\x80")?;
            }
        }
    }
    let first = tier.gateway.json("/api/graphs?q=g&limit=5")?;
    ensure!(names(&first) == ["g00", "g01", "g02", "g03", "g10"], "{first}");
    ensure!(first["matched"] == 12 && first["total"] == 13 && first["missing"] == json!([]), "{first}");
    let next = first["next"].as_str().context("next")?;
    let second = tier.gateway.json(&format!("/api/graphs?q=g&limit=200&after={next}"))?;
    ensure!(names(&second).len() == 7 && second["next"].is_null(), "{second}");
    let largest = tier.gateway.json("/api/graphs?sort=-nodes&limit=1&shard=3")?;
    ensure!(names(&largest) == ["g20"] && largest["rows"][0]["nodes"] == 2, "{largest}");
    ensure!(largest["rows"][0]["owner"] == "ann" && largest["rows"][0]["shard"] == 3, "{largest}");
    let commons = tier.gateway.json("/api/graphs?q=__commons__")?;
    ensure!(commons["rows"][0]["also_on"].as_array().map(Vec::len) == Some(2), "{commons}");
    let both =
        ["served", "misplaced"].map(|state| tier.gateway.json(&format!("/api/graphs?q=g&state={state}")));
    let [served, misplaced] = both;
    let (served, misplaced) = (served?, misplaced?);
    ensure!(served["matched"].as_u64().unwrap_or(0) + misplaced["matched"].as_u64().unwrap_or(0) == 12);
    for row in misplaced["rows"].as_array().into_iter().flatten() {
        ensure!(row["belongs_to"] != row["shard"], "{row}");
    }
    // How large they are is known once their shard has looked at its tables.
    tier.gateway.wait_for("/api/graphs?q=g20", |page| {
        page["rows"][0]["bytes"].is_u64() && page["rows"][0]["changed_ms"].is_u64()
    })?;

    // What a shard had is what it said last.
    tier.gateway.wait_for("/api/tier", |tier| tier["shards"][2]["graphs"] == 5)?;
    drop(tier.shards.pop());
    let down = tier.gateway.wait_for("/api/graphs?q=g", |page| page["missing"] != json!([]))?;
    ensure!(
        down["matched"] == 8 && down["missing"][0]["shard"] == 3 && down["missing"][0]["graphs"] == 5,
        "{down}"
    );
    ensure!(down["missing"][0]["age_ms"].is_u64(), "{down}");
    for wrong in ["sort=size", "after=zz", "state=lost", "limit=x"] {
        let answer = tier.gateway.get(&format!("/api/graphs?{wrong}"))?;
        ensure!(answer.status == 400 && answer.body.contains("BAD_REQUEST"), "{wrong}: {answer:?}");
    }
    Ok(())
}

#[test]
fn one_graph_is_told_by_its_shard_and_content_is_not_shown_without_the_explorer() -> Result<()> {
    let tier = Tier::start()?;
    let name = "tenant__a/b \u{202e}____bus__";
    let mut client = tier.shards[1].client()?.acting_as("ann");
    client.create_graph(name)?;
    client.add_node(name, "n", b"\x81\xa4type\xa5Claim")?;
    let graph = tier.gateway.json(&format!("/api/graph?name={}", encoded(name)))?;
    ensure!(
        graph["name"] == name && graph["shard"] == 2 && graph["nodes"] == 1 && graph["owner"] == "ann",
        "{graph}"
    );
    ensure!(
        graph["bytes"]["nodes"].is_u64() && graph["changed_ms"].is_u64() && graph["labels"].is_null(),
        "{graph}"
    );
    let ledger = tier.gateway.get(&format!("/api/graph/ledger?name={}", encoded(name)))?;
    ensure!(ledger.status == 403 && ledger.body.contains("EXPLORE_OFF"), "{ledger:?}");
    let nothing = tier.gateway.get("/api/graph?name=nothing")?;
    ensure!(nothing.status == 404 && nothing.body.contains("NOT_FOUND"), "{nothing:?}");
    let elsewhere = tier.gateway.get(&format!("/api/graph?name={}&shard=1", encoded(name)))?;
    ensure!(elsewhere.status == 404, "{elsewhere:?}");
    Ok(())
}

#[test]
fn a_tenant_has_a_place_whether_or_not_its_graph_is_there() -> Result<()> {
    let tier = Tier::start()?;
    let place = tier.gateway.json("/api/where?tenant=acme")?;
    ensure!(place["graph"] == "tenant__acme____bus__" && place["exists"] == false, "{place}");
    let shard = place["shard"].as_u64().context("shard")? as usize;
    ensure!(place["endpoint"] == endpoint(&tier.shards[shard - 1].builder()), "{place}");
    tier.shards[shard - 1].client()?.create_graph("tenant__acme____bus__")?;
    tier.gateway.wait_for("/api/where?tenant=acme", |place| place["exists"] == true)?;
    let other = tier.gateway.json("/api/where?tenant=Acme%20Corp")?;
    ensure!(other["rewritten"] == true, "{other}");
    let none = tier.gateway.json(&format!("/api/where?tenant={}", encoded("株式会社")))?;
    ensure!(
        none["graph"].is_null() && none["error"].as_str().is_some_and(|error| error.contains("株式会社")),
        "{none}"
    );
    Ok(())
}

/// A move that has begun is told, is cancelled by an operator, and is then told as given up.
#[test]
fn an_operator_cancels_a_move_and_takes_a_checkpoint_and_a_viewer_does_not() -> Result<()> {
    use epistemic_tests::gateway::{Gateway, private_file};
    use epistemic_tests::http::exchange;
    use epistemic_tests::wire::params;
    use tempfile::TempDir;

    const VIEWER: &str = "0123456789abcdef";
    const OPERATOR: &str = "fedcba9876543210";
    let tier = Tier::start()?;
    let dir = TempDir::new()?;
    let (viewer, operator) = (dir.path().join("viewer"), dir.path().join("operator"));
    private_file(&viewer, VIEWER)?;
    private_file(&operator, OPERATOR)?;
    let endpoints = tier.endpoints();
    let (viewer, operator) = (viewer.display().to_string(), operator.display().to_string());
    let gateway = Gateway::start(
        &endpoints.join(","),
        SECRET,
        &["--token-file", &viewer, "--operator-token-file", &operator],
    )?;
    let addr = gateway.addr();
    let ask = |token: &str, request: &str, headers: &str, body: &str| {
        exchange(
            addr,
            &format!(
                "{request} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {token}\r\n{headers}content-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    let ours = format!("origin: http://{addr}\r\nx-requested-with: dashboard\r\n");
    let role =
        |token| -> Result<Value> { Ok(serde_json::from_str(&ask(token, "GET /api/tier", "", "")?.body)?) };
    ensure!(role(VIEWER)?["role"] == "viewer" && role(OPERATOR)?["role"] == "operator");

    let body = "{\"n\":1}";
    ensure!(ask(VIEWER, "POST /api/checkpoint", &ours, body)?.status == 403);
    for headers in [
        "",
        "x-requested-with: dashboard\r\n",
        &format!("origin: http://{addr}\r\n"),
        "origin: http://evil.example\r\nx-requested-with: dashboard\r\n",
    ] {
        let refused = ask(OPERATOR, "POST /api/checkpoint", headers, body)?;
        ensure!(refused.status == 403 && refused.body.contains("Origin"), "{headers}: {refused:?}");
    }
    tier.shards[0].client()?.create_graph("g")?;
    let taken = ask(OPERATOR, "POST /api/checkpoint", &ours, body)?;
    ensure!(taken.status == 200 && taken.body.contains("\"ok\":true"), "{taken:?}");
    let newest =
        tier.gateway.wait_for("/api/tier", |tier| tier["shards"][0]["checkpoint"]["at_ms"].is_u64())?;
    ensure!(newest["shards"][0]["checkpoint"]["every_s"].is_u64(), "{newest}");
    for (body, status) in [("{\"n\":9}", 404), ("{\"n\":\"x\"}", 400), ("{", 400)] {
        ensure!(ask(OPERATOR, "POST /api/checkpoint", &ours, body)?.status == status, "{body}");
    }

    // The destination reserves the name: the move goes on.
    let arrive = params([("move_id", "m1".into()), ("from", endpoints[0].as_str().into())]);
    tier.shards[1].client()?.call("g", "MoveArrive", arrive)?;
    let running = tier.gateway.wait_for("/api/moves?state=running", |page| page["rows"] != json!([]))?;
    let row = &running["rows"][0];
    ensure!(row["id"] == "m1" && row["graph"] == "g" && row["step"] == "copying", "{running}");
    ensure!(row["from"] == endpoints[0] && row["to"] == endpoints[1], "{running}");
    let cancel = |token| ask(token, "POST /api/moves/cancel", &ours, "{\"id\":\"m1\"}");
    ensure!(cancel(VIEWER)?.status == 403);
    epistemic_tests::wait::poll(
        std::time::Duration::from_secs(30),
        std::time::Duration::from_millis(50),
        || {
            let cancelled = cancel(OPERATOR)?;
            ensure!([200, 404].contains(&cancelled.status), "{cancelled:?}");
            Ok::<_, anyhow::Error>((cancelled.status == 200).then_some(()))
        },
    )?
    .context("the gateway never saw the move")?;
    let ended = tier.gateway.wait_for("/api/moves?state=failed&graph=g", |page| page["rows"] != json!([]))?;
    ensure!(ended["rows"][0]["step"] == "given up" && ended["rows"][0]["ended_ms"].is_u64(), "{ended}");
    tier.gateway.wait_for("/api/moves?state=running", |page| page["rows"] == json!([]))?;
    ensure!(tier.shards[0].client()?.call("g", "NodeCount", None).is_ok());

    let cookie = ask(VIEWER, "POST /logout", &ours, "")?;
    ensure!(cookie.status == 303 && cookie.head.contains("Max-Age=0"), "{cookie:?}");
    ensure!(ask(VIEWER, "POST /logout", "", "")?.status == 403);
    let lost = ask("wrong", "GET /api/tier", "", "")?;
    ensure!(lost.status == 401 && lost.body.contains("UNAUTHORIZED"), "{lost:?}");
    let asked = ask("wrong", "GET /graph?name=a%26b", "", "")?;
    ensure!(asked.head.contains("location: /login?next=%2Fgraph%3Fname%3Da%2526b"), "{asked:?}");
    Ok(())
}

//! Every served method, under keys of each role, with the names of a graph of its own, of another tenant's, and of one that is not
//! there, wherever a request can carry a name. Nothing is learnt of what is another's, and nothing is done to it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, field, map, params};
use epistemic_tests::{Client, ServerProcess, Value, shared};

use crate::{KEYS, client, create, server};

const TENANTS: [&str; 3] = ["reader", "writer", "owner"];
const OWN: &str = "tenant__acme__own";
const FOREIGN: &str = "tenant__victim__existing";
/// As long as the other one, so that answers may be compared byte by byte.
const ABSENT: &str = "tenant__victim__invented";
/// What only the victim's graph and channel hold.
const MARK: &str = "mark-of-the-victim";

/// All parameters that any method takes, with `name` wherever a graph or a channel is named. Methods pass over those of
/// others.
fn everything(name: &str) -> Option<Value> {
    let texts = |items: &[&str]| Value::Array(items.iter().map(|&item| item.into()).collect());
    params([
        ("graph_name", name.into()),
        ("graph", name.into()),
        ("other_graph", name.into()),
        ("pattern_graph_name", name.into()),
        ("graphs", texts(&[name])),
        ("names", texts(&[name])),
        ("rename", name.into()),
        ("channel_id", name.into()),
        ("graph_type", "Agent".into()),
        ("channel_type", "Group".into()),
        ("creator", "acme".into()),
        ("agent_id", "acme".into()),
        ("sender", "acme".into()),
        ("payload", "x".into()),
        ("initial_members", Value::Array(Vec::new())),
        ("node_id", "n".into()),
        ("node_ids", texts(&["n"])),
        ("source_id", "n".into()),
        ("target_id", "n".into()),
        ("edges", Value::Array(Vec::new())),
        ("label", "Mark".into()),
        ("node_type", "Mark".into()),
        ("limit", 10.into()),
        ("threshold", 1.into()),
        ("resolution", 1.0.into()),
        ("damping", 0.85.into()),
        ("iterations", 3.into()),
        ("seed_nodes", Value::Array(Vec::new())),
        ("max_depth", 2.into()),
        ("max_tokens", 100.into()),
        ("max_nodes", 100.into()),
        ("max_age_secs", 1_000_000.into()),
        ("min_score", 0.0.into()),
        ("n_results", 3.into()),
        ("query_embedding", Value::Array(vec![1.0.into()])),
        ("embedding", Value::Array(vec![1.0.into()])),
        ("properties_msgpack", bin([0x80])),
        ("conditions_msgpack", bin([0x80])),
        ("updates_msgpack", bin([0x80])),
        ("operations_msgpack", bin([0x90])),
        ("msgpack", bin([0x80])),
        ("transactions", Value::Array(Vec::new())),
        ("event_type", "x".into()),
        ("query", "x".into()),
        ("by", "text".into()),
        ("direction", "both".into()),
        ("signatures", Value::Array(Vec::new())),
        ("mutation_type", "x".into()),
        ("txn_id", "txn-0".into()),
        ("role", "Agent".into()),
        ("teams", Value::Array(Vec::new())),
        ("signature", "".into()),
        ("replace", true.into()),
        ("upload", 1.into()),
        ("cursor", 1.into()),
        ("max_bytes", 1000.into()),
        ("data", bin([0])),
        ("after", Value::Nil),
        ("move_id", "m".into()),
        ("from", "tcp://127.0.0.1:9".into()),
        ("to", "tcp://127.0.0.1:9".into()),
        ("peer", "tcp://127.0.0.1:9".into()),
        ("lease_ms", 1000.into()),
        ("token", 1.into()),
        ("graph_id", 1.into()),
        ("epoch", 1.into()),
        ("term", 1.into()),
        ("sequence", 1.into()),
        ("records", bin([])),
        ("tenant", "victim".into()),
        ("limits", Value::Array(Vec::new())),
        ("keep", Value::Nil),
    ])
}

/// With what does not fit all methods left out, so that more of them get past their decoders.
fn forms(name: &str) -> Vec<Option<Value>> {
    let Some(Value::Map(all)) = everything(name) else { return Vec::new() };
    let without = |left_out: &[&str]| {
        let kept = all.iter().filter(|(key, _)| !left_out.contains(&key.as_str().unwrap_or_default()));
        Some(Value::Map(kept.cloned().collect()))
    };
    let named = map([("graph_name", name.into())]);
    vec![
        everything(name),
        without(&["move_id", "tenant", "after"]),
        without(&["tenant", "role", "replace", "move_id"]),
        Some(named),
        None,
    ]
}

/// What is answered, with the name in it made the same for all.
fn answer(
    server: &ServerProcess,
    key: &str,
    graph: &str,
    method: &str,
    form: Option<Value>,
    name: &str,
) -> Result<String> {
    let mut client = client(server, key)?;
    client.send(graph, method, form)?;
    let text = match client.receive()?.outcome {
        // Its name is another one each time.
        Ok(_) if method == "BeginTxn" => "ok".to_owned(),
        Ok(value) => format!("ok {value}"),
        Err(text) => text,
    };
    Ok(text.replace(name, "NAME"))
}

fn served(client: &mut Client) -> Result<Vec<String>> {
    let health = client.call("", "Health", None)?;
    let ops = field(&health, "ops").and_then(Value::as_array).context("no ops")?;
    ops.iter().map(|op| op.as_str().map(str::to_owned).context("an op is no text")).collect()
}

/// The methods of docs/keys.md, which has a row for each of the table of operations.
fn table() -> Result<BTreeSet<String>> {
    let page = fs_err::read_to_string(shared::package()?.join("../docs/keys.md"))?;
    let table = page.split("## Methods").nth(1).context("no table")?;
    let rows = table.lines().filter(|line| line.matches('|').count() == 4);
    Ok(rows
        .filter_map(|row| row.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect())
}

/// All that the victim has, as the system sees it.
fn belongings(server: &ServerProcess) -> Result<String> {
    let mut root = client(server, "root")?;
    let document = root.call(FOREIGN, "ToMsgpack", None)?;
    let ledger = root.call(FOREIGN, "GetLedger", None)?;
    let messages = root.call("", "GetChannelMessages", params([("channel_id", FOREIGN.into())]))?;
    let members = root.call("", "GetChannelMembers", params([("channel_id", FOREIGN.into())]))?;
    let list = root.call("", "ListGraphs", None)?.to_string();
    ensure!(!list.contains(ABSENT), "{list}");
    let (channels, identities) =
        (root.call("", "ListChannels", None)?, root.call("", "ListIdentities", None)?);
    let foreign = |list: &Value| {
        let rows = list.as_array().into_iter().flatten().map(Value::to_string);
        rows.filter(|row| row.contains("victim")).collect::<Vec<_>>().join(" ")
    };
    Ok(format!("{document} {ledger} {messages} {members} {} {}", foreign(&channels), identities))
}

fn victim(server: &ServerProcess) -> Result<()> {
    let mut victim = client(server, "victim")?;
    create(&mut victim, FOREIGN)?;
    let properties = epistemic_tests::wire::pack(&map([("type", "Mark".into()), ("text", MARK.into())]));
    victim.add_node(FOREIGN, MARK, &properties)?;
    victim.add_node(FOREIGN, "n", &properties)?;
    victim.call(
        FOREIGN,
        "AddEmbedding",
        params([("node_id", "n".into()), ("embedding", Value::Array(vec![1.0.into()]))]),
    )?;
    let fields = [
        ("channel_id", FOREIGN.into()),
        ("channel_type", "Group".into()),
        ("creator", "victim".into()),
        ("initial_members", Value::Array(Vec::new())),
    ];
    victim.call("", "CreateChannel", params(fields))?;
    let fields = [("channel_id", FOREIGN.into()), ("sender", "victim".into()), ("payload", MARK.into())];
    victim.call("", "SendMessage", params(fields))?;
    Ok(())
}

#[test]
fn nothing_is_learnt_of_what_is_anothers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    victim(&server)?;
    let methods = served(&mut client(&server, "root")?)?;
    let (tried, table) = (methods.iter().cloned().collect::<BTreeSet<_>>(), table()?);
    ensure!(tried == table, "{:?}", tried.symmetric_difference(&table));
    let before = belongings(&server)?;
    ensure!(before.contains(MARK), "{before}");
    let (mut tries, mut allowed, mut denied) = (0, BTreeMap::new(), 0);
    for key in TENANTS {
        for method in &methods {
            // On its own graph, the key may what its role may.
            let mut root = client(&server, "root")?;
            let _ = root.call("", "DeleteGraph", params([("graph_name", OWN.into())]));
            create(&mut root, OWN)?;
            for form in forms(OWN) {
                let own = answer(&server, key, OWN, method, form, OWN)?;
                tries += 1;
                ensure!(!own.contains(MARK), "{key} {method} on its own: {own}");
                if !own.starts_with("ACCESS_DENIED") {
                    *allowed.entry(key).or_insert(0) += 1;
                }
            }
            // A name in the envelope, in the parameters, and in both.
            for place in ["envelope", "parameters", "both"] {
                for index in 0..forms(OWN).len() {
                    let ask = |name: &str| {
                        let (graph, inside) = match place {
                            "envelope" => (name, OWN),
                            "parameters" => (OWN, name),
                            _ => (name, name),
                        };
                        answer(&server, key, graph, method, forms(inside)[index].clone(), name)
                    };
                    let (existing, absent) = (ask(FOREIGN)?, ask(ABSENT)?);
                    tries += 2;
                    denied += usize::from(existing.starts_with("ACCESS_DENIED"));
                    let changing = ["Ping", "Health"].contains(&method.as_str());
                    ensure!(
                        existing == absent || changing,
                        "{key} {method}, {place}, form {index}: existing and absent differ\n{existing}\n{absent}"
                    );
                    ensure!(!existing.contains(MARK), "{key} {method}, {place}: {existing}");
                }
            }
        }
        let _ = client(&server, "root")?.call("", "DeleteGraph", params([("graph_name", OWN.into())]));
    }
    ensure!(belongings(&server)? == before, "something of the victim's has changed");
    println!(
        "{tries} requests of {} methods, {denied} on foreign names denied, 0 leaks; on its own graph: {allowed:?}",
        methods.len()
    );
    ensure!(allowed["reader"] < allowed["writer"] && allowed["writer"] < allowed["owner"], "{allowed:?}");
    ensure!(denied > methods.len(), "{denied}");
    Ok(())
}

/// An operator asks and moves; he writes no node, and makes nobody.
#[test]
fn operators_do_not_write() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.start()?;
    victim(&server)?;
    let before = belongings(&server)?;
    let methods = served(&mut client(&server, "root")?)?;
    let writes = [
        "AddNode",
        "RemoveNode",
        "AddEdge",
        "RemoveEdge",
        "BatchUpdate",
        "TouchNodes",
        "AddEmbedding",
        "ApplyLedger",
        "ClearGraph",
        "DeleteGraph",
        "CreateGraph",
        "FromMsgpack",
        "Reconcile",
        "ClearLedger",
        "RegisterIdentity",
        "UnregisterIdentity",
        "Shutdown",
        "SendMessage",
        "BeginTxn",
        "RunDatalogReasoning",
        "ServiceImport",
        "EvictLRU",
    ];
    for method in writes {
        ensure!(methods.iter().any(|served| served == method), "{method}");
        let text = answer(&server, "ops", FOREIGN, method, everything(FOREIGN), FOREIGN)?;
        ensure!(text == format!("ACCESS_DENIED: key 'ops' (operator) may not use {method}"), "{text}");
    }
    for method in [
        "ShardStatus",
        "GraphHeads",
        "Checkpoint",
        "MoveStatus",
        "ListIdentities",
        "QuotaShow",
        "NodeCount",
        "SnapshotOpen",
    ] {
        let text = answer(&server, "ops", FOREIGN, method, None, FOREIGN)?;
        ensure!(text.starts_with("ok "), "{method}: {text}");
    }
    ensure!(belongings(&server)? == before, "something of the victim's has changed");
    Ok(())
}

/// The negative control: under a key whose patterns hold the other tenant's graphs, the same comparison finds what is there.
#[test]
fn a_key_that_sees_too_much_would_be_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let wide = KEYS.replacen("graphs = [\"tenant__acme__*\"]", "graphs = [\"tenant__*\"]", 1);
    let server = server(folder.path(), &wide)?.start()?;
    victim(&server)?;
    let (mut differ, mut shown) = (0, 0);
    for method in served(&mut client(&server, "root")?)? {
        for form in 0..forms(FOREIGN).len() {
            let ask = |name: &str| answer(&server, "reader", name, &method, forms(name)[form].clone(), name);
            let (existing, absent) = (ask(FOREIGN)?, ask(ABSENT)?);
            differ += usize::from(existing != absent);
            shown += usize::from(existing.contains(MARK));
        }
    }
    println!("{differ} answers differ, {shown} show what is another's");
    ensure!(differ > 50 && shown > 3, "{differ} {shown}");
    Ok(())
}

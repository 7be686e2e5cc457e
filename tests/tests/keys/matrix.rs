//! Every served method, under keys of each role, with the names of a graph of its own, of another tenant's, and of one that is not
//! there, wherever a request can carry a name. Nothing is learnt of what is another's, and nothing is done to it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{field, map, params};
use epistemic_tests::{Client, ServerProcess, Value, shared};

use crate::forms::{everything, forms};
use crate::{KEYS, client, create, server};

const TENANTS: [&str; 3] = ["reader", "writer", "owner"];
const OWN: &str = "tenant__acme__own";
const FOREIGN: &str = "tenant__victim__existing";
/// As long as the other one, so that answers may be compared byte by byte.
const ABSENT: &str = "tenant__victim__invented";
/// What only the victim's graph and channel hold.
const MARK: &str = "mark-of-the-victim";

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

//! The faults of the reference server, by the number that they have in the table of measured faults. Ours passes each
//! check; a version of the reference that has the fault fails the same check, so the check can go red.
//!
//! | Faults | Where |
//! |---|---|
//! | 4, 5, 23, 24 | [`names`] |
//! | 6, 7 | [`damage`] |
//! | 11, 20 | [`acknowledged`] |
//! | 12 | [`latency`] |
//! | 15 | [`restart`] |
//! | 21 | [`stored`] |
//! | 3, 17 | `ownership` |
//! | 10 | `sequential_writes_are_synced_one_by_one` in `power_cut/main.rs` |
//! | 11, 26 | also `kill_nine.rs` |
//! | 20, 24, 28 | also `lifecycle` |
//! | 19 | `disk_full.rs` |
//! | 2, 8, 13, 14, 18, 22, 25, 27 | `bad_input.rs`, `process.rs` |

mod acknowledged;
mod damage;
mod latency;
mod names;
mod restart;
mod stored;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::wire::field;
use epistemic_tests::{Client, Value};

/// For the negative controls: the check must have failed, with `because` in its text.
fn goes_red(check: Result<()>, because: &str) -> Result<()> {
    match check {
        Ok(()) => bail!("the check passes on a server that has the fault"),
        Err(error) => {
            let text = format!("{error:#}");
            ensure!(text.contains(because), "failed for another reason: {text}");
            eprintln!("as it should: {text}");
            Ok(())
        }
    }
}

/// `NodeIds`, sorted.
fn node_ids(client: &mut Client, graph: &str) -> Result<Vec<String>> {
    let answer = client.call(graph, "NodeIds", None)?;
    let ids = answer.as_array().context("NodeIds is no array")?.iter();
    let mut ids: Vec<String> = ids.map(|id| id.as_str().unwrap_or_default().to_owned()).collect();
    ids.sort();
    Ok(ids)
}

/// The names of all graphs, sorted.
fn graph_names(client: &mut Client) -> Result<Vec<String>> {
    let answer = client.call("__commons__", "ListGraphs", None)?;
    let entries = answer.as_array().context("ListGraphs is no array")?.iter();
    let name = |entry: &Value| field(entry, "name").and_then(Value::as_str).map(str::to_owned);
    let mut names =
        entries.map(|entry| name(entry).context("a graph without a name")).collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

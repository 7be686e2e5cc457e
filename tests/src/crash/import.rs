//! An import of a snapshot: all but its last request, which alone changes anything.

use anyhow::{Context, Result};

use super::op::Op;
use super::state::State;
use crate::transfer;
use crate::wire::{Client, bin, field, params};

/// Exports `from`, uploads it as the graph `name` in place of what has the name, and returns the operation that commits it.
/// Nothing else may be in flight.
pub(super) fn upload(client: &mut Client, from: &str, name: String, state: &State) -> Result<Op> {
    let mut snapshot = Vec::new();
    transfer::export(client, from, &mut snapshot)?;
    let fields = [("graph_name", name.as_str().into()), ("replace", true.into())];
    let opened = client.call(&name, "RestoreOpen", params(fields))?;
    let upload = field(&opened, "upload").context("RestoreOpen without an upload")?.clone();
    client.call(&name, "RestoreWrite", params([("upload", upload.clone()), ("data", bin(snapshot))]))?;
    let content = state.graphs.get(from).cloned().context("the graph to export is not there")?;
    Ok(Op::Import { name, content, upload })
}

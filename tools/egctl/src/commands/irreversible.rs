//! Changes of a graph that cannot be undone: asked about, and made on its shard or in the directory of a stopped one.

use anyhow::Result;
use epistemic_operations::hosts::Directory;
use epistemic_operations::names::shown;
use epistemic_operations::remote::call;
use epistemic_storage::graph::Op;
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::runtime::Runtime;

use crate::confirm::ConfirmArgs;
use crate::place::PlaceArgs;

/// A change of one graph.
pub(super) struct Irreversible<'a, P> {
    pub(super) graph: &'a str,
    /// What is done, in front of the name: `clearing`.
    pub(super) doing: &'a str,
    /// As a directory makes it.
    pub(super) op: Op,
    /// A graph that is quarantined, or is being moved, has it too.
    pub(super) in_any_state: bool,
    /// As a shard makes it.
    pub(super) method: &'static str,
    pub(super) params: P,
}

impl<P: Serialize + Sync> Irreversible<'_, P> {
    /// Asks for the name again and makes the change, which is durable on return. Returns where it was made.
    ///
    /// # Errors
    /// Another name was typed, there is no such graph, or the change failed.
    pub(super) fn make(self, confirm: ConfirmArgs, place: &PlaceArgs, runtime: &Runtime) -> Result<String> {
        let Self { graph, doing, op, in_any_state, method, params } = self;
        let ask = |place: &str| {
            confirm.ask(&format!("{doing} {} at {place} cannot be undone", shown(graph)), graph)
        };
        match &place.dir {
            Some(dir) => {
                let directory = Directory::open_writable(dir)?;
                let place = dir.display().to_string();
                if in_any_state {
                    directory.graphs.graph_in_any_state(graph)?;
                } else {
                    directory.graphs.graph(graph)?;
                }
                ask(&place)?;
                directory.graphs.write(graph, op)?;
                Ok(place)
            }
            None => {
                let client = runtime.block_on(place.shards.owner_of(graph))?;
                let place = client.endpoint().to_string();
                ask(&place)?;
                let _: IgnoredAny = runtime.block_on(call(&client, graph, method, &params))?;
                Ok(place)
            }
        }
    }
}

//! Reads over several graphs as if they were one: a graph named earlier wins.
//!
//! A shard answers for its own graphs; the answers are put together here. A shard that is missing fails the whole
//! read, because "not there" and "not asked" look the same in a union.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use rmpv::Value;
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::error::{CallError, RouterError};
use crate::router::ShardRouter;

#[derive(Serialize)]
struct OfNode<'a> {
    graphs: &'a [&'a str],
    node_id: &'a str,
}

#[derive(Serialize)]
struct OfLabel<'a> {
    graphs: &'a [&'a str],
    label: &'a str,
    limit: usize,
}

impl ShardRouter {
    /// Whether all these graphs are on one shard, so that a union over them is a single call.
    #[must_use]
    pub fn co_resident(&self, graphs: &[&str]) -> bool {
        graphs.iter().all(|graph| self.owner(graph) == self.owner(graphs[0]))
    }

    /// The properties of a node in the first of the graphs that has it.
    ///
    /// # Errors
    /// As [`ShardRouter::call`], of any shard.
    pub async fn union_node_properties(
        &self,
        node_id: &str,
        graphs: &[&str],
    ) -> Result<Option<Value>, RouterError> {
        let asked = self.runs(graphs).into_iter().map(|graphs| async move {
            self.ask("UnionGetNodeProperties", graphs, &OfNode { graphs, node_id }).await
        });
        Ok(try_join_all(asked).await?.into_iter().find(|properties| !properties.is_nil()))
    }

    /// Nodes with a label: each id once, with its properties in the first graph that has it. `limit` 0 is none.
    ///
    /// # Errors
    /// As [`ShardRouter::call`], of any shard.
    pub async fn union_nodes_by_label(
        &self,
        label: &str,
        graphs: &[&str],
        limit: usize,
    ) -> Result<Vec<(String, Value)>, RouterError> {
        // The first `limit` of each shard are enough: an id that one of them repeats was counted before.
        let asked = self.runs(graphs).into_iter().map(|graphs| async move {
            let answer = self.ask("UnionGetNodesByLabel", graphs, &OfLabel { graphs, label, limit }).await?;
            self.entries(graphs, answer, node)
        });
        let rows = try_join_all(asked).await?.into_iter().flatten();
        let mut seen = HashSet::new();
        let distinct = rows.filter(|(id, _)| seen.insert(id.clone()));
        Ok(distinct.take(if limit == 0 { usize::MAX } else { limit }).collect())
    }

    /// The neighbours of a node in any of the graphs, each once.
    ///
    /// # Errors
    /// As [`ShardRouter::call`], of any shard.
    pub async fn union_neighbors(&self, node_id: &str, graphs: &[&str]) -> Result<Vec<String>, RouterError> {
        let asked = self.by_shard(graphs).into_iter().map(|graphs| async move {
            let answer = self.ask("UnionGetNeighbors", &graphs, &OfNode { graphs: &graphs, node_id }).await?;
            self.entries(&graphs, answer, text)
        });
        let ids = try_join_all(asked).await?.into_iter().flatten();
        let mut seen = HashSet::new();
        Ok(ids.filter(|id| seen.insert(id.clone())).collect())
    }

    /// The graphs cut where the shard changes: the answers in this order keep the order of the graphs, which groups
    /// per shard would not.
    fn runs<'a, 'g>(&self, graphs: &'a [&'g str]) -> Vec<&'a [&'g str]> {
        graphs.chunk_by(|a, b| self.owner(a) == self.owner(b)).collect()
    }

    /// The graphs of each shard, for reads whose answer has no order.
    fn by_shard<'g>(&self, graphs: &[&'g str]) -> Vec<Vec<&'g str>> {
        let mut groups: Vec<(&Endpoint, Vec<&'g str>)> = Vec::new();
        for graph in graphs {
            let owner = self.owner(graph);
            match groups.iter_mut().find(|(endpoint, _)| *endpoint == owner) {
                Some((_, group)) => group.push(graph),
                None => groups.push((owner, vec![graph])),
            }
        }
        groups.into_iter().map(|(_, graphs)| graphs).collect()
    }

    async fn ask<P>(&self, method: &str, graphs: &[&str], params: &P) -> Result<Value, RouterError>
    where
        P: Serialize + Sync,
    {
        self.graph(graphs[0]).call_unpacked(method, params).await
    }

    /// The entries of an answer that is a list; nil is an empty one.
    fn entries<T>(
        &self,
        graphs: &[&str],
        answer: Value,
        entry: fn(Value) -> Option<T>,
    ) -> Result<Vec<T>, RouterError> {
        let entries = if let Value::Array(entries) = answer {
            entries.into_iter().map(entry).collect()
        } else {
            answer.is_nil().then(Vec::new)
        };
        entries.ok_or_else(|| {
            let reason = "the union is not a list of what was asked for".to_owned();
            CallError::BadResponse { endpoint: self.owner(graphs[0]).clone(), reason }.into()
        })
    }
}

fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value { text.into_str() } else { None }
}

fn node(value: Value) -> Option<(String, Value)> {
    let Value::Array(pair) = value else { return None };
    let [id, properties] = <[Value; 2]>::try_from(pair).ok()?;
    Some((text(id)?, properties))
}

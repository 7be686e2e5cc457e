//! Reads over several graphs as if they were one: a graph named earlier wins.
//!
//! A shard answers for its own graphs; the answers are put together here. A shard that is missing fails the whole
//! read, because "not there" and "not asked" look the same in a union.

use std::collections::HashSet;

use epistemic_protocol::placement::Endpoint;
use futures_util::future::try_join_all;
use rmpv::Value;
use serde::Serialize;

use crate::client::{decode, unpack};
use crate::error::{CallError, RouterError};
use crate::moves::Way;
use crate::router::ShardRouter;

/// The parameters of a union; what an operation does not have is left out.
#[derive(Default, Clone, Copy, Serialize)]
struct Params<'a> {
    graphs: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    node_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
}

/// Which graphs go into one call.
#[derive(Clone, Copy)]
enum Grouped {
    /// Those that stand together: answers in this order keep the order of the graphs.
    Runs,
    /// All of a shard, for reads whose answer has no order.
    ByShard,
}

/// A shard and graphs on it.
type Group<'g> = (Endpoint, Vec<&'g str>);

impl ShardRouter {
    /// Whether all these graphs are on one shard, so that a union over them is a single call.
    #[must_use]
    pub fn co_resident(&self, graphs: &[&str]) -> bool {
        graphs.windows(2).all(|pair| self.place(pair[0]) == self.place(pair[1]))
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
        let params = Params { graphs, node_id: Some(node_id), ..Params::default() };
        let answers = self.answers("UnionGetNodeProperties", Grouped::Runs, params).await?;
        Ok(answers.into_iter().map(|(_, properties)| properties).find(|properties| !properties.is_nil()))
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
        let params = Params { graphs, label: Some(label), limit: Some(limit), ..Params::default() };
        let answers = self.answers("UnionGetNodesByLabel", Grouped::Runs, params).await?;
        let mut seen = HashSet::new();
        let distinct = entries(answers, node)?.into_iter().filter(|(id, _)| seen.insert(id.clone()));
        Ok(distinct.take(if limit == 0 { usize::MAX } else { limit }).collect())
    }

    /// The neighbours of a node in any of the graphs, each once.
    ///
    /// # Errors
    /// As [`ShardRouter::call`], of any shard.
    pub async fn union_neighbors(&self, node_id: &str, graphs: &[&str]) -> Result<Vec<String>, RouterError> {
        let params = Params { graphs, node_id: Some(node_id), ..Params::default() };
        let answers = self.answers("UnionGetNeighbors", Grouped::ByShard, params).await?;
        let mut seen = HashSet::new();
        Ok(entries(answers, text)?.into_iter().filter(|id| seen.insert(id.clone())).collect())
    }

    /// The answer of each group with the shard that gave it. When one of the graphs turns out to be elsewhere, all are
    /// grouped and asked again: a shard passes over graphs that it never had, so a group cannot follow one of its own.
    async fn answers(
        &self,
        method: &str,
        grouped: Grouped,
        params: Params<'_>,
    ) -> Result<Vec<(Endpoint, Value)>, RouterError> {
        let mut way = Way::new(self, params.graphs, self.deadline_of(method));
        loop {
            let left = way.left();
            let asked = groups(&way, params.graphs, grouped).into_iter().map(|(place, graphs)| async move {
                let params = Params { graphs: &graphs, ..params };
                let result = self.call_at(&place, (graphs[0], method, &params), left).await?;
                let answer = unpack(&place, decode(&place, &result)?)?;
                Ok((place, answer))
            });
            let answers = try_join_all(asked).await;
            if !way.goes_on(&answers).await {
                return answers;
            }
        }
    }
}

fn groups<'g>(way: &Way<'_>, graphs: &[&'g str], grouped: Grouped) -> Vec<Group<'g>> {
    let mut groups: Vec<Group<'g>> = Vec::new();
    for graph in graphs {
        let place = way.place(graph);
        let group = match grouped {
            Grouped::Runs => groups.last_mut().filter(|(last, _)| *last == place),
            Grouped::ByShard => groups.iter_mut().find(|(shard, _)| *shard == place),
        };
        match group {
            Some((_, group)) => group.push(graph),
            None => groups.push((place, vec![graph])),
        }
    }
    groups
}

/// The entries of answers that are lists; nil is an empty one.
fn entries<T>(answers: Vec<(Endpoint, Value)>, entry: fn(Value) -> Option<T>) -> Result<Vec<T>, CallError> {
    let mut all = Vec::new();
    for (endpoint, answer) in answers {
        let entries: Option<Vec<T>> = if let Value::Array(entries) = answer {
            entries.into_iter().map(entry).collect()
        } else {
            answer.is_nil().then(Vec::new)
        };
        all.extend(entries.ok_or_else(|| CallError::BadResponse {
            endpoint,
            reason: "the union is not a list of what was asked for".to_owned(),
        })?);
    }
    Ok(all)
}

fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value { text.into_str() } else { None }
}

fn node(value: Value) -> Option<(String, Value)> {
    let Value::Array(pair) = value else { return None };
    let [id, properties] = <[Value; 2]>::try_from(pair).ok()?;
    Some((text(id)?, properties))
}

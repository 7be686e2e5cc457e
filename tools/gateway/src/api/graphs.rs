//! `GET /api/graphs`: a page of the graphs of all shards. Searching and sorting happen here, so that a tier of a hundred thousand
//! graphs costs a viewer one page. A name that several shards have, as each has `__commons__`, is one row.

mod sort;

use std::collections::HashMap;

use axum::extract::State;
use epistemic_router::owners::Kind;
use epistemic_router::status::{BaseNames, GraphStats};
use serde::{Deserialize, Serialize};

use self::sort::{Column, Key, Sort};
use super::cursor::Cursor;
use super::{Answer, Answered, ApiError, Params};
use crate::Gateway;
use crate::server::Shared;
use crate::watch::Graphs;

/// Rows of a page.
const MAX_ROWS: usize = 200;

/// What a viewer wants to see.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Part of the name, the owner, the tenant or the type, in any case.
    q: String,
    state: Option<Standing>,
    /// The number of a shard that has it.
    shard: Option<usize>,
    /// The whole name of the tenant.
    tenant: Option<String>,
    sort: Sort,
    /// Where the page before ended.
    after: Option<String>,
    limit: Option<usize>,
}

/// How a graph stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    Served,
    /// Its records are damaged: it takes no writes.
    Quarantined,
    /// Clients look for it on another shard.
    Misplaced,
    /// It is on its way to another shard.
    Moving,
    /// Two shards serve it.
    Twice,
}

#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// Graphs on the shards that answered.
    total: usize,
    matched: usize,
    rows: Vec<Row>,
    /// Where the next page begins; null behind the last one.
    next: Option<String>,
    /// Shards whose graphs are not in these numbers.
    missing: Vec<Missing>,
    hidden_graphs: u64,
    /// Of all graphs, not of this page.
    #[serde(flatten)]
    base_names: BaseNames,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) shard: usize,
    /// The shard that clients go to for it.
    belongs_to: Option<usize>,
    /// Others that have the name too.
    also_on: Vec<usize>,
    pub(super) tenant: Option<String>,
    pub(super) owner: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    nodes: u64,
    edges: u64,
    bytes: Option<u64>,
    sequence: u64,
    changed_ms: Option<u64>,
    quarantined: Option<String>,
    state: Standing,
}

#[derive(Debug, Serialize)]
struct Missing {
    shard: usize,
    /// As it told last.
    graphs: Option<u64>,
    age_ms: Option<u64>,
}

/// A name, where it is, and the record of the shard that has it.
struct Entry<'g> {
    graph: &'g GraphStats,
    place: usize,
    also_on: Vec<usize>,
}

impl<'g> Entry<'g> {
    fn key(&self, column: Column) -> Key<'g> {
        let graph = self.graph;
        match column {
            Column::Name => Key::Text(&graph.name),
            Column::Tenant => Key::Text(graph.tenant.as_deref().unwrap_or_default()),
            Column::Owner => Key::Text(graph.owner.as_deref().unwrap_or_default()),
            Column::Shard => Key::Number(self.place as u64),
            Column::Nodes => Key::Number(graph.nodes),
            Column::Edges => Key::Number(graph.edges),
            Column::Bytes => Key::Number(graph.bytes.unwrap_or(0)),
            Column::Changed => Key::Number(graph.changed_ms.unwrap_or(0)),
        }
    }
}

pub(crate) async fn graphs(State((gateway, _)): Shared, Params(wanted): Params<Wanted>) -> Answered<Page> {
    let answers = gateway.all_graphs().await;
    let page = tokio::task::spawn_blocking(move || gateway.graph_page(&wanted, &answers)).await;
    page.map_err(ApiError::internal)?
}

impl Gateway {
    /// One page. Takes long for very many graphs: not for an async thread.
    fn graph_page(&self, wanted: &Wanted, answers: &[Graphs]) -> Result<Answer<Page>, ApiError> {
        let cursor = wanted.after.as_deref().map(Cursor::parse).transpose()?;
        let limit = wanted.limit.unwrap_or(50).clamp(1, MAX_ROWS);
        let entries = self.entries(answers);
        let total = entries.len();
        let q = wanted.q.to_lowercase();
        let moving = self.moving();
        let mut found: Vec<_> = entries
            .into_iter()
            .filter(|entry| finds(&q, entry.graph))
            .filter(|entry| wanted.shard.is_none_or(|number| has(entry, number)))
            .filter(|entry| {
                wanted.tenant.as_deref().is_none_or(|name| entry.graph.tenant.as_deref() == Some(name))
            })
            .filter(|entry| wanted.state.is_none_or(|state| self.state(entry, &moving) == state))
            .collect();
        let (sort, column) = (wanted.sort, wanted.sort.column);
        found.sort_unstable_by(|a, b| {
            sort.order((&a.key(column), &a.graph.name), (&b.key(column), &b.graph.name))
        });
        let matched = found.len();
        let first = cursor.map_or(0, |cursor| {
            let key = cursor.text.as_deref().map_or(Key::Number(cursor.number), Key::Text);
            found.partition_point(|entry| {
                sort.order((&entry.key(column), &entry.graph.name), (&key, &cursor.name)).is_le()
            })
        });
        let last = (first + limit).min(matched);
        let next = (last < matched).then(|| cursor_of(&found[last - 1], column));
        let rows = found[first..last].iter().map(|entry| self.graph_row(entry, &moving)).collect();
        let missing = answers.iter().enumerate().filter(|(_, answer)| answer.is_err());
        let missing = missing.map(|(place, _)| self.missing(place)).collect();
        let hidden_graphs = self.shards.iter().map(|shard| shard.hidden_graphs()).sum();
        let all = answers.iter().flatten().flat_map(|graphs| graphs.iter());
        let base_names = BaseNames::of(all, &self.default_graph);
        let page = Page { total, matched, rows, next, missing, hidden_graphs, base_names };
        Ok(self.answer(0..self.shards.len(), page))
    }

    /// All names, each once: at the shard that it belongs to if that has it, else at the first one that does.
    fn entries<'g>(&self, answers: &'g [Graphs]) -> Vec<Entry<'g>> {
        let mut entries: Vec<Entry<'g>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (place, graphs) in answers.iter().enumerate() {
            for graph in graphs.iter().flat_map(|graphs| graphs.iter()) {
                match places.get(graph.name.as_str()) {
                    None => {
                        places.insert(&graph.name, entries.len());
                        entries.push(Entry { graph, place, also_on: Vec::new() });
                    }
                    Some(&known) => {
                        let entry = &mut entries[known];
                        let is_owner = *self.placement.owner(&graph.name) == self.shards[place].endpoint;
                        if is_owner || (entry.graph.is_empty_commons() && !graph.is_empty_commons()) {
                            entry.also_on.push(entry.place);
                            (entry.graph, entry.place) = (graph, place);
                        } else {
                            entry.also_on.push(place);
                        }
                    }
                }
            }
        }
        entries
    }

    /// The row of a graph of that name, if a shard has it; of that shard if one is meant.
    pub(super) fn find_graph(&self, name: &str, shard: Option<usize>, answers: &[Graphs]) -> Option<Row> {
        let of = |place: usize| -> Option<&GraphStats> {
            let graphs = answers.get(place)?.as_ref().ok()?;
            let at = graphs.binary_search_by(|graph| graph.name.as_str().cmp(name)).ok()?;
            Some(&graphs[at])
        };
        let mut places: Vec<_> = (0..self.shards.len()).filter(|place| of(*place).is_some()).collect();
        let is_best = |place: &usize| match shard {
            Some(number) => *place + 1 == number,
            None => Some(*place) == self.belongs_to(name),
        };
        let best = places
            .iter()
            .position(is_best)
            .or_else(|| (shard.is_none() && !places.is_empty()).then_some(0))?;
        let place = places.remove(best);
        let entry = Entry { graph: of(place)?, place, also_on: places };
        Some(self.graph_row(&entry, &self.moving()))
    }

    fn graph_row(&self, entry: &Entry<'_>, moving: &[String]) -> Row {
        let GraphStats { name, kind, owner, tenant, nodes, edges, sequence, quarantined, bytes, .. } =
            entry.graph;
        let belongs_to = self.belongs_to(name).filter(|_| !entry.graph.is_empty_commons());
        Row {
            name: name.clone(),
            shard: entry.place + 1,
            belongs_to: Some(belongs_to.unwrap_or(entry.place) + 1),
            also_on: entry.also_on.iter().map(|place| place + 1).collect(),
            tenant: tenant.clone(),
            owner: owner.clone(),
            kind: kind.clone(),
            nodes: *nodes,
            edges: *edges,
            bytes: *bytes,
            sequence: *sequence,
            changed_ms: entry.graph.changed_ms,
            quarantined: quarantined.clone(),
            state: self.state(entry, moving),
        }
    }

    fn state(&self, entry: &Entry<'_>, moving: &[String]) -> Standing {
        let name = &entry.graph.name;
        if entry.graph.quarantined.is_some() {
            return Standing::Quarantined;
        }
        let conflict = || {
            let survey = self.owners.latest()?;
            survey.conflicts.iter().find(|conflict| conflict.graph == *name).map(|conflict| conflict.kind)
        };
        if !entry.also_on.is_empty() && conflict() == Some(Kind::TwoOwners) {
            return Standing::Twice;
        }
        if moving.binary_search(name).is_ok() {
            return Standing::Moving;
        }
        let misplaced = self.belongs_to(name) != Some(entry.place) && !entry.graph.is_empty_commons();
        if misplaced { Standing::Misplaced } else { Standing::Served }
    }

    /// The place in the list of the shard that clients go to for that name.
    pub(super) fn belongs_to(&self, name: &str) -> Option<usize> {
        let owner = self.placement.owner(name);
        self.shards.iter().position(|shard| shard.endpoint == *owner)
    }

    /// The graphs that are on their way, sorted.
    fn moving(&self) -> Vec<String> {
        let moves = self.shards.iter().filter_map(|shard| shard.moves());
        let mut names: Vec<_> = moves
            .flat_map(|moves| {
                moves
                    .iter()
                    .filter(|moved| moved.is_running())
                    .map(|moved| moved.graph.clone())
                    .collect::<Vec<_>>()
            })
            .collect();
        names.sort_unstable();
        names
    }

    fn missing(&self, place: usize) -> Missing {
        let known = self.shards[place].known();
        Missing {
            shard: place + 1,
            graphs: known.as_ref().and_then(|known| Some(known.answer.status.as_ref()?.graphs)),
            age_ms: known.map(|known| known.at.elapsed().as_millis() as u64),
        }
    }
}

fn cursor_of(entry: &Entry<'_>, column: Column) -> String {
    let name = entry.graph.name.clone();
    let cursor = match entry.key(column) {
        Key::Text(text) => Cursor { text: Some(text.to_owned()), number: 0, name },
        Key::Number(number) => Cursor { text: None, number, name },
    };
    cursor.to_string()
}

fn has(entry: &Entry<'_>, number: usize) -> bool {
    entry.place + 1 == number || entry.also_on.iter().any(|place| place + 1 == number)
}

/// Whether a part of what is shown of it is `q`, which is in lower case.
fn finds(q: &str, graph: &GraphStats) -> bool {
    let has = |text: &str| text.to_lowercase().contains(q);
    let in_some = |text: &Option<String>| text.as_deref().is_some_and(has);
    q.is_empty() || has(&graph.name) || has(&graph.kind) || in_some(&graph.owner) || in_some(&graph.tenant)
}

#[cfg(test)]
mod tests;

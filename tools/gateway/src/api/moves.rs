//! `GET /api/moves`: what goes on between shards, and what ended; `GET /api/where`: where a tenant goes.

use std::cmp::Reverse;
use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::{Answered, ApiError, Params};
use crate::Gateway;
use crate::moves::{Moved, Standing};
use crate::route::Way;
use crate::server::Shared;

/// Rows of a page.
const MAX_ROWS: usize = 200;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    state: Option<Standing>,
    /// A graph.
    graph: Option<String>,
    /// Rows before the page.
    #[serde(default)]
    after: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Page {
    rows: Vec<Moved>,
    next: Option<String>,
    /// Shards that do not tell this gateway of moves.
    missing: Vec<usize>,
}

pub(crate) async fn moves(State((gateway, _)): Shared, Params(wanted): Params<Wanted>) -> Answered<Page> {
    let mut rows = gateway.moves();
    rows.retain(|moved| wanted.state.is_none_or(|state| moved.state == state));
    rows.retain(|moved| wanted.graph.as_deref().is_none_or(|graph| moved.graph == graph));
    let end = wanted.after.saturating_add(MAX_ROWS);
    let next = (rows.len() > end).then(|| end.to_string());
    let rows = rows.into_iter().skip(wanted.after).take(MAX_ROWS).collect();
    let missing = gateway.shards.iter().enumerate().filter(|(_, shard)| shard.moves().is_none());
    let missing = missing.map(|(place, _)| place + 1).collect();
    Ok(gateway.answer(0..gateway.shards.len(), Page { rows, next, missing }))
}

impl Gateway {
    /// All moves, each once: as the shard tells it that is less far. Those that go on first, then the newest.
    pub(super) fn moves(&self) -> Vec<Moved> {
        let told = self.shards.iter().filter_map(|shard| shard.moves());
        once(told.flat_map(|moves| moves.to_vec()))
    }
}

fn once(told: impl Iterator<Item = Moved>) -> Vec<Moved> {
    let mut found: HashMap<(Option<String>, String, bool), Moved> = HashMap::new();
    for moved in told {
        let key = (moved.id.clone(), moved.graph.clone(), moved.state == Standing::Signpost);
        match found.get_mut(&key) {
            Some(known) if known.state <= moved.state => {}
            Some(known) => *known = moved,
            None => {
                found.insert(key, moved);
            }
        }
    }
    let mut rows: Vec<_> = found.into_values().collect();
    rows.sort_by(|a, b| {
        let order =
            |moved: &Moved| (moved.state, Reverse(moved.at_ms), moved.graph.clone(), moved.id.clone());
        order(a).cmp(&order(b))
    });
    rows
}

/// What is to be placed: a tenant, or a graph by its name.
#[derive(Debug, Deserialize)]
pub(crate) struct Placed {
    tenant: Option<String>,
    graph: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Place {
    tenant: Option<String>,
    graph: Option<String>,
    /// The name that places the graph, when a group of graphs lives together.
    anchor: Option<String>,
    shard: Option<usize>,
    endpoint: Option<String>,
    /// Whether that shard has the graph; null when it does not tell.
    exists: Option<bool>,
    /// The name of the graph does not hold the tenant's id as written: other ids lead to it too.
    rewritten: Option<bool>,
    /// Why no graph has such a name.
    error: Option<String>,
}

pub(crate) async fn place(
    State((gateway, _)): Shared,
    Params(Placed { tenant, graph }): Params<Placed>,
) -> Answered<Place> {
    if tenant.is_some() == graph.is_some() {
        return Err(ApiError::bad_request("give tenant or graph"));
    }
    let Way { graph, anchor, rewritten } = match gateway.way(graph.as_deref(), tenant.as_deref()) {
        Ok(way) => way,
        Err(error) => {
            let error = Some(error.to_string());
            return Ok(gateway.answer([], Place { tenant, error, ..Place::default() }));
        }
    };
    let place =
        gateway.belongs_to(&graph).ok_or_else(|| ApiError::internal("the owner is not in the list"))?;
    let shard = &gateway.shards[place];
    let graphs = shard.graphs().await;
    let has = |graphs: &[epistemic_router::status::GraphStats]| {
        graphs.binary_search_by(|known| known.name.as_str().cmp(&graph)).is_ok()
    };
    let body = Place {
        tenant,
        anchor,
        shard: Some(place + 1),
        endpoint: Some(shard.endpoint.to_string()),
        exists: graphs.ok().map(|graphs| has(&graphs)),
        rewritten: Some(rewritten),
        error: None,
        graph: Some(graph),
    };
    Ok(gateway.answer([place], body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(id: &str, state: Standing, at_ms: Option<u64>) -> Moved {
        Moved {
            id: Some(id.to_owned()),
            graph: "g".to_owned(),
            from: None,
            to: None,
            step: "",
            state,
            done: None,
            of: None,
            left_s: None,
            at_ms,
            ended_ms: None,
        }
    }

    #[test]
    fn a_move_that_two_shards_tell_is_told_once_and_a_signpost_stays() {
        let told = [
            moved("a", Standing::Done, Some(1)),
            moved("b", Standing::Done, Some(2)),
            moved("a", Standing::Signpost, None),
            moved("c", Standing::Done, Some(3)),
            moved("c", Standing::Running, None),
        ];
        let rows = once(told.into_iter());
        let rows: Vec<_> = rows.iter().map(|row| (row.id.as_deref().unwrap(), row.state)).collect();
        assert_eq!(
            rows,
            [
                ("c", Standing::Running),
                ("b", Standing::Done),
                ("a", Standing::Done),
                ("a", Standing::Signpost)
            ]
        );
    }
}

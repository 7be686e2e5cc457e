//! `GET /api/graph` and `/api/graph/ledger`: one graph.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::graphs::Row;
use super::{Answered, ApiError, Params};
use crate::access::Access;
use crate::server::Shared;
use crate::{Gateway, explorer};

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    name: String,
    /// Where a name lies on two.
    shard: Option<usize>,
    before: Option<u64>,
    limit: Option<usize>,
}

/// Of all graphs of its tenant at this shard.
#[derive(Debug, Serialize)]
struct Quota {
    used: Option<u64>,
    limit: u64,
}

#[derive(Serialize)]
struct Tail {
    before: Option<u64>,
    limit: Option<usize>,
}

pub(crate) async fn graph(
    State((gateway, access)): Shared,
    Params(wanted): Params<Wanted>,
) -> Answered<Value> {
    let answers = gateway.all_graphs().await;
    let row = gateway.find_graph(&wanted.name, wanted.shard, &answers).ok_or_else(|| {
        let silent = answers.iter().filter(|answer| answer.is_err()).count();
        let text = match silent {
            0 => format!("no shard shows a graph '{}'", wanted.name),
            _ => format!("no shard that answers shows a graph '{}'; {silent} do not answer", wanted.name),
        };
        ApiError::not_found(text)
    })?;
    let place = row.shard - 1;
    let shard = &gateway.shards[place];
    let look = match explorer::must_serve(shard, "GraphLook") {
        Ok(()) => explorer::call(shard.router(), &wanted.name, "GraphLook", &(), explorer::DEADLINE).await,
        Err(error) => Err(error),
    };
    let graph = gateway.graph(&row, look, &access);
    Ok(gateway.answer([place], graph))
}

pub(crate) async fn ledger(
    State((gateway, access)): Shared,
    Params(Wanted { name, shard, before, limit }): Params<Wanted>,
) -> Answered<Value> {
    let place = gateway.explored(&access, &name, shard).await?;
    let tail = explorer::ask(&gateway.shards[place], &name, "LedgerTail", &Tail { before, limit }).await?;
    Ok(gateway.answer([place], tail))
}

impl Gateway {
    /// The row of the list, and what its shard says of the graph.
    fn graph(&self, row: &Row, look: Result<Value, ApiError>, access: &Access) -> Value {
        let mut found = json!(row);
        match look {
            Ok(mut look) => {
                // Labels are content.
                let shows = self.explorer_is_off(access).is_none();
                for name in ["labels", "labels_exact", "labels_rest"] {
                    found[name] = if shows { look[name].take() } else { Value::Null };
                }
                found["bytes"] = look["sizes"].take();
                found["ledger_from"] = look["ledger_from"].take();
                if !look["changed_ms"].is_null() {
                    found["changed_ms"] = look["changed_ms"].take();
                }
            }
            Err(error) => {
                found["bytes"] = Value::Null;
                found["error"] = json!(error.text());
            }
        }
        found["quota"] = json!(self.quota_of(row));
        let moves = self.moves().into_iter().filter(|moved| moved.graph == row.name);
        found["moves"] = json!(moves.collect::<Vec<_>>());
        found["access"] = json!({ "owner": row.owner });
        found["hidden_graphs"] = json!(self.shards.iter().map(|shard| shard.hidden_graphs()).sum::<u64>());
        found
    }

    fn quota_of(&self, row: &Row) -> Option<Quota> {
        let (tenant, known) = (row.tenant.as_deref()?, self.shards[row.shard - 1].known()?);
        let quotas = known.answer.status.as_ref()?.quotas.as_ref()?;
        let told = quotas.tenants.iter().find(|told| told.tenant == tenant)?;
        let limit = *told.limits.get("stored_bytes")?;
        Some(Quota { used: told.used.get("stored_bytes").copied(), limit })
    }

    /// The place of the shard where a graph is looked into, if that is allowed.
    pub(super) async fn explored(
        &self,
        access: &Access,
        name: &str,
        shard: Option<usize>,
    ) -> Result<usize, ApiError> {
        if let Some(why) = self.explorer_is_off(access) {
            let text = format!("What is in graphs is not shown: {why}");
            return Err(ApiError::new(axum::http::StatusCode::FORBIDDEN, "EXPLORE_OFF", text));
        }
        if let Some(number) = shard {
            return self.place(number);
        }
        let owner =
            self.belongs_to(name).ok_or_else(|| ApiError::internal("the owner is not in the list"))?;
        let at_owner = self.shards[owner]
            .graphs()
            .await
            .is_ok_and(|graphs| graphs.binary_search_by(|graph| graph.name.as_str().cmp(name)).is_ok());
        if at_owner {
            return Ok(owner);
        }
        let answers = self.all_graphs().await;
        // A name that nobody shows is asked for where it would be: that shard says what is wrong.
        Ok(self.find_graph(name, None, &answers).map_or(owner, |row| row.shard - 1))
    }
}

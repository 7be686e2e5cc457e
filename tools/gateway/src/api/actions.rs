//! The few things that an operator can do from the dashboard: take a checkpoint, cancel a move, forget a signpost.

use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answered, ApiError, body};
use crate::Gateway;
use crate::access::{Role, is_our_page};
use crate::explorer::call;
use crate::server::Shared;

/// A checkpoint of a large store takes seconds.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Checkpoint {
    n: usize,
}

#[derive(Debug, Deserialize)]
struct Cancel {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Forget {
    graph: String,
    shard: usize,
}

#[derive(Serialize)]
struct Refuse<'a> {
    move_id: &'a str,
    role: &'a str,
    peer: &'a str,
    name_after: &'a str,
}

/// What was done, in words.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    ok: bool,
    text: String,
}

impl Done {
    fn new(text: String) -> Self {
        tracing::info!("an operator of the dashboard: {text}");
        Self { ok: true, text }
    }
}

/// Lets operators through, from a page of this gateway.
fn may(role: Role, headers: &HeaderMap) -> Result<(), ApiError> {
    if role != Role::Operator {
        return Err(ApiError::forbidden("this needs the token of an operator (--operator-token-file)"));
    }
    if is_our_page(headers) { Ok(()) } else { Err(ApiError::not_our_page()) }
}

pub(crate) async fn checkpoint(
    State((gateway, _)): Shared,
    Extension(role): Extension<Role>,
    headers: HeaderMap,
    text: Bytes,
) -> Answered<Done> {
    may(role, &headers)?;
    let Checkpoint { n } = body(&text)?;
    let place = gateway.place(n)?;
    let said = call(gateway.shards[place].router(), "", "Checkpoint", &(), DEADLINE).await?;
    let done = Done::new(format!("Shard {n}: {}", said.as_str().unwrap_or("the checkpoint is taken")));
    Ok(gateway.answer([place], done))
}

pub(crate) async fn cancel(
    State((gateway, _)): Shared,
    Extension(role): Extension<Role>,
    headers: HeaderMap,
    text: Bytes,
) -> Answered<Done> {
    may(role, &headers)?;
    let Cancel { id } = body(&text)?;
    let moved = gateway
        .moves()
        .into_iter()
        .find(|moved| moved.is_running() && moved.id.as_deref() == Some(id.as_str()));
    let moved =
        moved.ok_or_else(|| ApiError::not_found(format!("no shard tells of a move '{id}' that goes on")))?;
    let (from, to) = (moved.from.clone().unwrap_or_default(), moved.to.clone().unwrap_or_default());
    let (source, destination) = (gateway.listed(&from)?, gateway.listed(&to)?);
    let by_hand = format!("egctl move abort --graph '{}' --from {from} --to {to}", moved.graph);
    // The source decides, as for egctl: only while it has the graph is the move given up from here.
    let refuse = |role, peer| Refuse { move_id: &id, role, peer, name_after: "sent_back" };
    let here =
        call(gateway.shards[source].router(), &moved.graph, "MoveRefuse", &refuse("source", &to), DEADLINE)
            .await?;
    if outcome(&here) != Some("refused") {
        let text = format!("The graph has left its source already. To take it back: {by_hand}");
        return Err(ApiError::new(StatusCode::CONFLICT, "MOVE_CONFLICT", text));
    }
    let there = call(
        gateway.shards[destination].router(),
        &moved.graph,
        "MoveRefuse",
        &refuse("destination", &from),
        DEADLINE,
    )
    .await;
    let text = match there {
        Ok(there) if outcome(&there) == Some("refused") => {
            format!("The move {id} is cancelled: '{}' stays where it was", moved.graph)
        }
        Ok(_) => {
            let text = format!("{to} serves the graph already. Finish the move, or look at both: {by_hand}");
            return Err(ApiError::new(StatusCode::CONFLICT, "MOVE_CONFLICT", text));
        }
        Err(error) => format!(
            "The move {id} is cancelled: '{}' stays where it was. The copy is not dropped yet ({}): {by_hand}",
            moved.graph,
            error.text()
        ),
    };
    Ok(gateway.answer([source, destination], Done::new(text)))
}

pub(crate) async fn forget(
    State((gateway, _)): Shared,
    Extension(role): Extension<Role>,
    headers: HeaderMap,
    text: Bytes,
) -> Answered<Done> {
    may(role, &headers)?;
    let Forget { graph, shard } = body(&text)?;
    let place = gateway.place(shard)?;
    call(gateway.shards[place].router(), &graph, "MoveForget", &json!({}), DEADLINE).await?;
    Ok(gateway.answer([place], Done::new(format!("Shard {shard} has forgotten where '{graph}' went"))))
}

fn outcome(look: &Value) -> Option<&str> {
    look["outcome"]["outcome"].as_str()
}

impl Gateway {
    fn listed(&self, endpoint: &str) -> Result<usize, ApiError> {
        let place = self.shards.iter().position(|shard| shard.endpoint.as_str() == endpoint);
        place.ok_or_else(|| {
            let text = format!("'{endpoint}' is not a shard of this gateway");
            ApiError::new(StatusCode::CONFLICT, "OTHER_LIST", text)
        })
    }
}

//! `GET /api/shard` and `/api/shard/series`: one shard.

use std::collections::BTreeMap;

use axum::extract::State;
use epistemic_router::status::{DamagedGraph, ShardStatus, TenantQuota};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::row::Row;
use super::{Answered, ApiError, Params};
use crate::Gateway;
use crate::clock::unix_ms;
use crate::moves::Moved;
use crate::series::{Hour, Step};
use crate::server::Shared;
use crate::watch::{Known, Watched};

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    n: usize,
    #[serde(default)]
    step_s: Step,
    #[serde(default)]
    since_ms: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Shard {
    shard: Row,
    /// How it is set up; null before it answered once.
    config: Option<Value>,
    tenants: Vec<Tenant>,
    quarantine: Vec<Quarantined>,
    moves: Vec<Moved>,
}

/// A tenant with quotas, and what it uses of them here.
#[derive(Debug, Serialize)]
struct Tenant {
    tenant: String,
    bytes: Option<u64>,
    quota: Option<u64>,
    rps: Option<u64>,
    requests_quota: Option<u64>,
    /// Requests that its quotas refused since it was seen first.
    busy: u64,
    rule: String,
    limits: BTreeMap<String, u64>,
    used: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Quarantined {
    graph: String,
    reason: String,
    since_ms: Option<u64>,
    bytes: Option<u64>,
    works: &'static str,
}

pub(crate) async fn shard(
    State((gateway, _)): Shared,
    Params(Wanted { n, .. }): Params<Wanted>,
) -> Answered<Shard> {
    let place = gateway.place(n)?;
    gateway.shards[place].latest().await;
    let made = tokio::task::spawn_blocking(move || {
        let shard = gateway.shard(place);
        gateway.answer([place], shard)
    });
    made.await.map_err(ApiError::internal)
}

pub(crate) async fn series(
    State((gateway, _)): Shared,
    Params(Wanted { n, step_s, since_ms }): Params<Wanted>,
) -> Answered<Hour> {
    let place = gateway.place(n)?;
    let hour = gateway.shards[place].series().hour(step_s, since_ms, unix_ms());
    Ok(gateway.answer([place], hour))
}

impl Gateway {
    fn shard(&self, place: usize) -> Shard {
        let backups = self.backups.as_ref().map(|file| file.read());
        let watched = &self.shards[place];
        let known = watched.known();
        let status = known.as_ref().and_then(|known| known.answer.status.as_ref());
        Shard {
            shard: self.row(place, backups.as_ref()),
            config: known.as_ref().map(|known| config(watched, known, self.agent_id.as_deref())),
            tenants: status.map(tenants).unwrap_or_default(),
            quarantine: status
                .and_then(|status| status.damage.as_ref())
                .map_or_else(Vec::new, |damage| damage.graphs.iter().cloned().map(Quarantined::of).collect()),
            moves: watched.moves().map(|moves| moves.to_vec()).unwrap_or_default(),
        }
    }
}

impl Quarantined {
    fn of(DamagedGraph { graph, reason, since_ms, bytes }: DamagedGraph) -> Self {
        Self { graph, reason, since_ms, bytes, works: "Reads of sound records work; writes are refused" }
    }
}

fn config(watched: &Watched, known: &Known, agent_id: Option<&str>) -> Value {
    let health = &known.answer.health;
    let mut config = json!({
        "version": health.version,
        "up_s": health.uptime_s,
        "endpoints": health.endpoints,
        "fingerprint": health.endpoints_fingerprint,
        "breaker": watched.breaker.state(),
        "round_trip_ms": known.answer.round_trip.as_secs_f64() * 1000.0,
        "agent_id": agent_id,
    });
    if let Some(status) = &known.answer.status {
        config["durability"] = json!(status.durability);
        config["backend"] = json!(status.backend);
        config["store_id"] = json!(status.store_id);
        config["persist_dir"] = json!(status.persist_dir);
        config["advertise"] = json!(status.advertise);
        config["takes"] = json!(if status.writable { "reads and writes" } else { "reads" });
        config["scrubbed_ms"] = json!(status.scrub.as_ref().and_then(|scrub| scrub.last_ended_ms));
        config["sequence"] = json!(status.sequence);
        let off = status.unix_ms.map(|theirs| theirs as i64 - known.at_ms as i64);
        config["clock_off_ms"] = json!(off);
        config["reclaim_pending_graphs"] = json!(status.reclaim_pending_graphs);
        config["reclaim_pending_bytes"] = json!(status.reclaim_pending_bytes);
        config["memory_budget"] = json!(status.memory.as_ref().map(|memory| memory.budget));
        config["memory_resident"] = json!(status.memory.as_ref().map(|memory| memory.resident));
    }
    config
}

fn tenants(status: &ShardStatus) -> Vec<Tenant> {
    let quotas = status.quotas.as_ref().map(|quotas| quotas.tenants.clone()).unwrap_or_default();
    let tenant = |TenantQuota { tenant, rule, limits, used, refused }: TenantQuota| Tenant {
        bytes: used.get("stored_bytes").copied(),
        quota: limits.get("stored_bytes").copied(),
        rps: used.get("requests_per_second").copied(),
        requests_quota: limits.get("requests_per_second").copied(),
        busy: refused,
        tenant,
        rule,
        limits,
        used,
    };
    quotas.into_iter().map(tenant).collect()
}

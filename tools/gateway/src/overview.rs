//! `GET /api/dashboard/shards`: all that is known of every shard, for the page.

use std::time::Duration;

use epistemic_router::status::{DamageStatus, QuotaStatus};
use epistemic_router::{EndpointList, EndpointStatus};
use serde::Serialize;

use super::Gateway;
use super::clock::unix_ms;
use super::owners::OwnersView;
use super::watch::Look;

/// The tier.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    default_graph: String,
    shards: Vec<ShardView>,
    /// Graphs that two shards serve, or none; absent before that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<OwnersView>,
}

/// One shard. What it did not say is absent, never 0.
#[derive(Debug, Serialize)]
struct ShardView {
    #[serde(flatten)]
    topology: EndpointStatus,
    /// It takes connections and does not answer.
    hung: bool,
    /// Why nothing is known of it, or why clients do not work with it.
    error: Option<String>,
    /// Why it takes no writes.
    refusal: Option<String>,
    /// It takes requests in the clear on an address beyond loopback.
    plaintext_tcp: bool,
    /// What is damaged, a line each; empty when nothing is.
    damage: Vec<String>,
    quarantined_graphs: Option<u64>,
    /// What tenants use of their quotas; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    quotas: Option<QuotaStatus>,
    store_id: Option<String>,
    /// Another store answers here than when the gateway began to look.
    store_changed: Option<String>,
    version: Option<String>,
    uptime_s: Option<u64>,
    graphs: Option<u64>,
    nodes: Option<u64>,
    edges: Option<u64>,
    bytes: Option<u64>,
    requests_per_s: Option<f64>,
    /// Mean of the shard's answers of the last seconds.
    latency_ms: Option<f64>,
    /// Of the gateway's own question.
    round_trip_ms: Option<f64>,
    checkpoint_age_s: Option<u64>,
    /// Since everything on its disk was read last.
    scrub_age_s: Option<u64>,
    /// 0 when it makes no checkpoints by itself.
    checkpoint_interval_s: Option<u64>,
    /// Since the last look.
    seen_ms_ago: Option<u64>,
}

impl Gateway {
    /// All shards as last seen.
    pub(super) async fn overview(&self) -> Overview {
        let topology = self.topology().await;
        let mut shards = Vec::with_capacity(self.shards.len());
        for (status, shard) in topology.endpoints.into_iter().zip(&self.shards) {
            let ours = self.placement.endpoints();
            shards.push(ShardView::new(status, shard.latest().await.as_deref(), ours));
        }
        Overview { default_graph: topology.default_graph, shards, owners: self.owners.view() }
    }
}

impl ShardView {
    fn new(topology: EndpointStatus, look: Option<&Look>, ours: &EndpointList) -> Self {
        let answer = look.and_then(|look| look.seen.answer.as_ref().ok());
        let status = answer.and_then(|answer| answer.status.as_ref());
        let rate = look.and_then(|look| look.rate);
        let newest = status.and_then(|status| status.checkpoints.last());
        let scrubbed = status.and_then(|status| status.scrub.as_ref()?.last_ended_ms);
        Self {
            topology,
            hung: look.is_some_and(|look| look.hung),
            error: look.and_then(|look| match &look.seen.answer {
                Ok(answer) => answer.health.other_list(ours),
                Err(trouble) => Some(trouble.reason.clone()),
            }),
            refusal: status.and_then(|status| status.poisoned.as_ref().or(status.refusal.as_ref())).cloned(),
            plaintext_tcp: status.is_some_and(|status| status.plaintext_tcp),
            damage: status
                .and_then(|status| status.damage.as_ref())
                .map(DamageStatus::lines)
                .unwrap_or_default(),
            quarantined_graphs: status
                .and_then(|status| status.damage.as_ref())
                .map(|damage| damage.quarantined_graphs),
            quotas: status.and_then(|status| status.quotas.clone()).filter(|quotas| quotas.on),
            store_id: status.and_then(|status| status.store_id.clone()),
            store_changed: look.and_then(|look| look.store_changed.clone()),
            version: answer.map(|answer| answer.health.version.clone()),
            uptime_s: answer.map(|answer| answer.health.uptime_s),
            graphs: status.map(|status| status.graphs),
            nodes: status.map(|status| status.nodes),
            edges: status.map(|status| status.edges),
            bytes: status.map(|status| status.bytes),
            requests_per_s: rate.map(|rate| rate.per_second),
            latency_ms: rate.and_then(|rate| rate.latency).map(millis),
            round_trip_ms: answer.map(|answer| millis(answer.round_trip)),
            checkpoint_age_s: newest.map(|newest| unix_ms().saturating_sub(newest.created_ms) / 1000),
            scrub_age_s: scrubbed.map(|ended| unix_ms().saturating_sub(ended) / 1000),
            checkpoint_interval_s: status.map(|status| status.checkpoint_interval_s),
            seen_ms_ago: look.map(|look| look.seen.at.elapsed().as_millis() as u64),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

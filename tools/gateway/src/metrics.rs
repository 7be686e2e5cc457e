//! `GET /metrics`: the series of the reference's gateway, and its own.

use epistemic_build_info::{COMMIT, VERSION};
use epistemic_logging::LogWriter;
use epistemic_process::ProcessUsage;
use epistemic_router::owners::{Kind, Survey};
use epistemic_router::{BreakerState, EndpointStatus, Outcomes};
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry, Result, TextEncoder};

use super::Gateway;
use super::owners::count;

impl Gateway {
    /// The page, in Prometheus text 0.0.4.
    pub(super) async fn metrics(&self) -> Result<String> {
        let topology = self.topology().await;
        let outcomes = self.shards.iter().map(|shard| shard.breaker.outcomes());
        let shards: Vec<_> = topology.endpoints.into_iter().zip(outcomes).collect();
        let page = Page::default();
        page.process()?;
        page.shards(&shards)?;
        if let Some(survey) = self.owners.latest() {
            page.owners(&survey)?;
        }
        let changes = page.counters(
            "epistemic_graph_gateway_store_changes_total",
            "Times that another store answered than at first.",
            &["endpoint"],
        )?;
        for shard in &self.shards {
            changes.with_label_values(&[shard.endpoint.as_str()]).inc_by(shard.store_changes());
        }
        let dropped = page.counters(
            "epistemic_graph_gateway_log_lines_dropped_total",
            "Lines of the process log that could not be written.",
            &[],
        )?;
        dropped.with_label_values::<&str>(&[]).inc_by(self.log.as_ref().map_or(0, LogWriter::dropped));
        page.text()
    }
}

/// Made anew for each request: all values are kept elsewhere.
#[derive(Default)]
struct Page(Registry);

impl Page {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    /// What runs, and what it takes.
    fn process(&self) -> Result<()> {
        let build = self.gauges(
            "epistemic_graph_gateway_build_info",
            "1, of the build that runs.",
            &["version", "commit"],
        )?;
        build.with_label_values(&[VERSION, COMMIT]).set(1);
        ProcessUsage::new(&self.0)?.renew();
        Ok(())
    }

    fn shards(&self, shards: &[(EndpointStatus, Outcomes)]) -> Result<()> {
        let up = self.gauges(
            "agent_utilities_engine_shard_up",
            "1 while the shard takes connections.",
            &["endpoint"],
        )?;
        let requests = self.counters(
            "agent_utilities_engine_shard_requests_total",
            "Calls of this gateway to the shard, by how they ended.",
            &["endpoint", "outcome"],
        )?;
        let breaker = self.gauges(
            "agent_utilities_gateway_engine_breaker_state",
            "Circuit breaker of this gateway: 0 closed, 1 half-open, 2 open.",
            &["endpoint"],
        )?;
        for (shard, Outcomes { ok, connection_error, error, short_circuited }) in shards {
            let endpoint = shard.endpoint.as_str();
            up.with_label_values(&[endpoint]).set(shard.reachable.into());
            for (outcome, calls) in [
                ("ok", ok),
                ("connection_error", connection_error),
                ("error", error),
                ("short_circuited", short_circuited),
            ] {
                requests.with_label_values(&[endpoint, outcome]).inc_by(*calls);
            }
            breaker.with_label_values(&[endpoint]).set(match shard.breaker {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            });
        }
        Ok(())
    }

    fn owners(&self, survey: &Survey) -> Result<()> {
        let conflicts = self.gauges(
            "epistemic_gateway_ownership_conflicts",
            "Graphs that two shards serve (two_owners), or none (no_owner).",
            &["kind"],
        )?;
        for kind in Kind::ALL {
            conflicts.with_label_values(&[kind.name()]).set(count(survey, kind) as i64);
        }
        let unchecked = self.gauges(
            "epistemic_gateway_ownership_unchecked_shards",
            "Shards that did not answer which graphs they serve.",
            &[],
        )?;
        unchecked.with_label_values::<&str>(&[]).set(survey.unasked.len() as i64);
        Ok(())
    }

    fn text(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}

#[cfg(test)]
mod tests {
    use epistemic_router::Endpoint;

    use super::*;

    #[test]
    fn every_series_has_its_endpoint_and_odd_names_are_escaped() {
        let shard = |text, reachable, breaker| EndpointStatus {
            endpoint: Endpoint::parse(text).unwrap(),
            local: false,
            reachable,
            breaker,
        };
        let dead = Outcomes { ok: 7, connection_error: 5, error: 1, short_circuited: 9 };
        let page = Page::default();
        page.shards(&[
            (shard("tcp://a:1", true, BreakerState::Closed), Outcomes::default()),
            (shard("unix:///a\\\"b", false, BreakerState::Open), dead),
        ])
        .unwrap();
        let page = page.text().unwrap();
        for line in [
            r#"agent_utilities_engine_shard_up{endpoint="tcp://a:1"} 1"#,
            r#"agent_utilities_engine_shard_up{endpoint="unix:///a\\\"b"} 0"#,
            r#"agent_utilities_engine_shard_requests_total{endpoint="tcp://a:1",outcome="ok"} 0"#,
            r#"agent_utilities_engine_shard_requests_total{endpoint="unix:///a\\\"b",outcome="connection_error"} 5"#,
            r#"agent_utilities_engine_shard_requests_total{endpoint="unix:///a\\\"b",outcome="short_circuited"} 9"#,
            r#"agent_utilities_gateway_engine_breaker_state{endpoint="tcp://a:1"} 0"#,
            r#"agent_utilities_gateway_engine_breaker_state{endpoint="unix:///a\\\"b"} 2"#,
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        assert_eq!(page.matches("# TYPE").count(), 3);
    }
}

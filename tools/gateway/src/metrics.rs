//! `GET /metrics`: the series of the reference's gateway, in Prometheus text 0.0.4.

use std::fmt::Write;

use epistemic_logging::LogWriter;
use epistemic_router::owners::{Kind, Survey};
use epistemic_router::{BreakerState, EndpointStatus, Outcomes};

use super::Gateway;
use super::owners::count;

impl Gateway {
    /// The page.
    pub(super) async fn metrics(&self) -> String {
        let topology = self.topology().await;
        let outcomes = self.shards.iter().map(|shard| shard.breaker.outcomes());
        let shards: Vec<_> = topology.endpoints.into_iter().zip(outcomes).collect();
        let mut page = render(&shards);
        if let Some(survey) = self.owners.latest() {
            render_owners(&mut page, &survey);
        }
        let name = "epistemic_graph_gateway_store_changes_total";
        family(&mut page, name, "counter", "Times that another store answered than at first.");
        for shard in &self.shards {
            let endpoint = escaped(shard.endpoint.as_str());
            let _ = writeln!(page, "{name}{{endpoint=\"{endpoint}\"}} {}", shard.store_changes());
        }
        let name = "epistemic_graph_gateway_log_lines_dropped_total";
        family(&mut page, name, "counter", "Lines of the process log that could not be written.");
        let _ = writeln!(page, "{name} {}", self.log.as_ref().map_or(0, LogWriter::dropped));
        page
    }
}

/// Errors of writing to a `String` do not exist.
fn render(shards: &[(EndpointStatus, Outcomes)]) -> String {
    let mut page = String::new();
    family(&mut page, "agent_utilities_engine_shard_up", "gauge", "1 while the shard takes connections.");
    for (shard, _) in shards {
        let (endpoint, up) = (escaped(shard.endpoint.as_str()), u8::from(shard.reachable));
        let _ = writeln!(page, "agent_utilities_engine_shard_up{{endpoint=\"{endpoint}\"}} {up}");
    }
    let name = "agent_utilities_engine_shard_requests_total";
    family(&mut page, name, "counter", "Calls of this gateway to the shard, by how they ended.");
    for (shard, Outcomes { ok, connection_error, error, short_circuited }) in shards {
        let endpoint = escaped(shard.endpoint.as_str());
        for (outcome, calls) in [
            ("ok", ok),
            ("connection_error", connection_error),
            ("error", error),
            ("short_circuited", short_circuited),
        ] {
            let _ = writeln!(page, "{name}{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}} {calls}");
        }
    }
    let name = "agent_utilities_gateway_engine_breaker_state";
    family(&mut page, name, "gauge", "Circuit breaker of this gateway: 0 closed, 1 half-open, 2 open.");
    for (shard, _) in shards {
        let state = match shard.breaker {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        let _ = writeln!(page, "{name}{{endpoint=\"{}\"}} {state}", escaped(shard.endpoint.as_str()));
    }
    page
}

fn render_owners(page: &mut String, survey: &Survey) {
    let name = "epistemic_gateway_ownership_conflicts";
    family(page, name, "gauge", "Graphs that two shards serve (two_owners), or none (no_owner).");
    for kind in Kind::ALL {
        let _ = writeln!(page, "{name}{{kind=\"{}\"}} {}", kind.name(), count(survey, kind));
    }
    let name = "epistemic_gateway_ownership_unchecked_shards";
    family(page, name, "gauge", "Shards that did not answer which graphs they serve.");
    let _ = writeln!(page, "{name} {}", survey.unasked.len());
}

fn family(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
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
        let page = render(&[
            (shard("tcp://a:1", true, BreakerState::Closed), Outcomes::default()),
            (shard("unix:///a\\\"b", false, BreakerState::Open), dead),
        ]);
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

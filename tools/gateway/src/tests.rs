//! The JSON of the answers that need no shard.

use std::sync::Arc;

use epistemic_router::{Affinity, ConnectOptions, Endpoint, EndpointList, Secret};
use serde_json::{Value, json};

use super::Gateway;

/// A gateway that watches nothing yet.
pub(super) fn gateway(endpoints: &[&str]) -> Arc<Gateway> {
    let list = endpoints.iter().map(|text| Endpoint::parse(text).unwrap()).collect();
    let list = EndpointList::new(list).unwrap();
    let options = ConnectOptions::default();
    Arc::new(Gateway::new(list, &Secret::none(), &options, Affinity::default(), "__bus__".into()))
}

const SEED: [&str; 3] = ["tcp://localhost:9101", "tcp://localhost:9102", "tcp://localhost:9103"];

fn routes(query: &[(&str, &str)]) -> Value {
    let query: Vec<_> = query.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    serde_json::to_value(gateway(&SEED).routes(&query)).unwrap()
}

#[test]
fn tenants_go_where_the_seed_says() {
    for (tenant, port) in [("acme", 9103), ("globex", 9101), ("initech", 9102)] {
        let route = &routes(&[("tenant", tenant)])["routes"][0];
        assert_eq!(route["graph"], format!("tenant__{tenant}____bus__"));
        assert_eq!(route["shard"], format!("tcp://localhost:{port}"));
        assert_eq!(route["rewritten"], false);
        let scores = route["scores"].as_array().unwrap();
        let best = scores.iter().max_by_key(|score| score["score"].as_str()).unwrap();
        assert_eq!((scores.len(), &best["endpoint"]), (3, &route["shard"]));
    }
    assert_eq!(routes(&[("tenant", "")])["routes"][0]["graph"], "__bus__");
}

#[test]
fn collisions_empty_slugs_and_groups_are_reported() {
    let found = routes(&[("tenant", "Acme Corp"), ("tenant", "acme_corp"), ("tenant", "Acme Corp")]);
    assert_eq!(found["routes"][0]["rewritten"], true);
    assert_eq!(
        found["collisions"],
        json!([{"graph": "tenant__acme_corp____bus__", "tenants": ["Acme Corp", "acme_corp"]}])
    );
    let refused = &routes(&[("tenant", "株式会社")])["routes"][0];
    assert!(refused["error"].as_str().unwrap().contains("株式会社"), "{refused}");
    let lane = &routes(&[("graph", "__ingest_news__")])["routes"][0];
    assert_eq!(lane["anchor"], "__commons__");
    assert_eq!(routes(&[("graph", "a/b <é>")])["routes"][0]["graph"], "a/b <é>");
}

//! What needs no shard.

use std::sync::Arc;

use epistemic_router::{Affinity, ConnectOptions, Endpoint, EndpointList, Secret};

use super::Gateway;

/// A gateway that watches nothing yet.
pub(super) fn gateway(endpoints: &[&str]) -> Arc<Gateway> {
    let list = endpoints.iter().map(|text| Endpoint::parse(text).unwrap()).collect();
    let list = EndpointList::new(list).unwrap();
    let options = ConnectOptions::default();
    Arc::new(Gateway::new(list, &Secret::none(), &options, Affinity::default(), "__bus__".into()))
}

const SEED: [&str; 3] = ["tcp://localhost:9101", "tcp://localhost:9102", "tcp://localhost:9103"];

#[test]
fn tenants_go_where_the_seed_says() {
    let gateway = gateway(&SEED);
    for (tenant, port) in [("acme", 9103), ("globex", 9101), ("initech", 9102)] {
        let way = gateway.way(None, Some(tenant)).unwrap();
        assert_eq!(way.graph, format!("tenant__{tenant}____bus__"));
        assert_eq!(gateway.placement.owner(&way.graph).to_string(), format!("tcp://localhost:{port}"));
        assert!(!way.rewritten && way.anchor.is_none());
    }
    assert_eq!(gateway.way(None, Some("")).unwrap().graph, "__bus__");
}

#[test]
fn rewritten_ids_empty_slugs_and_groups_are_told() {
    let gateway = gateway(&SEED);
    let way = gateway.way(None, Some("Acme Corp")).unwrap();
    assert_eq!((way.graph.as_str(), way.rewritten), ("tenant__acme_corp____bus__", true));
    let refused = gateway.way(None, Some("株式会社")).unwrap_err().to_string();
    assert!(refused.contains("株式会社"), "{refused}");
    let lane = gateway.way(Some("__ingest_news__"), None).unwrap();
    assert_eq!(lane.anchor.as_deref(), Some("__commons__"));
    assert_eq!(gateway.way(Some("a/b <é>"), None).unwrap().graph, "a/b <é>");
}

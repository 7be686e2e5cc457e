//! Parameters in which every method finds what it takes, with one name wherever a graph or a channel is named.

use epistemic_tests::Value;
use epistemic_tests::wire::{bin, map, params};

/// All parameters that any method takes, with `name` wherever a graph or a channel is named. Methods pass over those of
/// others.
pub(crate) fn everything(name: &str) -> Option<Value> {
    let texts = |items: &[&str]| Value::Array(items.iter().map(|&item| item.into()).collect());
    params([
        ("graph_name", name.into()),
        ("graph", name.into()),
        ("other_graph", name.into()),
        ("pattern_graph_name", name.into()),
        ("graphs", texts(&[name])),
        ("names", texts(&[name])),
        ("rename", name.into()),
        ("channel_id", name.into()),
        ("graph_type", "Agent".into()),
        ("channel_type", "Group".into()),
        ("creator", "acme".into()),
        ("agent_id", "acme".into()),
        ("sender", "acme".into()),
        ("payload", "x".into()),
        ("initial_members", Value::Array(Vec::new())),
        ("node_id", "n".into()),
        ("node_ids", texts(&["n"])),
        ("source_id", "n".into()),
        ("target_id", "n".into()),
        ("owner", "acme".into()),
        ("edges", Value::Array(Vec::new())),
        ("label", "Mark".into()),
        ("node_type", "Mark".into()),
        ("limit", 10.into()),
        ("threshold", 1.into()),
        ("resolution", 1.0.into()),
        ("damping", 0.85.into()),
        ("iterations", 3.into()),
        ("seed_nodes", Value::Array(Vec::new())),
        ("max_depth", 2.into()),
        ("max_tokens", 100.into()),
        ("max_nodes", 100.into()),
        ("max_age_secs", 1_000_000.into()),
        ("min_score", 0.0.into()),
        ("n_results", 3.into()),
        ("query_embedding", Value::Array(vec![1.0.into()])),
        ("embedding", Value::Array(vec![1.0.into()])),
        ("properties_msgpack", bin([0x80])),
        ("conditions_msgpack", bin([0x80])),
        ("updates_msgpack", bin([0x80])),
        ("operations_msgpack", bin([0x90])),
        ("msgpack", bin([0x80])),
        ("transactions", Value::Array(Vec::new())),
        ("event_type", "x".into()),
        ("query", "x".into()),
        ("by", "text".into()),
        ("direction", "both".into()),
        ("signatures", Value::Array(Vec::new())),
        ("mutation_type", "x".into()),
        ("txn_id", "txn-0".into()),
        ("role", "Agent".into()),
        ("teams", Value::Array(Vec::new())),
        ("signature", "".into()),
        ("replace", true.into()),
        ("upload", 1.into()),
        ("cursor", 1.into()),
        ("max_bytes", 1000.into()),
        ("data", bin([0])),
        ("after", Value::Nil),
        ("move_id", "m".into()),
        ("from", "tcp://127.0.0.1:9".into()),
        ("to", "tcp://127.0.0.1:9".into()),
        ("peer", "tcp://127.0.0.1:9".into()),
        ("lease_ms", 1000.into()),
        ("token", 1.into()),
        ("graph_id", 1.into()),
        ("epoch", 1.into()),
        ("term", 1.into()),
        ("sequence", 1.into()),
        ("records", bin([])),
        ("tenant", "victim".into()),
        ("limits", Value::Array(Vec::new())),
        ("keep", Value::Nil),
        ("session", 999_999.into()),
    ])
}

/// With what does not fit all methods left out, so that more of them get past their decoders.
pub(crate) fn forms(name: &str) -> Vec<Option<Value>> {
    let Some(Value::Map(all)) = everything(name) else { return Vec::new() };
    let without = |left_out: &[&str]| {
        let kept = all.iter().filter(|(key, _)| !left_out.contains(&key.as_str().unwrap_or_default()));
        Some(Value::Map(kept.cloned().collect()))
    };
    let named = map([("graph_name", name.into())]);
    vec![
        everything(name),
        without(&["move_id", "tenant", "after"]),
        without(&["tenant", "role", "replace", "move_id"]),
        Some(named),
        None,
    ]
}

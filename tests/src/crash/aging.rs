//! Nodes that were seen long ago, and nodes that were touched.
//!
//! An aged node was last seen in 1970 and has little confidence: it goes with each sweep, whenever that runs. A touched one was
//! seen in this run, and stays. When exactly is the server's choice, and left out of the comparison.

use crate::wire::{Value, map, pack, unpack};

/// Seconds, in 1970.
const LONG_AGO: u64 = 1000;
/// No server of today sets an earlier time.
const RECENT: u64 = 1_600_000_000;
const CONFIDENCE: f64 = 0.9;

/// Half-life in seconds, and the floor under which a sweep removes: aged nodes are under it, touched ones are not.
pub(super) const SWEEP: (f64, f64) = (1e9, 0.5);
/// Age in seconds and score under which `PruneByLifecycle` removes.
pub(super) const PRUNE: (u64, f64) = (1000, 0.95);

/// Properties of an aged node.
pub(super) fn aged(fields: [(&str, Value); 2]) -> Value {
    let [first, second] = fields;
    map([("confidence", CONFIDENCE.into()), ("last_access", LONG_AGO.into()), first, second])
}

pub(super) fn is_aged(properties: &[u8]) -> bool {
    last_access(properties) == Some(LONG_AGO.into())
}

pub(super) fn is_touched(properties: &[u8]) -> bool {
    last_access(properties).is_some_and(|time| time != LONG_AGO.into())
}

/// Properties once they are touched, as [`comparable`] has them.
pub(super) fn touched(properties: &[u8]) -> Vec<u8> {
    with_vitals(properties, Value::from(100), Value::from("now"))
}

/// Property bytes for comparison: those of a touched node with `"now"` as the time and the confidence in hundredths, all others
/// as they are.
pub(super) fn comparable(properties: Vec<u8>) -> Vec<u8> {
    let recent = last_access(&properties).and_then(|time| time.as_u64()).is_some_and(|time| time >= RECENT);
    let confidence = field_of(&properties, "confidence").and_then(|confidence| confidence.as_f64());
    match confidence {
        Some(confidence) if recent => {
            with_vitals(&properties, ((confidence * 100.0).round() as u64).into(), "now".into())
        }
        _ => properties,
    }
}

fn last_access(properties: &[u8]) -> Option<Value> {
    field_of(properties, "last_access")
}

fn field_of(properties: &[u8], name: &str) -> Option<Value> {
    crate::wire::field(&unpack(properties).ok()?, name).cloned()
}

/// With sorted keys, as the server writes them.
fn with_vitals(properties: &[u8], confidence: Value, last_access: Value) -> Vec<u8> {
    let Ok(Value::Map(fields)) = unpack(properties) else { return properties.to_vec() };
    let own = |(name, _): &(Value, Value)| !matches!(name.as_str(), Some("confidence" | "last_access"));
    let mut fields: Vec<(Value, Value)> = fields.into_iter().filter(own).collect();
    fields.push(("confidence".into(), confidence));
    fields.push(("last_access".into(), last_access));
    fields.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    pack(&Value::Map(fields))
}

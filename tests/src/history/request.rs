//! Writes as requests.

use super::event::Change;
use crate::wire::{Value, bin, map, pack, params, unpack};

/// Method and parameters of a write.
pub(super) fn request(changes: &[Change]) -> (&'static str, Option<Value>) {
    let text = |text: &String| Value::from(text.as_str());
    match changes {
        [Change::AddNode { id, properties }] => {
            ("AddNode", params([("node_id", text(id)), ("properties_msgpack", bin(properties.as_slice()))]))
        }
        [Change::RemoveNode { id }] => ("RemoveNode", params([("node_id", text(id))])),
        [Change::AddEdge { source, target, properties }] => {
            let ends = [("source_id", text(source)), ("target_id", text(target))];
            let properties = ("properties_msgpack", bin(properties.as_slice()));
            ("AddEdge", params(ends.into_iter().chain([properties])))
        }
        [Change::RemoveEdge { source, target }] => {
            ("RemoveEdge", params([("source_id", text(source)), ("target_id", text(target))]))
        }
        [Change::AddEmbedding { node, components }] => {
            let components = components.chunks_exact(4);
            let component = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
            let components = components.map(|bytes| f64::from(component(bytes)).into()).collect();
            ("AddEmbedding", params([("node_id", text(node)), ("embedding", Value::Array(components))]))
        }
        several => {
            let operations = Value::Array(several.iter().map(operation).collect());
            ("BatchUpdate", params([("operations_msgpack", bin(pack(&operations)))]))
        }
    }
}

fn operation(change: &Change) -> Value {
    let text = |text: &String| Value::from(text.as_str());
    let view = |properties: &[u8]| unpack(properties).expect("whole MessagePack values");
    match change {
        Change::AddNode { id, properties } => {
            map([("op", "add_node".into()), ("id", text(id)), ("properties", view(properties))])
        }
        Change::RemoveNode { id } => map([("op", "remove_node".into()), ("id", text(id))]),
        Change::AddEdge { source, target, properties } => map([
            ("op", "add_edge".into()),
            ("source", text(source)),
            ("target", text(target)),
            ("properties", view(properties)),
        ]),
        Change::RemoveEdge { source, target } => {
            map([("op", "remove_edge".into()), ("source", text(source)), ("target", text(target))])
        }
        Change::AddEmbedding { .. } => unreachable!("a batch has no embeddings"),
    }
}

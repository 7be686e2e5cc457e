//! Nodes and edges as rows.

use epistemic_operations::data::{Edge, Properties, labels};
use epistemic_operations::names::shown;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::rows::Row;

/// A node.
#[derive(Serialize)]
pub(super) struct NodeRow<'n> {
    pub(super) id: &'n str,
    /// Its type and labels.
    labels: Vec<&'n str>,
    properties: Option<Box<RawValue>>,
    /// Base64 of the property bytes, where JSON cannot tell them.
    #[serde(skip_serializing_if = "Option::is_none")]
    msgpack: Option<String>,
}

impl<'n> NodeRow<'n> {
    pub(super) fn new(id: &'n str, bytes: &'n [u8]) -> Self {
        let Properties { json, msgpack } = Properties::of(bytes);
        Self { id, labels: labels(bytes), properties: json, msgpack }
    }
}

impl Row for NodeRow<'_> {
    fn text(&self) -> String {
        format!("{}  {}", shown(self.id), line(self.properties.as_deref(), self.msgpack.as_deref()))
    }
}

/// The id of a node alone.
#[derive(Serialize)]
pub(super) struct IdRow<'n> {
    pub(super) id: &'n str,
}

impl Row for IdRow<'_> {
    fn text(&self) -> String {
        shown(self.id)
    }
}

/// An edge.
#[derive(Serialize)]
pub(super) struct EdgeRow<'e> {
    source: &'e str,
    target: &'e str,
    properties: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msgpack: Option<String>,
}

impl<'e> EdgeRow<'e> {
    pub(super) fn new(edge: &'e Edge) -> Self {
        let Properties { json, msgpack } = Properties::of(&edge.properties);
        Self { source: &edge.source, target: &edge.target, properties: json, msgpack }
    }

    /// The properties on one line.
    pub(super) fn line(&self) -> String {
        line(self.properties.as_deref(), self.msgpack.as_deref())
    }
}

impl Row for EdgeRow<'_> {
    fn text(&self) -> String {
        format!("{}  {}  {}", shown(self.source), shown(self.target), self.line())
    }
}

fn line(json: Option<&RawValue>, msgpack: Option<&str>) -> String {
    Properties { json: json.map(ToOwned::to_owned), msgpack: msgpack.map(str::to_owned) }.line()
}

//! A ledger record for people and programs.

use anyhow::Result;
use epistemic_storage::graph::LedgerRecord;
use serde::Serialize;
use serde_json::value::RawValue;

use super::properties::Properties;
use crate::names::shown;

/// A change of a graph.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Its number.
    pub sequence: u64,
    /// When it was made, Unix milliseconds by the clock of its shard.
    pub unix_ms: u64,
    /// What was done, such as `add_node`.
    pub change: &'static str,
    /// The node that it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where the edge begins that it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The change that added that edge, where one of several parallel ones is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<u64>,
    /// The properties it has since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Box<RawValue>>,
    /// Base64 of their bytes, where JSON cannot tell them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgpack: Option<String>,
    /// Components of an embedding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<usize>,
    /// A line that came with an imported document, or the new owner; nobody, where it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Change {
    /// Decodes a record.
    ///
    /// # Errors
    /// The bytes are not one.
    pub fn decode(sequence: u64, record: &[u8]) -> Result<Self> {
        let (record, unix_ms) = LedgerRecord::decode(record)?;
        let of = |change: &'static str| Self {
            sequence,
            unix_ms,
            change,
            node: None,
            source: None,
            target: None,
            edge: None,
            properties: None,
            msgpack: None,
            components: None,
            text: None,
        };
        Ok(match record {
            LedgerRecord::AddNode { id, properties } => of("add_node").at_node(id).with(properties),
            LedgerRecord::SetNode { id, properties } => of("set_node").at_node(id).with(properties),
            LedgerRecord::RemoveNode { id } => of("remove_node").at_node(id),
            LedgerRecord::AddEdge { source, target, properties } => {
                of("add_edge").at_edge(source, target).with(properties)
            }
            LedgerRecord::SetEdge { source, target, edge, properties } => {
                Self { edge: Some(edge), ..of("set_edge").at_edge(source, target).with(properties) }
            }
            LedgerRecord::RemoveEdge { source, target } => of("remove_edges").at_edge(source, target),
            LedgerRecord::RemoveParallel { source, target, edge } => {
                Self { edge: Some(edge), ..of("remove_edge").at_edge(source, target) }
            }
            LedgerRecord::AddEmbedding { node, components } => Self {
                components: Some(components.len() / size_of::<f32>()),
                ..of("add_embedding").at_node(node)
            },
            LedgerRecord::Text(line) => Self { text: Some(line.to_owned()), ..of("text") },
            LedgerRecord::Created => of("create_graph"),
            LedgerRecord::Cleared => of("clear_graph"),
            LedgerRecord::Replaced => of("replace_graph"),
            LedgerRecord::LedgerCleared => of("clear_ledger"),
            LedgerRecord::Owned { owner } => Self { text: Some(owner.to_owned()), ..of("set_owner") },
        })
    }

    fn at_node(self, node: &str) -> Self {
        Self { node: Some(node.to_owned()), ..self }
    }

    fn at_edge(self, source: &str, target: &str) -> Self {
        Self { source: Some(source.to_owned()), target: Some(target.to_owned()), ..self }
    }

    fn with(self, properties: &[u8]) -> Self {
        let Properties { json, msgpack } = Properties::of(properties);
        Self { properties: json, msgpack, ..self }
    }

    /// What was done, on one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut words = vec![self.change.to_owned()];
        words.extend([&self.node, &self.source, &self.target].into_iter().flatten().map(|name| shown(name)));
        words.extend(self.edge.map(|edge| format!("(edge {edge})")));
        words.extend(self.components.map(|count| format!("({count} components)")));
        words.extend(self.text.as_ref().map(|text| shown(text)));
        let properties = Properties { json: self.properties.clone(), msgpack: self.msgpack.clone() };
        words.push(properties.line());
        words.join(" ").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_what_they_were_done_to() {
        let line = |record: LedgerRecord<'_>| Change::decode(7, &record.encode(5)).unwrap().line();
        assert_eq!(
            line(LedgerRecord::AddNode { id: "n\n1", properties: b"\x81\xa1a\x01" }),
            r#"add_node "n\n1" {"a":1}"#
        );
        assert_eq!(line(LedgerRecord::RemoveEdge { source: "a", target: "" }), r#"remove_edges a """#);
        let edge = LedgerRecord::SetEdge { source: "a", target: "b", edge: 3, properties: b"\x80" };
        assert_eq!(line(edge), "set_edge a b (edge 3) {}");
        assert_eq!(
            line(LedgerRecord::AddEmbedding { node: "n", components: &[0; 8] }),
            "add_embedding n (2 components)"
        );
        assert_eq!(line(LedgerRecord::Cleared), "clear_graph");
        assert!(Change::decode(1, b"\xff").is_err());
    }
}

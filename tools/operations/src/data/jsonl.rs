//! A graph as lines of JSON, and one such line read.
//!
//! The first line tells of the graph, the last what came before it, so that a file that was cut off is known. Both may be
//! missing in files that others made.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::properties::{Properties, from_json};
use super::records::Item;
use super::source::{Edge, Summary};

/// Writes a graph as lines of JSON.
pub struct JsonLines<W> {
    out: W,
    nodes: u64,
    edges: u64,
    embeddings: u64,
}

#[derive(Serialize)]
struct First<'a> {
    #[serde(rename = "type")]
    line: &'static str,
    graph: &'a str,
    kind: &'a str,
    owner: Option<&'a str>,
    sequence: u64,
    nodes: u64,
    edges: u64,
}

#[derive(Serialize)]
struct Last {
    #[serde(rename = "type")]
    line: &'static str,
    nodes: u64,
    edges: u64,
    embeddings: u64,
}

#[derive(Serialize, Default)]
struct Row<'a> {
    #[serde(rename = "type")]
    line: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msgpack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<&'a [f32]>,
}

impl<W: Write> JsonLines<W> {
    /// Writes the first line.
    pub fn begin(mut out: W, graph: &str, summary: &Summary) -> io::Result<Self> {
        let Summary { kind, owner, nodes, edges, sequence, .. } = summary;
        let (kind, owner) = (kind.as_str(), owner.as_deref());
        let first =
            First { line: "graph", graph, kind, owner, sequence: *sequence, nodes: *nodes, edges: *edges };
        write_line(&mut out, &first)?;
        Ok(Self { out, nodes: 0, edges: 0, embeddings: 0 })
    }

    /// Writes a node, an edge or an embedding. Ledger records are left out.
    pub fn write(&mut self, item: &Item) -> io::Result<()> {
        let row = match item {
            Item::Node { id, properties } => {
                self.nodes += 1;
                let Properties { json, msgpack } = Properties::of(properties);
                Row { line: "node", id: Some(id), properties: json, msgpack, ..Row::default() }
            }
            Item::Edge(Edge { source, target, properties }) => {
                self.edges += 1;
                let Properties { json, msgpack } = Properties::of(properties);
                let (source, target) = (Some(source.as_str()), Some(target.as_str()));
                Row { line: "edge", source, target, properties: json, msgpack, ..Row::default() }
            }
            Item::Embedding { node, components } => {
                self.embeddings += 1;
                Row { line: "embedding", node: Some(node), components: Some(components), ..Row::default() }
            }
            Item::Ledger { .. } => return Ok(()),
        };
        write_line(&mut self.out, &row)
    }

    /// Writes the last line and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        let Self { nodes, edges, embeddings, .. } = self;
        write_line(&mut self.out, &Last { line: "end", nodes, edges, embeddings })?;
        Ok(self.out)
    }
}

fn write_line(out: &mut impl Write, row: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, row)?;
    out.write_all(b"\n")
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// Of the graph, with its nodes and edges.
    Graph { nodes: Option<u64>, edges: Option<u64> },
    /// Something that is in it.
    Item(Item),
    /// What came before it.
    End { nodes: u64, edges: u64, embeddings: u64 },
}

/// All fields that lines have. One that is written wrong would be left out without a word, so it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    line: Cow<'a, str>,
    id: Option<String>,
    source: Option<String>,
    target: Option<String>,
    node: Option<String>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    msgpack: Option<String>,
    #[serde(borrow)]
    components: Option<Vec<&'a RawValue>>,
    nodes: Option<u64>,
    edges: Option<u64>,
    embeddings: Option<u64>,
    #[serde(rename = "graph")]
    _graph: Option<String>,
    #[serde(rename = "kind")]
    _kind: Option<String>,
    #[serde(rename = "owner")]
    _owner: Option<String>,
    #[serde(rename = "sequence")]
    _sequence: Option<u64>,
}

impl Line {
    /// Reads a line; the error says what is wrong with it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut fields: Fields<'_> = serde_json::from_slice(text).map_err(|error| {
            let column = error.column();
            let words = error.to_string();
            // A line is one line of JSON: its number is told beside this.
            let words = words.split(" at line ").next().unwrap_or_default();
            format!("{words}, at column {column}")
        })?;
        let missing = |field: &str| format!("a line of type {:?} needs the field {field:?}", fields.line);
        Ok(match fields.line.as_ref() {
            "node" => {
                let id = fields.id.take().ok_or_else(|| missing("id"))?;
                Self::Item(Item::Node { id, properties: fields.properties()? })
            }
            "edge" => {
                let source = fields.source.take().ok_or_else(|| missing("source"))?;
                let target = fields.target.take().ok_or_else(|| missing("target"))?;
                Self::Item(Item::Edge(Edge { source, target, properties: fields.properties()? }))
            }
            "embedding" => {
                let node = fields.node.take().ok_or_else(|| missing("node"))?;
                let components = fields.components.take().ok_or_else(|| missing("components"))?;
                // Read as what they are: by way of a double, some would come out as their neighbour.
                let number =
                    |text: &&RawValue| text.get().parse().ok().filter(|number: &f32| number.is_finite());
                let components = components.iter().map(number).collect::<Option<_>>();
                let components = components.ok_or("a component is no finite float32 number")?;
                Self::Item(Item::Embedding { node, components })
            }
            "graph" => Self::Graph { nodes: fields.nodes, edges: fields.edges },
            "end" => Self::End {
                nodes: fields.nodes.ok_or_else(|| missing("nodes"))?,
                edges: fields.edges.ok_or_else(|| missing("edges"))?,
                embeddings: fields.embeddings.ok_or_else(|| missing("embeddings"))?,
            },
            other => {
                return Err(format!("{other:?} is no type of a line: node, edge, embedding, graph or end"));
            }
        })
    }
}

impl Fields<'_> {
    /// The bytes that are to be stored; those that are told as bytes go before the JSON. None are an empty map.
    fn properties(&self) -> Result<Vec<u8>, String> {
        if let Some(text) = &self.msgpack {
            return STANDARD.decode(text).map_err(|error| format!("\"msgpack\" is no base64: {error}"));
        }
        let Some(json) = self.properties else { return Ok(vec![0x80]) };
        if !json.get().starts_with('{') {
            return Err("\"properties\" is no object".to_owned());
        }
        from_json(json).ok_or_else(|| "\"properties\" has numbers or depths that cannot be stored".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(item: &Item) -> String {
        let summary = Summary {
            kind: "Agent".to_owned(),
            owner: None,
            nodes: 0,
            edges: 0,
            sequence: 0,
            ledger_from: None,
        };
        let mut lines = JsonLines::begin(Vec::new(), "g", &summary).unwrap();
        lines.write(item).unwrap();
        let text = String::from_utf8(lines.finish().unwrap()).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    }

    #[test]
    fn every_item_comes_back_as_it_was() {
        let node =
            |id: &str, properties: &[u8]| Item::Node { id: id.to_owned(), properties: properties.to_vec() };
        for it in [
            node("", b"\x80"),
            node("n\n\u{0}\"1", b"\x81\xa4type\xa1t"),
            node("opaque", b"\xc1\xff"),
            node("none", b""),
            node("bytes", b"\x81\xa1b\xc4\x01\xff"),
            Item::Edge(Edge { source: "a".to_owned(), target: String::new(), properties: b"\x80".to_vec() }),
            Item::Embedding { node: "n".to_owned(), components: vec![0.1, -3.0e-20, 1.0, f32::MAX] },
        ] {
            assert_eq!(Line::parse(item(&it).as_bytes()), Ok(Line::Item(it)));
        }
        assert_eq!(item(&node("n", b"\x81\xa1a\x01")), r#"{"type":"node","id":"n","properties":{"a":1}}"#);
    }

    #[test]
    fn wrong_lines_say_what_is_wrong() {
        for (line, told) in [
            (r#"{"type":"node"}"#, "needs the field \"id\""),
            (r#"{"type":"node","id":"n","propertis":{}}"#, "unknown field `propertis`"),
            (r#"{"type":"node","id":"n","properties":7}"#, "no object"),
            (r#"{"type":"node","id":"n","properties":{"a":1e999}}"#, "cannot be stored"),
            (r#"{"type":"edge","source":"a"}"#, "\"target\""),
            (r#"{"type":"vertex"}"#, "is no type of a line"),
            (r#"{"type":"node","id":"n","msgpack":"%"}"#, "base64"),
            (r#"{"type":"embedding","node":"n","components":[1e39]}"#, "finite"),
            (r#"{"type":"node","id":"n""#, "at column"),
            ("nodes,edges", "at column"),
            ("", "at column"),
        ] {
            let error = Line::parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }
}

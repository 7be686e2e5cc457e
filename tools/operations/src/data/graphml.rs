//! A graph as GraphML, which Gephi, yEd and networkx open.
//!
//! The names and types of all properties stand before the first node, so nodes and edges are written to a file beside it until
//! they are all known.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Seek, Write};

use fs_err as fs;

use super::properties::{Kind, texts};
use super::records::Item;
use super::source::Edge;

/// Properties of different names that are written; a graph with more is none for these programs.
const MOST_NAMES: usize = 10_000;

/// Writes a graph as GraphML.
pub struct GraphMl {
    graph: String,
    body: BufWriter<fs::File>,
    keys: [Keys; 2],
    edges: u64,
}

/// The properties of nodes, or of edges: number and type by name.
#[derive(Default)]
struct Keys(BTreeMap<String, (usize, Kind)>);

impl GraphMl {
    /// Begins; `body` is a file for as long as it is written, empty and to be removed by the caller.
    #[must_use]
    pub fn begin(graph: &str, body: fs::File) -> Self {
        Self {
            graph: graph.to_owned(),
            body: BufWriter::new(body),
            keys: [Keys::default(), Keys::default()],
            edges: 0,
        }
    }

    /// Writes a node or an edge; embeddings and ledger records have no place in it.
    ///
    /// # Errors
    /// The file fails, or there are more than 10,000 names of properties.
    pub fn write(&mut self, item: &Item) -> io::Result<()> {
        match item {
            Item::Node { id, properties } => {
                writeln!(self.body, "    <node id=\"{}\">", attribute(&name(id)))?;
                self.data(0, properties)?;
                self.body.write_all(b"    </node>\n")
            }
            Item::Edge(Edge { source, target, properties }) => {
                let (source, target) = (attribute(&name(source)), attribute(&name(target)));
                let id = self.edges;
                self.edges += 1;
                writeln!(self.body, "    <edge id=\"e{id}\" source=\"{source}\" target=\"{target}\">")?;
                self.data(1, properties)?;
                self.body.write_all(b"    </edge>\n")
            }
            Item::Embedding { .. } | Item::Ledger { .. } => Ok(()),
        }
    }

    fn data(&mut self, of: usize, properties: &[u8]) -> io::Result<()> {
        let prefix = PREFIXES[of];
        for (name, value) in texts(properties) {
            let keys = &mut self.keys[of].0;
            let count = keys.len();
            let number = match keys.get_mut(&name) {
                Some((number, kind)) => {
                    *kind = kind.with(value.kind);
                    *number
                }
                None if count == MOST_NAMES => {
                    let message = format!(
                        "the graph has properties of more than {MOST_NAMES} names: export it with --format jsonl"
                    );
                    return Err(io::Error::other(message));
                }
                None => {
                    keys.insert(name, (count, value.kind));
                    count
                }
            };
            writeln!(self.body, "      <data key=\"{prefix}{number}\">{}</data>", text(&value.text))?;
        }
        Ok(())
    }

    /// Writes the document.
    pub fn finish(self, mut out: impl Write) -> io::Result<()> {
        out.write_all(
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
              <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" \
              xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
              xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns \
              http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd\">\n",
        )?;
        for ((keys, prefix), what) in self.keys.iter().zip(PREFIXES).zip(["node", "edge"]) {
            for (name, (number, kind)) in &keys.0 {
                let (name, kind) = (attribute(name), type_name(*kind));
                writeln!(
                    out,
                    "  <key id=\"{prefix}{number}\" for=\"{what}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>"
                )?;
            }
        }
        writeln!(out, "  <graph id=\"{}\" edgedefault=\"directed\">", attribute(&self.graph))?;
        let mut body = self.body.into_inner().map_err(|error| error.into_error())?;
        body.rewind()?;
        io::copy(&mut body, &mut out)?;
        out.write_all(b"  </graph>\n</graphml>\n")
    }
}

/// How the ids of keys begin: of nodes, of edges.
const PREFIXES: [&str; 2] = ["n", "e"];

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Long => "long",
        Kind::Double => "double",
        Kind::Text => "string",
    }
}

/// Characters that XML 1.0 cannot hold, not even escaped.
fn is_forbidden(letter: char) -> bool {
    matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The id of a node: as it is, unless XML cannot hold it. Two ids never become the same.
fn name(id: &str) -> String {
    if !id.contains(is_forbidden) && !id.contains("\\u{") {
        return id.to_owned();
    }
    let mut name = String::new();
    for letter in id.chars() {
        if letter == '\\' || is_forbidden(letter) {
            // Writing to a string cannot fail.
            let _ = write!(name, "\\u{{{:x}}}", u32::from(letter));
        } else {
            name.push(letter);
        }
    }
    name
}

/// The value of an attribute. Blanks other than the space would become one.
fn attribute(value: &str) -> String {
    escape(value, true)
}

fn text(value: &str) -> String {
    escape(value, false)
}

fn escape(value: &str, in_attribute: bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if in_attribute => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            '\n' if in_attribute => escaped.push_str("&#10;"),
            '\t' if in_attribute => escaped.push_str("&#9;"),
            letter if is_forbidden(letter) => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_type_that_fits_all_values() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(dir.path().join("body"))
            .unwrap();
        let mut xml = GraphMl::begin("g<1>", file);
        let node =
            |id: &str, properties: &[u8]| Item::Node { id: id.to_owned(), properties: properties.to_vec() };
        xml.write(&node("a\u{1}&", b"\x82\xa1x\x01\xa1t\xa3<&>")).unwrap();
        xml.write(&node("b", b"\x82\xa1x\xcb\x3f\xe0\0\0\0\0\0\0\xa1t\xc3")).unwrap();
        let edge =
            Edge { source: "b".to_owned(), target: "a\u{1}&".to_owned(), properties: b"\xc1".to_vec() };
        xml.write(&Item::Edge(edge)).unwrap();
        let mut out = Vec::new();
        xml.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        for part in [
            r#"<key id="n0" for="node" attr.name="x" attr.type="double"/>"#,
            r#"<key id="n1" for="node" attr.name="t" attr.type="string"/>"#,
            r#"<graph id="g&lt;1&gt;" edgedefault="directed">"#,
            r#"<node id="a\u{1}&amp;">"#,
            r#"<data key="n1">&lt;&amp;&gt;</data>"#,
            r#"<data key="n0">0.5</data>"#,
            r#"<edge id="e0" source="b" target="a\u{1}&amp;">"#,
        ] {
            assert!(out.contains(part), "{part}: {out}");
        }
    }

    #[test]
    fn ids_that_xml_cannot_hold_stay_different() {
        let ids = ["a\u{0}", "a\\u{0}", "a\\u{5c}u{0}", "a\\", "a"];
        let names: std::collections::BTreeSet<_> = ids.iter().map(|id| name(id)).collect();
        assert_eq!(names.len(), ids.len(), "{names:?}");
        assert_eq!((name("C:\\x y").as_str(), attribute("a\n\"").as_str()), ("C:\\x y", "a&#10;&quot;"));
    }
}

//! The document form of a graph (`docs/reference-protocol.md` section 8.3), as far as it can be read.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::cursor::Cursor;

/// How much there is of a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Lines of the ledger.
    pub ledger: u64,
    /// Embeddings.
    pub embeddings: u64,
}

impl Counts {
    /// All of them together.
    pub fn sum(&self) -> u64 {
        self.nodes + self.edges + self.ledger + self.embeddings
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, edges, ledger, embeddings } = self;
        write!(f, "{nodes} nodes, {edges} edges, {ledger} ledger lines, {embeddings} embeddings")
    }
}

/// How much a document says that it has; `None` for a list whose head was not reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// Nodes.
    pub nodes: Option<u64>,
    /// Edges.
    pub edges: Option<u64>,
    /// Lines of the ledger.
    pub ledger: Option<u64>,
    /// Embeddings.
    pub embeddings: Option<u64>,
}

/// What was read of a document, in its order. Repeated nodes and edges without ends are still in it.
#[derive(Debug, Default)]
pub struct Document<'a> {
    pub(super) nodes: Vec<(&'a str, Vec<u8>)>,
    pub(super) edges: Vec<(&'a str, &'a str, Vec<u8>)>,
    pub(super) ledger: Vec<&'a str>,
    pub(super) embeddings: Vec<(&'a str, Vec<f32>)>,
    /// What the heads of its lists say it has.
    pub stated: Stated,
    /// Why reading ended before the end, where, and what was recovered.
    pub damage: Option<String>,
}

const SECTIONS: [&str; 4] = ["nodes", "edges", "ledger", "semantic_store"];

impl<'a> Document<'a> {
    /// Reads as much as possible. Whatever the bytes are, the result has what was read before the first damage.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut document = Self::default();
        let mut cursor = Cursor::new(bytes);
        let mut place = "the document".to_owned();
        if let Err(reason) = document.sections(&mut cursor, &mut place) {
            let at = cursor.position();
            let recovered = document.recovered();
            document.damage =
                Some(format!("{place}: {reason}, at byte {at} of {}; recovered {recovered}", bytes.len()));
        }
        document
    }

    /// What was read.
    pub fn counts(&self) -> Counts {
        Counts {
            nodes: self.nodes.len() as u64,
            edges: self.edges.len() as u64,
            ledger: self.ledger.len() as u64,
            embeddings: self.embeddings.len() as u64,
        }
    }

    fn recovered(&self) -> String {
        let Stated { nodes, edges, ledger, embeddings } = self.stated;
        let found = self.counts();
        let parts = [
            (found.nodes, nodes, "nodes"),
            (found.edges, edges, "edges"),
            (found.ledger, ledger, "ledger lines"),
            (found.embeddings, embeddings, "embeddings"),
        ];
        let parts = parts.map(|(found, stated, what)| {
            let stated = stated.map_or("an unknown number of".to_owned(), |stated| stated.to_string());
            format!("{found} of {stated} {what}")
        });
        parts.join(", ")
    }

    fn sections(&mut self, cursor: &mut Cursor<'a>, place: &mut String) -> Result<(), String> {
        let mut missing = BTreeSet::from(SECTIONS);
        for _ in 0..cursor.map()? {
            let name = cursor.text()?;
            if SECTIONS.contains(&name) && !missing.remove(name) {
                return Err(format!("'{name}' is there twice"));
            }
            place.clear();
            place.push_str(name);
            match name {
                "nodes" => self.nodes(cursor, place)?,
                "edges" => self.edges(cursor, place)?,
                "ledger" => self.ledger(cursor, place)?,
                "semantic_store" => self.embeddings(cursor, place)?,
                _ => cursor.skip()?,
            }
            "the document".clone_into(place);
        }
        if let Some(name) = missing.first() {
            return Err(format!("'{name}' is not in it"));
        }
        match cursor.left() {
            0 => Ok(()),
            more => Err(format!("{more} bytes follow it")),
        }
    }

    fn nodes(&mut self, cursor: &mut Cursor<'a>, place: &mut String) -> Result<(), String> {
        let count = cursor.array()?;
        self.stated.nodes = Some(count);
        for index in 0..count {
            self.nodes.push(item(cursor, place, ("node", index, count), |cursor| {
                cursor.exactly(2)?;
                Ok((cursor.text()?, cursor.bytes()?))
            })?);
        }
        Ok(())
    }

    fn edges(&mut self, cursor: &mut Cursor<'a>, place: &mut String) -> Result<(), String> {
        let count = cursor.array()?;
        self.stated.edges = Some(count);
        for index in 0..count {
            self.edges.push(item(cursor, place, ("edge", index, count), |cursor| {
                cursor.exactly(3)?;
                Ok((cursor.text()?, cursor.text()?, cursor.bytes()?))
            })?);
        }
        Ok(())
    }

    fn ledger(&mut self, cursor: &mut Cursor<'a>, place: &mut String) -> Result<(), String> {
        let count = cursor.array()?;
        self.stated.ledger = Some(count);
        for index in 0..count {
            self.ledger.push(item(cursor, place, ("ledger line", index, count), Cursor::text)?);
        }
        Ok(())
    }

    /// `{embeddings: {id: [..]}}` up to 0.31, `{dim, ids, data}` in 2.0.
    fn embeddings(&mut self, cursor: &mut Cursor<'a>, place: &mut String) -> Result<(), String> {
        let (mut dimension, mut ids, mut data, mut known) = (0, Vec::new(), Vec::new(), false);
        for _ in 0..cursor.map()? {
            match cursor.text()? {
                "embeddings" => {
                    known = true;
                    let count = cursor.map()?;
                    self.stated.embeddings = Some(count);
                    for index in 0..count {
                        let of = ("embedding", index, count);
                        self.embeddings
                            .push(item(cursor, place, of, |cursor| Ok((cursor.text()?, floats(cursor)?)))?);
                    }
                }
                "dim" => dimension = cursor.uint()?,
                "ids" => {
                    known = true;
                    let count = cursor.array()?;
                    self.stated.embeddings = Some(count);
                    for index in 0..count {
                        let of = ("id of an embedding", index, count);
                        ids.push(item(cursor, place, of, Cursor::text)?);
                    }
                }
                "data" => data = floats(cursor)?,
                _ => cursor.skip()?,
            }
        }
        if !known {
            return Err("neither 'embeddings' nor 'ids' is in it".to_owned());
        }
        if dimension.checked_mul(ids.len() as u64) != Some(data.len() as u64) {
            let (ids, found) = (ids.len(), data.len());
            return Err(format!("{ids} embeddings of {dimension} components, but {found} components"));
        }
        let vectors = data.chunks((dimension as usize).max(1)).map(<[f32]>::to_vec);
        self.embeddings.extend(ids.into_iter().zip(vectors));
        Ok(())
    }
}

/// One of many: on an error the cursor is where the item starts, and `place` says which it is.
fn item<'a, T>(
    cursor: &mut Cursor<'a>,
    place: &mut String,
    (what, index, of): (&str, u64, u64),
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, String>,
) -> Result<T, String> {
    let mut ahead = *cursor;
    let value = read(&mut ahead).inspect_err(|_| *place = format!("{what} {} of {of}", index + 1))?;
    *cursor = ahead;
    Ok(value)
}

fn floats(cursor: &mut Cursor<'_>) -> Result<Vec<f32>, String> {
    (0..cursor.array()?).map(|_| cursor.float()).collect()
}

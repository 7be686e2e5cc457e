//! A `NAME.wal`: changes behind a snapshot, in their order (`docs/reference-protocol.md` section 11.1).
//!
//! Records carry no checksum. A record that is no MessagePack map of its length with a known change is damage; a change
//! of bytes inside its strings cannot be seen.

use super::cursor::Cursor;

/// Behind a damage the next record is looked for at this.
const METHOD: &[u8] = b"\xa6method";

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change<'a> {
    AddNode {
        id: &'a str,
        properties: Vec<u8>,
    },
    AddEdge {
        source: &'a str,
        target: &'a str,
        properties: Vec<u8>,
    },
    RemoveNode {
        id: &'a str,
    },
    RemoveEdge {
        source: &'a str,
        target: &'a str,
    },
    /// The payload of a `BatchUpdate`.
    Batch(Vec<u8>),
    Clear,
}

/// What was read of a log.
#[derive(Debug, Default)]
pub struct Log<'a> {
    pub(super) changes: Vec<Change<'a>>,
    /// Stretches that are no records.
    pub(super) gaps: Vec<Gap>,
}

/// Bytes of a log that are lost.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes from byte {at} of {of} are lost, behind change {changes}: {reason}")]
pub(super) struct Gap {
    pub(super) at: usize,
    pub(super) bytes: usize,
    of: usize,
    /// Changes that were read before it.
    pub(super) changes: usize,
    reason: String,
}

impl<'a> Log<'a> {
    /// Reads all records that can be found, whatever the bytes are.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut log = Self::default();
        let mut at = 0;
        while at < bytes.len() {
            match record(&bytes[at..]) {
                Ok((change, length)) => {
                    log.changes.push(change);
                    at += length;
                }
                Err(reason) => {
                    let next = next_record(bytes, at + 1).unwrap_or(bytes.len());
                    let (changes, of) = (log.changes.len(), bytes.len());
                    log.gaps.push(Gap { at, bytes: next - at, of, changes, reason });
                    at = next;
                }
            }
        }
        log
    }

    /// Number of changes that were read.
    pub fn changes(&self) -> u64 {
        self.changes.len() as u64
    }
}

fn next_record(bytes: &[u8], from: usize) -> Option<usize> {
    // Length (4), head of the map (1), then the first key.
    let keys = bytes.get(from + 5..)?.windows(METHOD.len()).enumerate();
    keys.filter(|(_, key)| *key == METHOD).map(|(at, _)| from + at).find(|at| record(&bytes[*at..]).is_ok())
}

/// The record at the front, and its length.
fn record(bytes: &[u8]) -> Result<(Change<'_>, usize), String> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or("the last record is cut off")?;
    let length = u32::from_le_bytes(*length) as usize;
    let body = rest
        .get(..length)
        .ok_or_else(|| format!("a record of {length} bytes, but only {} are there", rest.len()))?;
    let mut cursor = Cursor::new(body);
    let change = change(&mut cursor)?;
    match cursor.left() {
        0 => Ok((change, 4 + length)),
        more => Err(format!("a record ends {more} bytes before its length says")),
    }
}

fn change<'a>(cursor: &mut Cursor<'a>) -> Result<Change<'a>, String> {
    let pairs = cursor.map()?;
    if !(1..=2).contains(&pairs) || cursor.text()? != "method" {
        return Err("no method where one has to be".to_owned());
    }
    let method = cursor.text()?;
    let mut fields = Fields::default();
    if pairs == 2 {
        if cursor.text()? != "params" {
            return Err("no params where they have to be".to_owned());
        }
        fields.read(cursor)?;
    }
    fields.change(method)
}

#[derive(Default)]
struct Fields<'a> {
    node: Option<&'a str>,
    source: Option<&'a str>,
    target: Option<&'a str>,
    properties: Option<Vec<u8>>,
    operations: Option<Vec<u8>>,
}

impl<'a> Fields<'a> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), String> {
        for _ in 0..cursor.map()? {
            match cursor.text()? {
                "node_id" => self.node = Some(cursor.text()?),
                "source_id" => self.source = Some(cursor.text()?),
                "target_id" => self.target = Some(cursor.text()?),
                "properties_msgpack" => self.properties = Some(cursor.bytes()?),
                "operations_msgpack" => self.operations = Some(cursor.bytes()?),
                unknown => return Err(format!("unknown field {unknown:?}")),
            }
        }
        Ok(())
    }

    fn change(self, method: &str) -> Result<Change<'a>, String> {
        let Self { node, source, target, properties, operations } = self;
        match (method, node, source, target, properties, operations) {
            ("AddNode", Some(id), None, None, Some(properties), None) => {
                Ok(Change::AddNode { id, properties })
            }
            ("AddEdge", None, Some(source), Some(target), Some(properties), None) => {
                Ok(Change::AddEdge { source, target, properties })
            }
            ("RemoveNode", Some(id), None, None, None, None) => Ok(Change::RemoveNode { id }),
            ("RemoveEdge", None, Some(source), Some(target), None, None) => {
                Ok(Change::RemoveEdge { source, target })
            }
            ("BatchUpdate", None, None, None, None, Some(operations)) => Ok(Change::Batch(operations)),
            ("ClearGraph", None, None, None, None, None) => Ok(Change::Clear),
            (method, ..) => Err(format!("no known change: method {method:?}")),
        }
    }
}

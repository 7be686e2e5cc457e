//! `manifest.json`: which file holds which graph.

use std::collections::BTreeMap;
use std::fmt;

use epistemic_storage::graph::GraphType;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A graph as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GraphName {
    /// Exact name.
    pub name: String,
    /// Its type.
    #[serde(rename = "graph_type")]
    pub kind: GraphType,
}

/// The stem of the files of a graph. Not one to one: names that differ only in replaced characters share their files.
pub(crate) fn stem(graph: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    graph.chars().map(kept).collect()
}

/// The entries by file stem, and why there may be more.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) entries: BTreeMap<String, GraphName>,
    pub(super) damage: Option<String>,
}

impl Manifest {
    /// Reads as many entries as possible.
    pub(super) fn read(text: &[u8]) -> Self {
        let mut manifest = Self::default();
        let mut json = serde_json::Deserializer::from_slice(text);
        let read = json.deserialize_map(Entries(&mut manifest)).and_then(|()| json.end());
        if let Err(error) = read {
            manifest.damage = Some(error.to_string());
        }
        manifest
    }
}

struct Entries<'m>(&'m mut Manifest);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of file stems")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use serde::de::Error;
        while let Some((file, graph)) = map.next_entry::<String, GraphName>()? {
            if stem(&graph.name) != file {
                return Err(A::Error::custom(format!("graph {:?} cannot be in file {file:?}", graph.name)));
            }
            if self.0.entries.insert(file.clone(), graph).is_some() {
                return Err(A::Error::custom(format!("file {file:?} is there twice")));
            }
        }
        Ok(())
    }
}

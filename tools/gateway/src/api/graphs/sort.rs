//! The order of a list of graphs.

use std::cmp::Ordering;

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum Column {
    #[default]
    Name,
    Tenant,
    Owner,
    Shard,
    Nodes,
    Edges,
    Bytes,
    Changed,
}

/// A column, and `-` before it for the largest first.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Sort {
    pub(super) column: Column,
    descending: bool,
}

impl TryFrom<String> for Sort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text.as_str()), |name| (true, name));
        let column = match name {
            "name" => Column::Name,
            "tenant" => Column::Tenant,
            "owner" => Column::Owner,
            "shard" => Column::Shard,
            "nodes" => Column::Nodes,
            "edges" => Column::Edges,
            "bytes" => Column::Bytes,
            "changed" => Column::Changed,
            other => return Err(format!("graphs are not sorted by '{other}'")),
        };
        Ok(Self { column, descending })
    }
}

/// What a row is sorted by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'g> {
    Text(&'g str),
    Number(u64),
}

impl Sort {
    /// By the column, then by name.
    pub(super) fn order(
        self,
        (key, name): (&Key<'_>, &str),
        (other, other_name): (&Key<'_>, &str),
    ) -> Ordering {
        let order = key.cmp(other);
        let order = if self.descending { order.reverse() } else { order };
        order.then_with(|| name.cmp(other_name))
    }
}

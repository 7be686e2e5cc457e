//! What a quota limits, and how limits are written.

use epistemic_storage::graph::{Counted, Counts};

/// What a rule can limit, each with its name in rules, metrics and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Graphs,
    Nodes,
    Edges,
    Embeddings,
    /// Bytes of records, an estimate.
    StoredBytes,
    Requests,
    /// Bytes of requests and answers.
    Bytes,
    /// Bytes that writes add, 64 for each record on top.
    WriteCost,
    ComputeSeconds,
    Connections,
    /// Snapshots that are sent or received in pieces.
    Cursors,
}

impl Kind {
    pub(crate) const COUNT: usize = 11;

    pub(crate) const ALL: [Kind; Self::COUNT] = [
        Kind::Graphs,
        Kind::Nodes,
        Kind::Edges,
        Kind::Embeddings,
        Kind::StoredBytes,
        Kind::Requests,
        Kind::Bytes,
        Kind::WriteCost,
        Kind::ComputeSeconds,
        Kind::Connections,
        Kind::Cursors,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Graphs => "graphs",
            Kind::Nodes => "nodes",
            Kind::Edges => "edges",
            Kind::Embeddings => "embeddings",
            Kind::StoredBytes => "stored_bytes",
            Kind::Requests => "requests_per_second",
            Kind::Bytes => "bytes_per_second",
            Kind::WriteCost => "write_cost_per_second",
            Kind::ComputeSeconds => "compute_seconds_per_minute",
            Kind::Connections => "connections",
            Kind::Cursors => "cursors",
        }
    }

    /// In messages.
    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::Graphs => "graphs",
            Kind::Nodes => "nodes",
            Kind::Edges => "edges",
            Kind::Embeddings => "embeddings",
            Kind::StoredBytes => "stored bytes",
            Kind::Requests => "requests per second",
            Kind::Bytes => "bytes of requests and answers per second",
            Kind::WriteCost => "bytes of writes per second",
            Kind::ComputeSeconds => "seconds of computation per minute",
            Kind::Connections => "connections",
            Kind::Cursors => "snapshots at a time",
        }
    }

    fn is_size(self) -> bool {
        matches!(self, Kind::StoredBytes | Kind::Bytes | Kind::WriteCost)
    }

    /// # Errors
    /// There is none of this name: the error lists those that there are.
    pub(super) fn from_name(name: &str) -> Result<Self, String> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!("unknown limit '{}', there are {}", name.escape_debug(), known.join(", "))
        })
    }

    /// Reads the text of a limit: a number, for bytes also with a unit.
    pub(super) fn parse(self, text: &str) -> Result<u64, String> {
        let wrong = || {
            let units = if self.is_size() { ", or one with KiB, MiB, GiB or TiB" } else { "" };
            format!("{} = '{}': give a whole number{units}", self.name(), text.escape_debug())
        };
        let digits = text.find(|char: char| !char.is_ascii_digit() && char != '_').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = match unit.trim() {
            "" => 1,
            "KiB" if self.is_size() => 1 << 10,
            "MiB" if self.is_size() => 1 << 20,
            "GiB" if self.is_size() => 1 << 30,
            "TiB" if self.is_size() => 1 << 40,
            _ => return Err(wrong()),
        };
        let number: u64 = number.replace('_', "").parse().map_err(|_| wrong())?;
        number.checked_mul(scale).ok_or_else(wrong)
    }
}

/// The limits of a tenant by kind; what has none is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits([Option<u64>; Kind::COUNT]);

impl Limits {
    pub(crate) fn get(&self, kind: Kind) -> Option<u64> {
        self.0[kind as usize]
    }

    pub(super) fn set(&mut self, kind: Kind, limit: Option<u64>) {
        self.0[kind as usize] = limit;
    }

    /// Those that the storage keeps.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::UNLIMITED;
        for (of, kind) in COUNTED {
            if let Some(limit) = self.get(kind) {
                counts.set(of, limit);
            }
        }
        counts
    }
}

/// What the storage counts.
pub(super) const COUNTED: [(Counted, Kind); 4] = [
    (Counted::Graphs, Kind::Graphs),
    (Counted::Nodes, Kind::Nodes),
    (Counted::Edges, Kind::Edges),
    (Counted::Embeddings, Kind::Embeddings),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes() {
        for (kind, text, value) in [
            (Kind::Nodes, "0", 0),
            (Kind::Nodes, "1_000_000", 1_000_000),
            (Kind::StoredBytes, "17", 17),
            (Kind::StoredBytes, "10GiB", 10 << 30),
            (Kind::Bytes, "4 MiB", 4 << 20),
        ] {
            assert_eq!(kind.parse(text), Ok(value), "{text}");
        }
        for (kind, text) in [
            (Kind::Nodes, "1KiB"),
            (Kind::Nodes, ""),
            (Kind::Nodes, "-1"),
            (Kind::Nodes, "1.5"),
            (Kind::StoredBytes, "GiB"),
            (Kind::StoredBytes, "1GB"),
            (Kind::StoredBytes, "99999999999TiB"),
        ] {
            let error = kind.parse(text).unwrap_err();
            assert!(error.starts_with(&format!("{} = '{text}'", kind.name())), "{error}");
        }
    }

    #[test]
    fn kinds_are_found_by_name_and_lie_in_their_place() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, Kind::from_name(kind.name())), (index, Ok(kind)));
        }
        assert!(
            Kind::from_name("node")
                .unwrap_err()
                .starts_with("unknown limit 'node', there are graphs, nodes,")
        );
    }
}

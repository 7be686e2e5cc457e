//! What a shard says of damage and of its search for it.

use serde::{Deserialize, Serialize};

/// What is known to be damaged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DamageStatus {
    /// The first damage of the tables; they are not merged since.
    pub store: Option<String>,
    /// Why channels cannot be used.
    pub channels: Option<String>,
    /// Number of graphs that take no writes.
    pub quarantined_graphs: u64,
    /// Some of them, as far as the caller may know them.
    pub graphs: Vec<DamagedGraph>,
}

/// A quarantined graph.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DamagedGraph {
    /// Its name.
    pub graph: String,
    /// What is wrong with it.
    pub reason: String,
    /// Since when the shard knows it, Unix milliseconds: since its start at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Bytes of its records, an estimate; none where they are too damaged to be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// How the scrub of a shard stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScrubStatus {
    /// Seconds between the beginnings of two passes; 0 only when asked for.
    pub interval_s: u64,
    /// Whether a pass is not complete.
    pub running: bool,
    /// When it began, Unix milliseconds.
    pub begun_ms: Option<u64>,
    /// Bytes that it has read.
    pub bytes_read: Option<u64>,
    /// Bytes that it will have read.
    pub bytes_total: Option<u64>,
    /// When the newest complete pass began, Unix milliseconds.
    pub last_begun_ms: Option<u64>,
    /// When it ended, Unix milliseconds.
    pub last_ended_ms: Option<u64>,
    /// Damaged parts of tables that the newest pass found.
    pub found: u64,
    /// Some of them.
    pub findings: Vec<ScrubFinding>,
}

/// A damaged part of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScrubFinding {
    /// Name of the file.
    pub table: String,
    /// Name of the space of its records.
    pub space: String,
    /// Graphs that are quarantined for it.
    pub graphs: Vec<String>,
    /// What is wrong, with file and offset.
    pub reason: String,
}

impl DamageStatus {
    /// Whether anything is damaged.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.store.is_some() || self.channels.is_some() || self.quarantined_graphs > 0
    }

    /// A line for each kind of damage.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.quarantined_graphs > 0 {
            lines.push(match self.quarantined_graphs {
                1 => "1 graph is quarantined, it takes no writes".to_owned(),
                graphs => format!("{graphs} graphs are quarantined, they take no writes"),
            });
        }
        if let Some(reason) = &self.store {
            lines.push(format!("tables are not merged since damage was found: {reason}"));
        }
        if let Some(reason) = &self.channels {
            lines.push(format!("channels cannot be used: {reason}"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_kind_of_damage() {
        let sound = DamageStatus::default();
        assert!(!sound.is_any() && sound.lines().is_empty());
        let damaged = DamageStatus { store: Some("a block".into()), quarantined_graphs: 2, ..sound };
        assert!(damaged.is_any());
        assert_eq!(
            damaged.lines(),
            [
                "2 graphs are quarantined, they take no writes",
                "tables are not merged since damage was found: a block"
            ]
        );
    }
}

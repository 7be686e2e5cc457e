//! What an audit tells.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::space::Space;

/// Findings of one kind that are told one by one; the rest is counted.
const SHOWN: usize = 50;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Stored bytes cannot be read; what lies behind them was not looked at.
    Unreadable,
    /// A key or a value that is not of its space's form.
    BadRecord,
    /// A graph of the catalog has no counters.
    MissingState,
    /// Counters without a graph of the catalog.
    StateWithoutGraph,
    /// Records that belong to no graph and do not await reclamation.
    Orphans,
    /// A graph of the catalog whose records await reclamation.
    Doomed,
    /// Two graphs of the catalog have the same records.
    SharedRecords,
    /// Counters that are not what the records add up to.
    Counters,
    /// An edge at a node that is not there.
    MissingEnd,
    /// An edge that is not found from its target.
    MissingInEdge,
    /// A record in `in_edges` without its edge.
    StaleInEdge,
    /// A label of a node that is not in the index.
    MissingLabel,
    /// A record of the index whose node does not carry the label.
    StaleLabel,
    /// Two nodes with one sequence number.
    RepeatedSequence,
    /// An embedding of a node that is not there.
    VectorWithoutNode,
    /// An embedding without components, or whose bytes do not make whole ones.
    VectorLength,
    /// Records are missing where the ledger is said to be complete.
    LedgerGap,
    /// A graph with a longer name than a new one may have. This and what follows is over a limit, not wrong.
    LongName,
    /// A node with a longer id than a new one may have.
    LongId,
    /// A node with more labels than one that is written may have.
    ManyLabels,
    /// Properties that are larger than what is written may be.
    LargeProperties,
    /// Properties with more lists and maps in them.
    ManyContainers,
    /// An embedding that is larger.
    LargeEmbedding,
    /// More teams, subordinates, members, identities or channels, or names of them, than there may be.
    TooMany,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The graph; none when it is about the store.
    pub graph: Option<String>,
    /// Space of the record.
    pub space: &'static str,
    /// The record, readable.
    pub key: String,
    /// What was expected and what is there.
    pub detail: String,
    /// Whether [`super::repair`] makes it right.
    pub repairable: bool,
}

/// Findings, the first of each kind in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// How many of each kind.
    pub totals: BTreeMap<FindingKind, u64>,
    /// How many of them [`super::repair`] makes right.
    pub repairable: u64,
    /// The first of each kind.
    pub shown: Vec<Finding>,
}

impl Findings {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.totals.values().sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.totals.is_empty()
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let total = self.totals.entry(finding.kind).or_default();
        *total += 1;
        self.repairable += u64::from(finding.repairable);
        if *total <= SHOWN as u64 {
            self.shown.push(finding);
        }
    }
}

/// A finding on its way, with the change that makes it right.
pub(super) struct Found {
    pub(super) kind: FindingKind,
    pub(super) space: Space,
    pub(super) key: Vec<u8>,
    pub(super) detail: String,
    pub(super) fix: Option<Fix>,
}

/// A derived record as it ought to be.
pub(super) struct Fix {
    pub(super) space: Space,
    pub(super) key: Vec<u8>,
    /// `None` when there ought to be no such record.
    pub(super) value: Option<Vec<u8>>,
}

impl Found {
    /// A finding that no derived record makes right.
    pub(super) fn new(kind: FindingKind, space: Space, key: &[u8], detail: impl Into<String>) -> Self {
        Self { kind, space, key: key.to_vec(), detail: detail.into(), fix: None }
    }

    /// The record itself ought not to be there.
    pub(super) fn remove(self) -> Self {
        let (space, key) = (self.space, self.key.clone());
        self.fixed(Fix { space, key, value: None })
    }

    /// The record itself ought to have this value.
    pub(super) fn put(self, value: Vec<u8>) -> Self {
        let (space, key) = (self.space, self.key.clone());
        self.fixed(Fix { space, key, value: Some(value) })
    }

    /// `fix` makes it right.
    pub(super) fn fixed(self, fix: Fix) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

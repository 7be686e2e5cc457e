//! What a layer says of one graph.

use serde::{Deserialize, Serialize};

use super::manifest::{Piece, PieceKind};

/// The entry of a graph, or what a run changed in it. `name` stays the first field: readers look for it before they read
/// the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Exact name.
    pub name: String,
    /// The graph is in the run no more; the rest is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// `chain` continues the one of the line before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The tenant that the graph was created for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The chain tells all changes before this time, Unix milliseconds of the shard's clock; without it those before that
    /// of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered_ms: Option<u64>,
    /// A full backup and the increments on it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Piece>,
    /// The chain before, up to where this one begins. Only in the run that began this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Piece>,
}

impl Line {
    /// This line and the one of a later layer as one.
    pub fn then(mut self, later: Self) -> Self {
        if later.gone || !later.more {
            return later;
        }
        self.chain.extend(later.chain);
        let Self { tenant, covered_ms, ended, .. } = later;
        Self { tenant, covered_ms, ended, ..self }
    }

    /// Whether its pieces make chains.
    pub fn check(&self) -> Result<(), String> {
        let checked = check_chain(&self.chain).and_then(|()| match self.ended.is_empty() {
            true => Ok(()),
            false => check_chain(&self.ended),
        });
        checked.map_err(|reason| format!("graph {:?}: {reason}", self.name))
    }
}

fn check_chain(chain: &[Piece]) -> Result<(), String> {
    let first = chain.first().ok_or("its chain is empty")?;
    if first.kind != PieceKind::Full {
        return Err("its chain does not begin with a full backup".to_owned());
    }
    for (before, piece) in chain.iter().zip(&chain[1..]) {
        if piece.kind != PieceKind::Increment
            || piece.after != before.sequence
            || piece.sequence <= piece.after
        {
            let Piece { stored, after, sequence, .. } = piece;
            return Err(format!(
                "that in '{}' with the changes behind {after} up to {sequence} does not follow the one in '{}', which ends with {}",
                stored.object, before.stored.object, before.sequence
            ));
        }
    }
    Ok(())
}

//! Trying a backup out: every chain is restored into a scratch store and compared with its manifest.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::GraphStore;

use super::choose::Route;
use super::error::BackupError;
use super::manifest::{Manifest, Piece};
use super::objects::Objects;
use super::restore::{Told, try_out};
use super::state::{GraphEntry, History};
use crate::hosts::DirectoryParty;

/// What became of one chain.
pub struct Tried {
    /// Exact name of the graph.
    pub graph: String,
    /// Links of the chain.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The sequence number at its end.
    pub sequence: u64,
    /// What is wrong with it.
    pub damage: Option<Damage>,
}

/// The first object that cannot be used; those behind it cannot either.
pub struct Damage {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Calls `each` with the chains of these runs, graph by graph; one that another one begins with is left out.
///
/// # Errors
/// A layer is missing or damaged, or a run is encrypted for others, which [`BackupError`] tells; the objects fail; `each` does.
pub fn for_each_chain<'m>(
    objects: &Objects,
    manifests: impl IntoIterator<Item = &'m Manifest>,
    mut each: impl FnMut(Route) -> Result<()>,
) -> Result<()> {
    let manifests: Vec<&Manifest> = manifests.into_iter().collect();
    manifests.iter().try_for_each(|manifest| manifest.must_open(objects))?;
    let mut history = History::open(objects, manifests)?;
    while let Some(told) = history.next_graph()? {
        for route in longest(history.entries(&told)?) {
            each(route)?;
        }
    }
    Ok(())
}

fn longest(entries: Vec<(&Manifest, GraphEntry)>) -> Vec<Route> {
    // Newest first: what an older run has is the beginning of what newer ones have.
    let mut known: BTreeSet<(String, u64)> = BTreeSet::new();
    let mut routes = Vec::new();
    let place = |piece: &Piece| (piece.stored.object.clone(), piece.stored.end());
    for (manifest, GraphEntry { name, chain, ended, .. }) in entries.into_iter().rev() {
        for chain in [chain, ended] {
            if chain.last().is_none_or(|last| known.contains(&place(last))) {
                continue;
            }
            known.extend(chain.iter().map(place));
            routes.push(Route::whole(&name, &manifest.run, chain));
        }
    }
    routes
}

/// Restores a chain into `scratch`, compares counts and digest at the end of each object, and removes it again.
///
/// # Errors
/// The objects cannot be read or the scratch store fails; damage is part of the result.
pub fn try_chain(
    objects: &Objects,
    route: &Route,
    scratch: &Arc<GraphStore>,
    told: &mut Told<'_>,
) -> Result<Tried> {
    let target = DirectoryParty::new("a scratch store", Arc::clone(scratch), None);
    let damage = match try_out(objects, route, &target, told) {
        Ok(_) => None,
        Err(error) => match error.downcast_ref() {
            Some(BackupError::BadObject { object, reason, .. }) => {
                Some(Damage { object: object.clone(), reason: reason.clone() })
            }
            Some(
                BackupError::BadManifest { .. }
                | BackupError::LostManifest { .. }
                | BackupError::Hidden { .. }
                | BackupError::NotFound(_)
                | BackupError::Locked(_),
            )
            | None => return Err(error),
        },
    };
    scratch.reclaim()?;
    Ok(Tried {
        graph: route.graph.clone(),
        objects: route.pieces.len(),
        bytes: route.bytes(),
        sequence: route.stop,
        damage,
    })
}

//! Trying a backup out: every chain is restored into a scratch store and compared with its manifest.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::GraphStore;

use super::choose::Route;
use super::error::BackupError;
use super::manifest::{GraphEntry, Manifest, Piece};
use super::objects::Objects;
use super::restore::{Told, try_out};
use crate::moves::DirectoryParty;

/// What became of one chain.
pub(crate) struct Tried {
    pub(crate) graph: String,
    /// Objects of the chain.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The sequence number at its end.
    pub(crate) sequence: u64,
    /// What is wrong with it.
    pub(crate) damage: Option<Damage>,
}

/// The first object that cannot be used; those behind it cannot either.
pub(crate) struct Damage {
    pub(crate) object: String,
    pub(crate) reason: String,
}

/// The chains of these runs; one that another one begins with is left out.
pub(crate) fn chains(manifests: &[Manifest]) -> Vec<Route> {
    let mut ends: BTreeMap<(&str, &str), (&Manifest, &[Piece])> = BTreeMap::new();
    let mut inner: HashSet<&str> = HashSet::new();
    for manifest in manifests {
        for GraphEntry { name, chain, ended, .. } in &manifest.graphs {
            for chain in [chain, ended] {
                let Some((last, before)) = chain.split_last() else { continue };
                inner.extend(before.iter().map(|piece| piece.object.as_str()));
                ends.insert((name.as_str(), last.object.as_str()), (manifest, chain.as_slice()));
            }
        }
    }
    let longest = ends.into_iter().filter(|((_, last), _)| !inner.contains(last));
    longest
        .map(|((graph, _), (manifest, chain))| Route {
            graph: graph.to_owned(),
            run: manifest.run.clone(),
            pieces: chain.to_vec(),
            stop: chain.last().map_or(0, |piece| piece.sequence),
        })
        .collect()
}

/// Restores a chain into `scratch`, compares counts and digest at the end of each object, and removes it again.
///
/// # Errors
/// The objects cannot be read or the scratch store fails; damage is part of the result.
pub(crate) fn try_chain(
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
            Some(BackupError::BadManifest { .. } | BackupError::NotFound(_)) | None => return Err(error),
        },
    };
    scratch.reclaim()?;
    Ok(Tried {
        graph: route.graph.clone(),
        objects: route.pieces.len(),
        bytes: route.pieces.iter().map(|piece| piece.bytes).sum(),
        sequence: route.stop,
        damage,
    })
}

//! Confidence decays exponentially with the time since the last access.

use epistemic_storage::{
    StoreError, clock,
    graph::{GraphReader, Revision},
    view,
};

use super::{LifecycleError, Reviser, Target};
use crate::compute_pool::scan_on;

/// How confidence decays, and what becomes of what has little left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decay {
    /// Seconds in which confidence halves; nothing decays unless it is above 0.
    pub(crate) half_life: f64,
    /// With `prune`, what has less confidence than this is removed.
    pub(crate) floor: f64,
    /// Whether anything is removed.
    pub(crate) prune: bool,
}

/// What a sweep did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) nodes_decayed: u64,
    pub(crate) edges_decayed: u64,
    pub(crate) nodes_pruned: u64,
    pub(crate) edges_pruned: u64,
}

/// What becomes of a property map.
enum Fate {
    Stays,
    Decays(Vec<u8>),
    Goes { decayed: bool },
}

impl Decay {
    fn fate(&self, properties: &[u8], now: u64) -> Fate {
        let Some(vitals) = view::vitals(properties) else { return Fate::Stays };
        let confidence = vitals.confidence.unwrap_or(1.0);
        let age = vitals.clock.and_then(|seen| now.checked_sub(seen)).filter(|age| *age > 0);
        let decayed = age
            .filter(|_| self.half_life > 0.0)
            .map(|age| (confidence * 0.5_f64.powf(age as f64 / self.half_life)).clamp(0.0, 1.0));
        if self.prune && decayed.unwrap_or(confidence) < self.floor {
            return Fate::Goes { decayed: decayed.is_some() };
        }
        let refreshed = decayed.and_then(|confidence| view::refreshed(properties, confidence, now));
        refreshed.map_or(Fate::Stays, Fate::Decays)
    }
}

/// Sweeps over all edges, then all nodes. Each change is atomic, the sweep as a whole is not: after a crash the next one
/// goes on, since the decay is worked out from the stored times.
pub(crate) fn decay_sweep(target: Target<'_>, decay: Decay) -> Result<Swept, LifecycleError> {
    let now = clock::unix_ms() / 1000;
    let view = target.shard.graphs.view();
    let reader = GraphReader::new(&*view, target.graph);
    let mut swept = Swept::default();

    let mut reviser = Reviser::new(target.clone(), &reader)?;
    let mut goes = Going::default();
    let cancel = target.cancel;
    let read = reader.for_each_edge(|source, destination, sequence, properties| {
        scan_on(cancel)?;
        revise(&mut reviser, decay.fate(properties, now), &mut goes, |new| Revision::Edge {
            source: source.to_owned(),
            target: destination.to_owned(),
            sequence,
            expected: properties.to_vec(),
            properties: new,
        })
    });
    let edges = reviser.finish(read)?;
    swept.edges_decayed = edges.edges_set + goes.decayed_of(edges.edges_removed);
    swept.edges_pruned = edges.edges_removed;

    let mut reviser = Reviser::new(target, &reader)?;
    let mut goes = Going::default();
    let read = reader.for_each_node(|id, _, properties| {
        scan_on(cancel)?;
        revise(&mut reviser, decay.fate(properties, now), &mut goes, |new| Revision::Node {
            id: id.to_owned(),
            expected: properties.to_vec(),
            properties: new,
        })
    });
    let nodes = reviser.finish(read)?;
    swept.nodes_pruned = nodes.nodes_removed.len() as u64;
    swept.nodes_decayed = nodes.nodes_set + goes.decayed_of(swept.nodes_pruned);
    Ok(swept)
}

/// What is to be removed.
#[derive(Default)]
struct Going {
    all: u64,
    /// Those that decayed first.
    decayed: u64,
}

impl Going {
    /// How many decayed of the `removed` ones. Others were changed meanwhile and stayed: all of them may have decayed.
    fn decayed_of(&self, removed: u64) -> u64 {
        self.decayed.saturating_sub(self.all.saturating_sub(removed))
    }
}

/// Turns a fate into a change; counts what goes.
fn revise(
    reviser: &mut Reviser<'_>,
    fate: Fate,
    goes: &mut Going,
    revision: impl FnOnce(Option<Vec<u8>>) -> Revision,
) -> Result<(), StoreError> {
    match fate {
        Fate::Stays => Ok(()),
        Fate::Decays(properties) => reviser.push(revision(Some(properties))),
        Fate::Goes { decayed } => {
            goes.all += 1;
            goes.decayed += u64::from(decayed);
            reviser.push(revision(None))
        }
    }
}

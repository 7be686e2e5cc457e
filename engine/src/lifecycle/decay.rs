//! The sweep that lets confidence decay.

use epistemic_storage::{
    StoreError, clock,
    graph::{GraphReader, Revision},
};

use super::{
    context::{LifecycleError, Target},
    policy::{Decay, Fate},
    reviser::Reviser,
};
use crate::compute_pool::scan_on;

/// What a sweep did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) nodes_decayed: u64,
    pub(crate) edges_decayed: u64,
    pub(crate) nodes_pruned: u64,
    pub(crate) edges_pruned: u64,
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

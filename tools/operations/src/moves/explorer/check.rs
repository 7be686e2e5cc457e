//! What must hold at every instant, whatever was lost, doubled or killed.

use std::collections::BTreeMap;

use epistemic_storage::{
    graph::{MigrationState, MoveOutcome},
    snapshot::content_digest,
};

use super::{
    COMMONS, Violation,
    actor::{Ended, Script},
    violation,
    world::{Place, World},
};
use crate::hosts::Party;

impl World {
    /// At most one place serves the graph, none if it was deleted; its content is what was acknowledged; what was given up
    /// stays so.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        let serving = self.serving();
        match (&serving[..], &self.model) {
            // An empty one may be what is proved to have moved.
            ([], Some(_)) if self.graph == COMMONS => {
                Place::BOTH.into_iter().try_for_each(|place| self.digest(place))?
            }
            ([], _) => {}
            ([place, ..], None) => return violation(format!("{place:?} serves a graph that was deleted")),
            ([place], Some(model)) => {
                let graphs = &self.server(*place).graphs;
                let graph = graphs.graph(self.graph).map_err(|error| Violation(error.to_string()))?;
                let mut nodes = BTreeMap::new();
                let read = graphs.latest(&graph).for_each_node(|id, _, properties| {
                    nodes.insert(id.to_owned(), properties.to_vec());
                    Ok::<_, epistemic_storage::StoreError>(())
                });
                read.map_err(|error| Violation(error.to_string()))?;
                if nodes != *model {
                    let (found, told): (Vec<_>, Vec<_>) = (nodes.keys().collect(), model.keys().collect());
                    return violation(format!("{place:?} has {found:?}, acknowledged were {told:?}"));
                }
                self.digest(*place)?;
            }
            (both, Some(_)) => return violation(format!("{both:?} serve it")),
        }
        for move_id in &self.given_up {
            for place in Place::BOTH {
                let look = self.server(place).party.look(self.graph, move_id);
                let decided = look.map_err(|error| Violation(error.to_string()))?.decided();
                if matches!(decided, Some(MoveOutcome::Departed | MoveOutcome::Admitted)) {
                    return violation(format!("move {move_id} was given up, and {place:?} has {decided:?}"));
                }
            }
        }
        Ok(())
    }

    /// Notes the digest of what the place serves, if it does.
    fn digest(&mut self, place: Place) -> Result<(), Violation> {
        let graphs = &self.server(place).graphs;
        let Ok(graph) = graphs.graph(self.graph) else { return Ok(()) };
        let sequence = graph.counters().sequence;
        let newest = (place, graph.id().number(), sequence);
        if self.digested == Some(newest) {
            return Ok(());
        }
        let totals = content_digest(graphs, &graph).map_err(|error| Violation(error.to_string()))?;
        self.served.entry((place, sequence)).or_default().insert(totals.digest);
        self.digested = Some(newest);
        Ok(())
    }

    /// A program has ended: what it says must be so, and stay so.
    pub(super) fn check_end(&mut self, script: Script, ended: &Ended) -> Result<(), Violation> {
        match ended {
            Ended::GivenUp(Ok(_)) => {
                self.given_up.insert(script.move_id);
            }
            Ended::Moved(Ok(receipt)) => {
                let there = script.to();
                let look = self.server(there).party.look(self.graph, script.move_id);
                let decided = look.map_err(|error| Violation(error.to_string()))?.decided();
                // It may have left from there since, by another move.
                if decided != Some(MoveOutcome::Admitted) {
                    return violation(format!("{there:?} is said to serve it, and has {decided:?}"));
                }
                match (&receipt.digest, receipt.digest_at) {
                    (Some(digest), Some(at)) => {
                        let served = self.served.get(&(there, at));
                        if !served.is_some_and(|digests| digests.contains(digest)) {
                            return violation(format!(
                                "the receipt has a digest that {there:?} never had at {at}"
                            ));
                        }
                    }
                    (Some(_), None) => return violation("the receipt does not tell of what its digest is"),
                    (None, _) if self.wiped[there as usize] => {}
                    (None, _) => {
                        let reason = receipt.unproven.as_deref().unwrap_or_default();
                        let other_run = reason.starts_with("another run") && self.runs_of(script.move_id) > 1;
                        if !other_run {
                            return violation(format!("the receipt is unproven without need: {reason}"));
                        }
                    }
                }
            }
            Ended::Moved(Err(_)) | Ended::GivenUp(Err(_)) => {}
        }
        Ok(())
    }

    /// The end of all: one place serves the graph, or none if it was deleted, and nothing is on the way.
    pub(super) fn check_settled(&mut self) -> Result<(), Violation> {
        self.check()?;
        let serving = self.serving();
        let is_there = match &self.model {
            Some(nodes) => self.graph != COMMONS || !nodes.is_empty(),
            None => false,
        };
        if serving.len() != usize::from(is_there) {
            return violation(format!("in the end {serving:?} serve it, to be there: {is_there}"));
        }
        for place in Place::BOTH {
            let standing = self
                .server(place)
                .graphs
                .graph_in_any_state(self.graph)
                .ok()
                .and_then(|g| g.migration_state());
            match standing {
                None => {}
                Some(MigrationState::Moved(post)) if post.dropped => {}
                Some(standing) => return violation(format!("in the end {place:?} has {standing:?}")),
            }
        }
        Ok(())
    }

    /// The places that serve the graph; an empty `__commons__` is at every place and is not it.
    fn serving(&self) -> Vec<Place> {
        let serves = |place: &Place| {
            let found = self.server(*place).graphs.graph(self.graph);
            found.is_ok_and(|graph| self.graph != COMMONS || graph.counters().nodes > 0)
        };
        Place::BOTH.into_iter().filter(serves).collect()
    }
}

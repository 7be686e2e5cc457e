//! Stores that both serve a name, because one of them was set back to an earlier state: what keeps the one that lost the
//! name from serving it, and the steps by which an operator ends it (docs/decisions/0025-one-owner.md).

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{
            counters::GraphCounters,
            migration_state::{MigrationState, Redirect},
        },
        error::GraphError,
        moves::{
            decisions::Decision,
            outcome::{MoveOutcome, MoveRole},
            step::{GiveWay, Hold, Keep},
        },
        write::{catalog_changes::Creator, transaction::Transaction},
    },
    keys::GraphId,
    limits::{self, MAX_NAME_BYTES},
};

impl Transaction<'_> {
    /// Raises the ownership term of a graph that is served here. It is remembered as one that was admitted by the move: so a
    /// redirect of the move that leads here has led to it.
    pub(crate) fn hold(&mut self, name: &Arc<str>, move_id: &str, holding: &Hold) -> Result<(), GraphError> {
        if self.outcome(name, move_id)? == Some(MoveOutcome::Admitted) {
            return Ok(());
        }
        let Hold { graph_id, term, peer } = holding;
        let working = self.served_or_superseded(name)?;
        if working.entry.id != *graph_id {
            return Err(GraphError::overtaken(name, "it is another graph by now".into()));
        }
        let term = working.entry.epoch.max(*term);
        self.set_migration_state(name, None, term)?;
        let (role, outcome) = (MoveRole::Destination, MoveOutcome::Admitted);
        self.decide(move_id, name, Decision { role, outcome, peer });
        Ok(())
    }

    /// Puts a redirect in the place of a graph that is served here and, with a higher term, elsewhere.
    pub(crate) fn give_way(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        giving: &GiveWay,
    ) -> Result<(), GraphError> {
        let GiveWay { to, term, graph_id, keep } = giving;
        if self.outcome(name, move_id)? == Some(MoveOutcome::Departed) {
            return Ok(());
        }
        let working = self.not_fenced(name)?;
        let (entry, counters) = (working.entry.clone(), working.counters);
        if entry.id != *graph_id {
            return Err(GraphError::overtaken(name, "it is another graph by now".into()));
        }
        if *term <= entry.epoch {
            let detail = format!("its term here is {}, not below {term}, that of '{to}'", entry.epoch);
            return Err(GraphError::conflict(name, detail));
        }
        match keep {
            Keep::As(kept) => self.rename_aside(name, kept)?,
            Keep::Nothing { sequence } if counters.sequence != *sequence => {
                let (expected, found) = (*sequence, counters.sequence);
                return Err(GraphError::MovedOn { graph: name.to_string(), expected, found });
            }
            Keep::Nothing { .. } => self.remove(name, GraphId(entry.id)),
        }
        let redirect = Redirect { move_id: move_id.to_owned(), to: to.clone(), dropped: true };
        let id = self.allocate_id();
        let ledger_keep = entry.ledger_keep;
        let creator = Creator { owner: entry.owner, tenant: entry.tenant, ledger_keep };
        self.insert(name, id, entry.kind, creator, GraphCounters::default());
        self.set_migration_state(name, Some(MigrationState::Moved(redirect)), *term)?;
        let (role, outcome) = (MoveRole::Source, MoveOutcome::Departed);
        self.decide(move_id, name, Decision { role, outcome, peer: to });
        Ok(())
    }

    /// Gives the graph another name, which is free. It has no part in moves under it.
    fn rename_aside(&mut self, name: &Arc<str>, kept: &Arc<str>) -> Result<(), GraphError> {
        limits::check_name("name to keep it under", kept)?;
        if self.working(kept).is_some() {
            return Err(GraphError::GraphExists(kept.to_string()));
        }
        let working = self.detach(name)?;
        let entry = working.entry;
        let ledger_keep = entry.ledger_keep;
        let creator = Creator { owner: entry.owner, tenant: entry.tenant, ledger_keep };
        self.insert(kept, GraphId(entry.id), entry.kind, creator, working.counters);
        Ok(())
    }
}

/// A name under which a graph can be kept that gives way by the move: the graph's own, and behind it what tells it apart.
pub fn name_aside(graph: &str, move_id: &str) -> String {
    let suffix = format!(".set-aside-{move_id}");
    let mut end = graph.len().min(MAX_NAME_BYTES.saturating_sub(suffix.len()));
    while !graph.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &graph[..end])
}

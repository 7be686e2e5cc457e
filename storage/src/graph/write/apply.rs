//! Applies one mutation to the running group.

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{
            counters::GraphState,
            creation::Asking,
            entry::{COMMONS, GraphType},
        },
        error::GraphError,
        ledger::record::LedgerRecord,
        moves::step::MoveOp,
        write::{
            catalog_changes::Creator,
            idempotency::Once,
            op::{Op, Write},
            outcome::Outcome,
            part::Progress,
            transaction::Transaction,
        },
    },
    keys::GraphId,
    limits,
};

impl Transaction<'_> {
    /// Applies one mutation to the group. An error leaves the group as it was, except
    /// [`GraphError::Store`], after which the group must be dropped.
    pub(crate) fn apply(&mut self, write: &Write, reached: &Progress) -> Result<Outcome, GraphError> {
        let name = &write.graph;
        if self.is_full() || self.unfinished.contains(name) {
            // It waits for the next group; what comes behind it in its graph does so too.
            self.unfinished.insert(Arc::clone(name));
            return Ok(Outcome::unfinished(reached.clone()));
        }
        self.begin_part(write.op.is_divisible());
        let outcome = self.apply_op(name, &write.op, reached);
        self.settle(name);
        if let Op::Move(MoveOp::Admit { rename: Some(rename), .. }) = &write.op {
            self.settle(&rename.name);
        }
        if matches!(outcome, Ok(Outcome::Unfinished(_))) {
            self.unfinished.insert(Arc::clone(name));
        }
        outcome
    }

    pub(crate) fn apply_op(
        &mut self,
        name: &Arc<str>,
        op: &Op,
        reached: &Progress,
    ) -> Result<Outcome, GraphError> {
        match op {
            Op::Once(once, op) => return self.apply_once(name, *once, op, reached),
            Op::Create { kind, owner, tenant } => {
                if self.live(name).is_some() {
                    // It is on every store, wherever its content is.
                    if **name == *COMMONS {
                        return Err(GraphError::GraphExists(name.to_string()));
                    }
                    self.existing(name)?;
                    self.claim(name, tenant.as_deref())?;
                    return Err(GraphError::GraphExists(name.to_string()));
                }
                self.may_create(name, Asking::Client)?;
                owner.iter().try_for_each(|owner| limits::check_name("agent_id", owner))?;
                tenant.iter().try_for_each(|tenant| limits::check_name("tenant", tenant))?;
                self.has_room(name, tenant.as_deref(), owner.as_deref(), &GraphState::default())?;
                let id = self.allocate_id();
                let creator = Creator { owner: owner.clone(), tenant: tenant.clone(), ..Creator::default() };
                self.insert(name, id, *kind, creator, GraphState::default());
                self.has_change_at(name, 0);
                self.edit(name)?.log_beginning(&LedgerRecord::Created);
            }
            Op::Delete => {
                if **name == *COMMONS {
                    return Err(GraphError::CannotDeleteCommons);
                }
                let id = GraphId(self.unfenced(name)?.entry.id);
                self.remove(name, id);
            }
            Op::Clear => {
                let sequence = self.edit(name)?.live.state.sequence;
                let id = self.allocate_id();
                self.swap(name, id, GraphState { sequence, ..GraphState::default() })?;
                self.edit(name)?.log_beginning(&LedgerRecord::Cleared);
            }
            Op::AddNode { id, properties } => self.edit(name)?.add_node(id, properties)?,
            Op::AddMissingNode { id, properties } => {
                return self.edit(name)?.add_missing_node(id, properties).map(Outcome::Decided);
            }
            Op::CompareAndSet { node, conditions, updates } => {
                return self.edit(name)?.compare_and_set(node, conditions, updates).map(Outcome::Decided);
            }
            Op::Claim { node, conditions, updates } => {
                return self.edit(name)?.claim(node, conditions, updates).map(Outcome::Claimed);
            }
            Op::RemoveNode { id } => {
                return self.edit(name)?.remove_node_in_parts(id, reached).map(Outcome::of_rest);
            }
            Op::AddEdge { source, target, properties } => {
                self.edit(name)?.add_edge(source, target, properties)?
            }
            Op::RemoveEdge { source, target } => {
                return self.edit(name)?.remove_edge_in_parts(source, target, reached).map(Outcome::of_rest);
            }
            Op::AddVector { node, components } => self.edit(name)?.add_vector(node, components)?,
            Op::Batch(items) => return self.edit(name)?.batch(items).map(Outcome::Batch),
            Op::Transaction(transaction) => {
                let made = self.edit(name)?.transact(transaction)?;
                let report = transaction.report.clone().filter(|_| made).map(Outcome::Batch);
                return Ok(report.unwrap_or(Outcome::Transaction { made, replayed: false }));
            }
            Op::Touch { nodes, now } => return self.edit(name)?.touch(nodes, *now, reached),
            Op::Revise { of, since, changes, in_parts: _ } => {
                let mut edit = self.edit(name)?;
                if edit.id() != *of {
                    return Err(GraphError::GraphReplaced(name.to_string()));
                }
                return edit.revise(*since, changes, reached);
            }
            Op::ClearLedger => self.edit(name)?.clear_ledger(),
            Op::TrimLedger(trim) => self.edit_upkeep(name)?.trim_ledger(trim)?,
            Op::KeepLedger(keep) => {
                let live = self.unfenced(name)?;
                live.entry.ledger_keep = *keep;
                let (standing, epoch) = (live.entry.standing.clone(), live.entry.epoch);
                self.stand(name, standing, epoch)?;
            }
            Op::Replace(loaded) => {
                let (id, records, state) = loaded.parts();
                let edit = self.edit(name)?;
                edit.room.as_ref().map_or(Ok(()), |room| room.check_graph(&state))?;
                let old = edit.live.state.sequence;
                self.keep_id();
                self.swap(name, id, GraphState { sequence: state.sequence.max(old), ..state })?;
                self.overlay.append(records);
                self.has_change_at(name, loaded.newest_ms());
                self.edit(name)?.log_beginning(&LedgerRecord::Replaced);
            }
            Op::Install { loaded, kind, owner, replace } => {
                let doomed = self.live(name).map(|live| (live.entry.clone(), live.state.sequence));
                if doomed.is_some() && !*replace && !self.has_empty_commons(name) {
                    self.existing(name)?;
                    return Err(GraphError::GraphExists(name.to_string()));
                }
                let tenant = match doomed {
                    Some(_) => {
                        self.unfenced(name)?;
                        self.may_fill_commons(name, Asking::Import)?;
                        self.claim(name, loaded.tenant())?
                    }
                    None => {
                        self.may_create(name, Asking::Import)?;
                        loaded.tenant().map(str::to_owned)
                    }
                };
                let (id, records, mut state) = loaded.parts();
                self.has_room(name, tenant.as_deref(), owner.as_deref(), &state)?;
                self.keep_id();
                if let Some((doomed, sequence)) = &doomed {
                    self.remove(name, GraphId(doomed.id));
                    state.sequence = state.sequence.max(*sequence);
                }
                let kind = if **name == *COMMONS { GraphType::Commons } else { *kind };
                let kept = doomed.as_ref().and_then(|(doomed, _)| doomed.ledger_keep);
                let ledger_keep = loaded.ledger_keep().or(kept);
                self.insert(name, id, kind, Creator { owner: owner.clone(), tenant, ledger_keep }, state);
                self.overlay.append(records);
                self.has_change_at(name, loaded.newest_ms());
                if let Some((doomed, _)) = doomed {
                    self.keep_tenure(name, doomed.arrived, doomed.epoch)?;
                    self.edit(name)?.log_beginning(&LedgerRecord::Replaced);
                }
            }
            Op::Move(step) => self.apply_move(name, step)?,
        }
        Ok(Outcome::Done)
    }
}

//! Applies one mutation to the running group.

use std::sync::Arc;

use crate::graph::{
    error::GraphError,
    moves::step::MoveOp,
    write::{op::Op, op::Write, outcome::Outcome, part::Progress, transaction::Transaction},
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
                self.create(name, *kind, owner.as_deref(), tenant.as_deref())?
            }
            Op::Delete => self.delete(name)?,
            Op::Clear => self.clear(name)?,
            Op::One(mutation) => return self.edit(name)?.one(mutation, reached),
            Op::AddMissingNode { id, properties } => {
                return self.edit(name)?.add_missing_node(id, properties).map(Outcome::Decided);
            }
            Op::Claim { node, conditions, updates } => {
                return self.edit(name)?.claim(node, conditions, updates).map(Outcome::Claimed);
            }
            Op::Batch(items) => return self.edit(name)?.batch(items).map(Outcome::Batch),
            Op::Transaction(transaction) => {
                let made = self.edit(name)?.transact(transaction)?;
                let report = transaction.report.clone().filter(|_| made).map(Outcome::Batch);
                return Ok(report.unwrap_or(Outcome::Transaction { made, replayed: false }));
            }
            Op::Touch { nodes, now } => return self.edit(name)?.touch(nodes, *now, reached),
            Op::Conditional { of, since, changes, in_parts: _ } => {
                let mut edit = self.edit(name)?;
                if edit.id() != *of {
                    return Err(GraphError::GraphReplaced(name.to_string()));
                }
                return edit.conditional(*since, changes, reached);
            }
            Op::ClearLedger => self.edit(name)?.clear_ledger(),
            Op::TrimLedger(trim) => self.edit_upkeep(name)?.trim_ledger(trim)?,
            Op::KeepLedger(keep) => {
                self.unfenced(name)?.entry.ledger_keep = *keep;
                self.put_entry(name);
            }
            Op::SetOwner(owner) => self.set_owner(name, owner.as_deref().unwrap_or_default())?,
            Op::Replace(loaded) => self.replace(name, loaded)?,
            Op::Install { loaded, kind, owner, replace } => {
                self.install(name, loaded, *kind, owner.as_deref(), *replace)?;
            }
            Op::Move(step) => self.apply_move(name, step)?,
        }
        Ok(Outcome::Done)
    }
}

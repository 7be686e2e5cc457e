//! The steps of a move that change a graph's standing. Each is one commit, names its move, and may be repeated: what is
//! done already is done (docs/decisions/0019-moves.md).

use std::sync::Arc;

use super::{
    catalog::{COMMONS, CatalogEntry, GraphType},
    error::GraphError,
    ledger::LedgerRecord,
    load::LoadedGraph,
    replay,
    standing::{Signpost, Standing},
    state::GraphState,
    transaction::{Creator, Live, Transaction},
};
use crate::keys::GraphId;

/// A step of a move. Errors about another move, or a step out of order, are [`GraphError::MoveConflict`].
#[derive(Debug)]
pub enum MoveOp {
    /// Reserves the name for a graph that arrives. It must be free, or a signpost whose records are gone.
    Arrive {
        /// The move.
        move_id: String,
        /// Where the graph comes from, for people.
        from: String,
    },
    /// Puts loaded records in place of those of an arriving graph.
    Fill {
        /// The move.
        move_id: String,
        /// The records.
        loaded: LoadedGraph,
        /// Type.
        kind: GraphType,
        /// Identity of the creator.
        owner: Option<String>,
    },
    /// Makes the changes of ledger records again on an arriving graph, each with its own sequence number and time.
    /// Records up to the graph's own sequence number are passed over; the next one must follow it without a gap.
    Replay {
        /// The move.
        move_id: String,
        /// Sequence numbers, ascending by one, and stored forms.
        records: Vec<(u64, Vec<u8>)>,
    },
    /// Serves an arriving graph from now on, if `sequence` is its newest sequence number. Not a quarantined one.
    Admit {
        /// The move.
        move_id: String,
        /// The sequence number that was agreed upon.
        sequence: u64,
        /// Another name for it.
        rename: Option<Rename>,
    },
    /// Serves the graph no more: it is at `to`. The commit point of a move: only if `sequence` is its newest sequence number.
    Depart {
        /// The move.
        move_id: String,
        /// Its new endpoint.
        to: String,
        /// The sequence number that the destination holds.
        sequence: u64,
    },
    /// Drops the records: of a graph that departed, leaving the signpost; of one that arrives, leaving what was there before.
    Drop {
        /// The move.
        move_id: String,
    },
    /// Serves a graph that departed again. Its records must be here still, and the copy elsewhere must be gone.
    Return {
        /// The move.
        move_id: String,
    },
    /// Removes a signpost whose records are gone, and with it what it tells clients with an old list.
    Forget,
}

/// The name that an arriving graph is to have.
#[derive(Debug, Clone)]
pub struct Rename {
    /// Exact name.
    pub name: Arc<str>,
    /// Whether a graph of this name may be there and is replaced.
    pub replace: bool,
}

impl Transaction<'_> {
    pub(super) fn apply_move(&mut self, name: &Arc<str>, op: &MoveOp) -> Result<(), GraphError> {
        match op {
            MoveOp::Arrive { move_id, from } => self.arrive(name, move_id, from),
            MoveOp::Fill { move_id, loaded, kind, owner } => {
                self.fill(name, move_id, loaded, *kind, owner.clone())
            }
            MoveOp::Replay { move_id, records } => self.replay(name, move_id, records),
            MoveOp::Admit { move_id, sequence, rename } => {
                self.admit(name, move_id, *sequence, rename.as_ref())
            }
            MoveOp::Depart { move_id, to, sequence } => self.depart(name, move_id, to, *sequence),
            MoveOp::Drop { move_id } => self.drop_records(name, move_id),
            MoveOp::Return { move_id } => self.come_back(name, move_id),
            MoveOp::Forget => self.forget(name),
        }
    }

    fn arrive(&mut self, name: &Arc<str>, move_id: &str, from: &str) -> Result<(), GraphError> {
        let mut before = None;
        if let Some(entry) = self.live(name).map(|live| live.entry.clone()) {
            match entry.standing {
                Some(Standing::Arriving { move_id: here, .. }) if here == move_id => return Ok(()),
                None if entry.arrived.as_deref() == Some(move_id) => return Ok(()),
                None => return Err(GraphError::GraphExists(name.to_string())),
                Some(Standing::Moved(post)) if post.dropped && post.move_id != move_id => {
                    self.remove(name, GraphId(entry.id));
                    before = Some(post);
                }
                Some(other) => return Err(GraphError::unfinished(name, other.move_id())),
            }
        }
        let standing = Standing::Arriving { move_id: move_id.to_owned(), from: from.to_owned(), before };
        self.insert_empty(name, GraphType::Agent, Creator::default(), standing)
    }

    fn fill(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        loaded: &LoadedGraph,
        kind: GraphType,
        owner: Option<String>,
    ) -> Result<(), GraphError> {
        let live = self.arriving(name, move_id)?;
        let (old, standing) = (GraphId(live.entry.id), live.entry.standing.clone());
        self.keep_id();
        let (id, records, state) = loaded.parts();
        self.remove(name, old);
        let tenant = loaded.tenant().map(str::to_owned);
        self.insert(name, id, kind, Creator { owner, tenant }, state);
        self.overlay.append(records);
        self.stand(name, standing)
    }

    fn replay(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        records: &[(u64, Vec<u8>)],
    ) -> Result<(), GraphError> {
        let live = self.arriving(name, move_id)?;
        live.sound(name)?;
        let newest = live.state.sequence;
        let behind = records.iter().skip_while(|(sequence, _)| *sequence <= newest);
        let behind = replay::decode(name, newest, behind)?;
        for (sequence, time, record) in behind {
            self.edit_at(name, time)?.replay(sequence, &record)?;
        }
        Ok(())
    }

    fn admit(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        sequence: u64,
        rename: Option<&Rename>,
    ) -> Result<(), GraphError> {
        let served = rename.map_or(name, |rename| &rename.name);
        if let Some(live) = self.live(served)
            && live.entry.standing.is_none()
            && live.entry.arrived.as_deref() == Some(move_id)
        {
            return Ok(());
        }
        let live = self.arriving(name, move_id)?;
        live.sound(name)?;
        let found = live.state.sequence;
        if found != sequence {
            return Err(GraphError::MovedOn { graph: name.to_string(), expected: sequence, found });
        }
        if let Some(rename) = rename.filter(|rename| rename.name != *name) {
            self.rename(name, rename)?;
        }
        let live = self.live(served).ok_or_else(|| GraphError::GraphNotFound(served.to_string()))?;
        live.entry.arrived = Some(move_id.to_owned());
        self.stand(served, None)
    }

    /// Serves the arriving graph `name` under another name, in place of the graph there.
    fn rename(&mut self, name: &Arc<str>, to: &Rename) -> Result<(), GraphError> {
        let own = self.live(name).and_then(|live| live.entry.tenant.clone());
        let doomed = self.live(&to.name).map(|live| (GraphId(live.entry.id), live.state.sequence));
        let tenant = match doomed {
            None => {
                self.may_create(&to.name)?;
                own
            }
            Some(_) if !to.replace => {
                self.existing(&to.name)?;
                return Err(GraphError::GraphExists(to.name.to_string()));
            }
            Some(_) => {
                self.unfenced(&to.name)?;
                self.claim(&to.name, own.as_deref())?
            }
        };
        let live = self.take_out(name)?;
        let CatalogEntry { id, kind, owner, .. } = live.entry;
        let mut state = live.state;
        if let Some((doomed, sequence)) = doomed {
            self.remove(&to.name, doomed);
            state.sequence = state.sequence.max(sequence);
        }
        let kind = if *to.name == *COMMONS { GraphType::Commons } else { kind };
        self.insert(&to.name, GraphId(id), kind, Creator { owner, tenant }, state);
        if doomed.is_some() {
            self.edit(&to.name)?.log_beginning(&LedgerRecord::Replaced);
        }
        Ok(())
    }

    fn depart(&mut self, name: &Arc<str>, move_id: &str, to: &str, sequence: u64) -> Result<(), GraphError> {
        if **name == *COMMONS {
            return Err(GraphError::conflict(name, "it is on every shard and does not move".into()));
        }
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &live.entry.standing {
            Some(Standing::Moved(post)) if post.move_id == move_id => return Ok(()),
            Some(standing) => return Err(standing.refusal(name)),
            None => {}
        }
        let found = live.state.sequence;
        if found != sequence {
            return Err(GraphError::MovedOn { graph: name.to_string(), expected: sequence, found });
        }
        let post = Signpost { move_id: move_id.to_owned(), to: to.to_owned(), dropped: false };
        self.stand(name, Some(Standing::Moved(post)))
    }

    fn drop_records(&mut self, name: &Arc<str>, move_id: &str) -> Result<(), GraphError> {
        let Some(entry) = self.live(name).map(|live| live.entry.clone()) else { return Ok(()) };
        let id = GraphId(entry.id);
        match entry.standing {
            // Of this move, or of one before it that came back when this one was dropped.
            Some(Standing::Moved(post)) if post.dropped => Ok(()),
            Some(standing) if standing.move_id() != move_id => {
                Err(GraphError::unfinished(name, standing.move_id()))
            }
            Some(Standing::Moved(post)) => {
                self.remove(name, id);
                let creator = Creator { owner: entry.owner, tenant: entry.tenant };
                let post = Signpost { dropped: true, ..post };
                self.insert_empty(name, entry.kind, creator, Standing::Moved(post))
            }
            Some(Standing::Arriving { before, .. }) => {
                self.remove(name, id);
                let Some(post) = before else { return Ok(()) };
                self.insert_empty(name, entry.kind, Creator::default(), Standing::Moved(post))
            }
            None if entry.arrived.as_deref() == Some(move_id) => {
                Err(GraphError::conflict(name, format!("it is served here since move {move_id}")))
            }
            // It stands there as it was before the move, or as it came back from it.
            None => Ok(()),
        }
    }

    fn come_back(&mut self, name: &Arc<str>, move_id: &str) -> Result<(), GraphError> {
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &live.entry.standing {
            None => Ok(()),
            Some(Standing::Moved(post)) if post.move_id == move_id && !post.dropped => self.stand(name, None),
            Some(standing) => Err(standing.refusal(name)),
        }
    }

    fn forget(&mut self, name: &Arc<str>) -> Result<(), GraphError> {
        let Some(entry) = self.live(name).map(|live| live.entry.clone()) else { return Ok(()) };
        match entry.standing {
            Some(Standing::Moved(post)) if post.dropped => {
                self.remove(name, GraphId(entry.id));
                Ok(())
            }
            Some(standing) => Err(GraphError::unfinished(name, standing.move_id())),
            None => Err(GraphError::conflict(name, "it is served here: there is no signpost".into())),
        }
    }

    /// The graph, which arrives by this move.
    fn arriving(&mut self, name: &Arc<str>, move_id: &str) -> Result<&mut Live, GraphError> {
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &live.entry.standing {
            Some(Standing::Arriving { move_id: here, .. }) if here == move_id => Ok(live),
            Some(standing) => Err(GraphError::unfinished(name, standing.move_id())),
            None => Err(GraphError::conflict(name, "it is served here: it does not arrive".into())),
        }
    }

    fn insert_empty(
        &mut self,
        name: &Arc<str>,
        kind: GraphType,
        creator: Creator,
        standing: Standing,
    ) -> Result<(), GraphError> {
        let id = self.allocate_id();
        self.insert(name, id, kind, creator, GraphState::default());
        self.stand(name, Some(standing))
    }
}

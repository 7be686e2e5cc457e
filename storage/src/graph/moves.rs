//! The steps of a move that change a graph's standing. Each is one commit, names its move, and may be repeated: what is
//! done already is done (docs/decisions/0019-moves.md, 0021-moves-by-proof.md).

use std::sync::Arc;

use super::{
    catalog::{COMMONS, CatalogEntry, GraphType},
    error::GraphError,
    ledger::LedgerRecord,
    load::LoadedGraph,
    outcomes::{MoveOutcome, MoveRole},
    owners::{GiveWay, Hold},
    replay,
    standing::{Origin, RESTORE, Signpost, Standing},
    state::GraphState,
    store::Asking,
    transaction::{Creator, Decision, Live, Transaction},
};
use crate::{keys::GraphId, limits};

/// Bytes of a move id at most.
const MAX_MOVE_ID: usize = 1024;

/// A step of a move. Errors about another move, or a step out of order, are [`GraphError::MoveConflict`]; a step that was
/// made for another state is [`GraphError::Overtaken`] or [`GraphError::MovedOn`], and every step of a move that was given
/// up here but [`MoveOp::Refuse`] and [`MoveOp::Return`] is [`GraphError::MoveAborted`].
///
/// What a move came to is remembered ([`super::MoveRecord`]), so a step that was done is done also when the graph was
/// deleted since.
#[derive(Debug)]
pub enum MoveOp {
    /// Reserves the name for a graph that arrives. It must be free, a signpost whose records are gone, or an empty
    /// `__commons__`.
    Arrive {
        /// The move.
        move_id: String,
        /// Where the graph comes from, for people.
        from: String,
    },
    /// Puts loaded records in place of those of an arriving graph. The copy is another one since then: it has a new id.
    Fill {
        /// The move.
        move_id: String,
        /// The records.
        loaded: LoadedGraph,
        /// Type.
        kind: GraphType,
        /// Identity of the creator.
        owner: Option<String>,
        /// What the records were read of, as the source told when it began to read.
        origin: Option<Origin>,
    },
    /// Makes the changes of ledger records again, each with its own sequence number and time: on an arriving graph, or on
    /// one that departed by this move and whose records are kept. Records up to the graph's own sequence number are passed
    /// over; the next one must follow it without a gap.
    Replay {
        /// The move.
        move_id: String,
        /// The copy meant, if it is to be this one.
        copy: Option<u64>,
        /// Sequence numbers, ascending by one, and stored forms.
        records: Vec<(u64, Vec<u8>)>,
    },
    /// Serves an arriving graph from now on, if `sequence` is its newest sequence number. Not a quarantined one.
    Admit {
        /// The move.
        move_id: String,
        /// The copy meant, if it is to be this one.
        copy: Option<u64>,
        /// The sequence number that was agreed upon.
        sequence: u64,
        /// Its ownership term from now on, as the source handed it over; without it that of the name stays.
        epoch: Option<u64>,
        /// Another name for it.
        rename: Option<Rename>,
    },
    /// Serves the graph no more: it is elsewhere. The commit point of a move.
    Depart {
        /// The move.
        move_id: String,
        /// Where to, and the proof that it is as it was compared.
        departure: Departure,
    },
    /// Drops the records of a graph that departed, leaving the signpost. Only when the destination has proved that it
    /// serves what departed.
    Drop {
        /// The move.
        move_id: String,
    },
    /// Refuses the move for good, unless it was decided on already; [`GraphStore::move_record`] tells which. Of a graph
    /// that arrives by it the copy is dropped, or its name held; a fence of it is lowered.
    ///
    /// [`GraphStore::move_record`]: super::GraphStore::move_record
    Refuse {
        /// The move.
        move_id: String,
        /// What this store is to the move.
        role: MoveRole,
        /// The other endpoint, for people.
        peer: String,
        /// What becomes of the name of a graph that arrives by it.
        name_after: NameAfter,
    },
    /// Serves a graph that departed again, and refuses the move from now on. Its records must be here still, and the
    /// destination must have refused the move.
    Return {
        /// The move.
        move_id: String,
    },
    /// Raises the ownership term of the graph, which is served here and elsewhere as well, so that it stays here.
    Hold {
        /// Names what is done, as a move is named; the others give way by the same name.
        move_id: String,
        /// Which graph, and by which term.
        holding: Hold,
    },
    /// Puts a signpost in the place of the graph, which is served here and, with a higher term, elsewhere.
    GiveWay {
        /// Names this step, as a move is named.
        move_id: String,
        /// To whom, and what becomes of the records.
        giving: GiveWay,
    },
    /// Removes a signpost whose records are gone, and with it what it tells clients with an old list; or what a restore
    /// that was killed has left of a graph, which is refused for good.
    Forget,
}

/// The proof of a departure: only the very graph leaves that was compared, and only while the fence stands that was raised
/// for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The new endpoint.
    pub to: String,
    /// Token of the fence ([`super::Fenced`]).
    pub token: u64,
    /// Number of the graph in this store.
    pub graph_id: u64,
    /// Its ownership term.
    pub epoch: u64,
    /// The sequence number of its newest change, which the destination holds.
    pub sequence: u64,
}

/// What becomes of the name under which a refused copy was arriving. While the source has a signpost to here, and for as
/// long as a client may be on its way that has met it, nobody must create another graph under that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameAfter {
    /// What was there before the copy: nothing, or an older signpost.
    Free,
    /// It stays taken, until the move is refused once more.
    Held,
    /// If it was held, a signpost to the peer, which serves the graph again; else as [`NameAfter::Free`].
    SentBack,
}

impl NameAfter {
    /// All of them.
    pub const ALL: [Self; 3] = [NameAfter::Free, NameAfter::Held, NameAfter::SentBack];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            NameAfter::Free => "free",
            NameAfter::Held => "held",
            NameAfter::SentBack => "sent_back",
        }
    }
}

/// The name that an arriving graph is to have.
#[derive(Debug, Clone)]
pub struct Rename {
    /// Exact name.
    pub name: Arc<str>,
    /// Whether a graph of this name may be there and is replaced. An empty `__commons__` always may.
    pub replace: bool,
}

/// What an admission was agreed upon.
struct Agreed {
    copy: Option<u64>,
    sequence: u64,
    epoch: Option<u64>,
}

/// Bounds what a step leaves behind: its id, and the place that it names.
fn check_texts(name: &str, op: &MoveOp) -> Result<(), GraphError> {
    let (move_id, place) = match op {
        MoveOp::Arrive { move_id, from } => (move_id, from.as_str()),
        MoveOp::Depart { move_id, departure } => (move_id, departure.to.as_str()),
        MoveOp::Refuse { move_id, peer, .. } => (move_id, peer.as_str()),
        MoveOp::GiveWay { move_id, giving } => (move_id, giving.to.as_str()),
        MoveOp::Fill { move_id, .. }
        | MoveOp::Replay { move_id, .. }
        | MoveOp::Admit { move_id, .. }
        | MoveOp::Drop { move_id }
        | MoveOp::Return { move_id }
        | MoveOp::Hold { move_id, .. } => (move_id, ""),
        MoveOp::Forget => return Ok(()),
    };
    check_move_id(name, move_id)?;
    Ok(limits::check_name("endpoint", place)?)
}

pub(super) fn check_move_id(name: &str, move_id: &str) -> Result<(), GraphError> {
    if move_id.len() <= MAX_MOVE_ID {
        return Ok(());
    }
    let detail = format!("its move id has {} bytes, {MAX_MOVE_ID} are the most", move_id.len());
    Err(GraphError::conflict(name, detail))
}

impl Transaction<'_> {
    pub(super) fn apply_move(&mut self, name: &Arc<str>, op: &MoveOp) -> Result<(), GraphError> {
        check_texts(name, op)?;
        match op {
            MoveOp::Arrive { move_id, from } => self.arrive(name, move_id, from),
            MoveOp::Fill { move_id, loaded, kind, owner, origin } => {
                self.fill(name, move_id, loaded, (*kind, owner.clone()), *origin)
            }
            MoveOp::Replay { move_id, copy, records } => self.replay(name, move_id, *copy, records),
            MoveOp::Admit { move_id, copy, sequence, epoch, rename } => {
                let agreed = Agreed { copy: *copy, sequence: *sequence, epoch: *epoch };
                self.admit(name, move_id, &agreed, rename.as_ref())
            }
            MoveOp::Depart { move_id, departure } => self.depart(name, move_id, departure),
            MoveOp::Drop { move_id } => self.drop_records(name, move_id),
            MoveOp::Refuse { move_id, role, peer, name_after } => {
                self.refuse(name, move_id, *name_after, (*role, peer))
            }
            MoveOp::Return { move_id } => self.come_back(name, move_id),
            MoveOp::Hold { move_id, holding } => self.hold(name, move_id, holding),
            MoveOp::GiveWay { move_id, giving } => self.give_way(name, move_id, giving),
            MoveOp::Forget => self.forget(name),
        }
    }

    fn arrive(&mut self, name: &Arc<str>, move_id: &str, from: &str) -> Result<(), GraphError> {
        match self.outcome(name, move_id)? {
            Some(MoveOutcome::Admitted) => return Ok(()),
            Some(MoveOutcome::Departed) => {
                return Err(GraphError::conflict(name, format!("it left here by move {move_id}")));
            }
            Some(MoveOutcome::Refused) | None => {}
        }
        // A name that begins like this is that of a copy that takes a graph's place; it is asked for when it is admitted.
        if move_id.starts_with(RESTORE) && !name.starts_with(RESTORE) {
            self.may_create(name, Asking::Import)?;
        }
        let (mut before, mut epoch) = (None, 0);
        let is_empty_commons = self.has_empty_commons(name);
        if let Some(entry) = self.live(name).map(|live| live.entry.clone()) {
            match entry.standing {
                Some(Standing::Arriving { move_id: here, .. }) if here == move_id => return Ok(()),
                None if is_empty_commons => {
                    self.remove(name, GraphId(entry.id));
                    epoch = entry.epoch;
                }
                None => return Err(GraphError::GraphExists(name.to_string())),
                Some(Standing::Moved(post)) if post.dropped && post.move_id != move_id => {
                    self.remove(name, GraphId(entry.id));
                    (before, epoch) = (Some(post), entry.epoch);
                }
                Some(other) => return Err(GraphError::unfinished(name, other.move_id())),
            }
        }
        let (move_id, from) = (move_id.to_owned(), from.to_owned());
        let standing = Standing::Arriving { move_id, from, origin: None, before };
        self.insert_empty(name, GraphType::Agent, Creator::default(), standing, epoch)
    }

    fn fill(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        loaded: &LoadedGraph,
        (kind, owner): (GraphType, Option<String>),
        origin: Option<Origin>,
    ) -> Result<(), GraphError> {
        self.outcome(name, move_id)?;
        let live = self.arriving(name, move_id)?;
        let (old, epoch) = (GraphId(live.entry.id), live.entry.epoch);
        let Some(Standing::Arriving { move_id, from, before, .. }) = live.entry.standing.clone() else {
            return Ok(());
        };
        self.keep_id();
        let (id, records, state) = loaded.parts();
        self.remove(name, old);
        let kind = kind_of(name, kind);
        let tenant = loaded.tenant().map(str::to_owned);
        let ledger_keep = loaded.ledger_keep();
        self.insert(name, id, kind, Creator { owner, tenant, ledger_keep }, state);
        self.overlay.append(records);
        self.stand(name, Some(Standing::Arriving { move_id, from, origin, before }), epoch)
    }

    fn replay(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<(), GraphError> {
        let outcome = self.outcome(name, move_id)?;
        let live = match outcome {
            Some(MoveOutcome::Departed) => self.kept(name, move_id)?,
            Some(MoveOutcome::Refused | MoveOutcome::Admitted) | None => self.arriving(name, move_id)?,
        };
        live.is_copy(name, copy)?;
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
        agreed: &Agreed,
        rename: Option<&Rename>,
    ) -> Result<(), GraphError> {
        if self.outcome(name, move_id)? == Some(MoveOutcome::Admitted) {
            return Ok(());
        }
        let live = self.arriving(name, move_id)?;
        live.is_copy(name, agreed.copy)?;
        live.sound(name)?;
        let (expected, found) = (agreed.sequence, live.state.sequence);
        if found != expected {
            return Err(GraphError::MovedOn { graph: name.to_string(), expected, found });
        }
        let from = match &live.entry.standing {
            Some(Standing::Arriving { from, .. }) => from.clone(),
            Some(Standing::Moved(_)) | None => String::new(),
        };
        let served = rename.map_or(name, |rename| &rename.name);
        match rename.filter(|rename| rename.name != *name) {
            Some(rename) => self.rename(name, rename)?,
            // Where a graph that moves goes is the operator's word; where one is restored is the rule's.
            None if move_id.starts_with(RESTORE) => self.may_create(name, Asking::Import)?,
            None => {}
        }
        let live = self.live(served).ok_or_else(|| GraphError::GraphNotFound(served.to_string()))?;
        live.entry.arrived = Some(move_id.to_owned());
        let epoch = agreed.epoch.map_or(live.entry.epoch, |epoch| epoch.max(live.entry.epoch));
        self.stand(served, None, epoch)?;
        let (role, outcome) = (MoveRole::Destination, MoveOutcome::Admitted);
        self.decide(move_id, served, Decision { role, outcome, peer: &from });
        Ok(())
    }

    /// Serves the arriving graph `name` under another name, in place of the graph there.
    fn rename(&mut self, name: &Arc<str>, to: &Rename) -> Result<(), GraphError> {
        let own = self.live(name).and_then(|live| live.entry.tenant.clone());
        let doomed = self.live(&to.name).map(|live| (live.entry.clone(), live.state.sequence));
        let replace = to.replace || self.has_empty_commons(&to.name);
        let tenant = match doomed {
            None => {
                self.may_create(&to.name, Asking::Import)?;
                own
            }
            Some(_) if !replace => {
                self.existing(&to.name)?;
                return Err(GraphError::GraphExists(to.name.to_string()));
            }
            Some(_) => {
                self.unfenced(&to.name)?;
                self.may_fill_commons(&to.name, Asking::Import)?;
                self.claim(&to.name, own.as_deref())?
            }
        };
        let live = self.take_out(name)?;
        let CatalogEntry { id, kind, owner, ledger_keep, .. } = live.entry;
        let mut state = live.state;
        if let Some((doomed, sequence)) = &doomed {
            self.remove(&to.name, GraphId(doomed.id));
            state.sequence = state.sequence.max(*sequence);
        }
        let kind = kind_of(&to.name, kind);
        self.insert(&to.name, GraphId(id), kind, Creator { owner, tenant, ledger_keep }, state);
        if let Some((doomed, _)) = doomed {
            self.keep_tenure(&to.name, doomed.arrived, doomed.epoch)?;
            self.edit(&to.name)?.log_beginning(&LedgerRecord::Replaced);
        }
        Ok(())
    }

    fn depart(&mut self, name: &Arc<str>, move_id: &str, departure: &Departure) -> Result<(), GraphError> {
        match self.outcome(name, move_id)? {
            Some(MoveOutcome::Departed) => return Ok(()),
            Some(MoveOutcome::Admitted) => return Err(arrived_by(name, move_id)),
            Some(MoveOutcome::Refused) | None => {}
        }
        let Departure { to, token, graph_id, epoch, sequence } = departure;
        let live = self.existing(name)?;
        if (live.entry.id, live.entry.epoch) != (*graph_id, *epoch) {
            return Err(GraphError::overtaken(name, "it is another graph by now".into()));
        }
        let found = live.state.sequence;
        if found != *sequence {
            return Err(GraphError::MovedOn { graph: name.to_string(), expected: *sequence, found });
        }
        self.fence_stands(name, move_id, to, *token)?;
        let post = Signpost { move_id: move_id.to_owned(), to: to.clone(), dropped: false };
        self.stand(name, Some(Standing::Moved(post)), epoch + 1)?;
        self.decide(
            move_id,
            name,
            Decision { role: MoveRole::Source, outcome: MoveOutcome::Departed, peer: to },
        );
        Ok(())
    }

    fn drop_records(&mut self, name: &Arc<str>, move_id: &str) -> Result<(), GraphError> {
        match self.outcome(name, move_id)? {
            Some(MoveOutcome::Departed) => {}
            Some(MoveOutcome::Admitted) => return Err(arrived_by(name, move_id)),
            Some(MoveOutcome::Refused) | None => {
                return Err(GraphError::conflict(name, format!("it has not left by move {move_id}")));
            }
        }
        let Some(entry) = self.live(name).map(|live| live.entry.clone()) else { return Ok(()) };
        let Some(Standing::Moved(post)) = entry.standing else { return Ok(()) };
        if post.dropped || post.move_id != move_id {
            return Ok(());
        }
        self.remove(name, GraphId(entry.id));
        let creator = Creator { owner: entry.owner, tenant: entry.tenant, ledger_keep: entry.ledger_keep };
        let post = Signpost { dropped: true, ..post };
        self.insert_empty(name, entry.kind, creator, Standing::Moved(post), entry.epoch)
    }

    fn refuse(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        name_after: NameAfter,
        (role, peer): (MoveRole, &str),
    ) -> Result<(), GraphError> {
        let decided = self.decided(name, move_id)?.map(|record| record.outcome);
        if matches!(decided, Some(MoveOutcome::Departed | MoveOutcome::Admitted)) {
            return Ok(());
        }
        let entry = self.live(name).map(|live| live.entry.clone());
        match entry.as_ref().and_then(|entry| entry.standing.as_ref()) {
            Some(Standing::Arriving { move_id: here, before, .. }) if here == move_id => {
                if role == MoveRole::Source {
                    let detail = format!("it arrives here by move {move_id}: this is its destination");
                    return Err(GraphError::conflict(name, detail));
                }
                let sent_back = (decided.is_some() && name_after == NameAfter::SentBack).then(|| Signpost {
                    move_id: move_id.to_owned(),
                    to: peer.to_owned(),
                    dropped: true,
                });
                if name_after != NameAfter::Held {
                    self.drop_copy(name, before.clone().or(sent_back))?;
                }
            }
            Some(_) | None => self.unfence(name, move_id),
        }
        if decided.is_some() {
            return Ok(());
        }
        self.decide(move_id, name, Decision { role, outcome: MoveOutcome::Refused, peer });
        Ok(())
    }

    /// Removes an arriving graph, leaving what was there before.
    fn drop_copy(&mut self, name: &Arc<str>, before: Option<Signpost>) -> Result<(), GraphError> {
        let Some(entry) = self.live(name).map(|live| live.entry.clone()) else { return Ok(()) };
        self.remove(name, GraphId(entry.id));
        let Some(post) = before else { return self.leave_commons(name, entry.epoch) };
        self.insert_empty(name, entry.kind, Creator::default(), Standing::Moved(post), entry.epoch)
    }

    fn come_back(&mut self, name: &Arc<str>, move_id: &str) -> Result<(), GraphError> {
        match self.decided(name, move_id)?.map(|record| (record.outcome, record.peer)) {
            Some((MoveOutcome::Refused, _)) => Ok(()),
            Some((MoveOutcome::Departed, to)) => {
                let epoch = self.kept(name, move_id)?.entry.epoch;
                self.unfence(name, move_id);
                self.stand(name, None, epoch + 1)?;
                let (role, outcome) = (MoveRole::Source, MoveOutcome::Refused);
                self.decide(move_id, name, Decision { role, outcome, peer: &to });
                Ok(())
            }
            Some((MoveOutcome::Admitted, _)) => Err(arrived_by(name, move_id)),
            None => Err(GraphError::conflict(name, format!("it has not left by move {move_id}"))),
        }
    }

    fn forget(&mut self, name: &Arc<str>) -> Result<(), GraphError> {
        let Some(entry) = self.live(name).map(|live| live.entry.clone()) else { return Ok(()) };
        match entry.standing {
            Some(Standing::Moved(post)) if post.dropped => {
                self.remove(name, GraphId(entry.id));
                self.leave_commons(name, 0)
            }
            Some(standing) if standing.is_restore() => {
                self.refuse(name, standing.move_id(), NameAfter::Free, (MoveRole::Destination, ""))
            }
            Some(standing) => Err(GraphError::unfinished(name, standing.move_id())),
            None => Err(GraphError::conflict(name, "it is served here: there is no signpost".into())),
        }
    }

    /// What became of the move, which was not given up.
    pub(super) fn outcome(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
    ) -> Result<Option<MoveOutcome>, GraphError> {
        match self.decided(name, move_id)?.map(|record| record.outcome) {
            Some(MoveOutcome::Refused) => Err(GraphError::aborted(name, move_id)),
            outcome => Ok(outcome),
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

    /// The graph, which departed by this move and whose records are here still.
    fn kept(&mut self, name: &Arc<str>, move_id: &str) -> Result<&mut Live, GraphError> {
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &live.entry.standing {
            Some(Standing::Moved(post)) if post.move_id == move_id && post.dropped => {
                Err(GraphError::conflict(name, format!("its records were dropped by move {move_id}")))
            }
            Some(Standing::Moved(post)) if post.move_id == move_id => Ok(live),
            Some(standing) => Err(GraphError::unfinished(name, standing.move_id())),
            None => Err(GraphError::conflict(name, "it is served here again".into())),
        }
    }

    /// Of a name that was removed: an empty `__commons__`, which every store has.
    fn leave_commons(&mut self, name: &Arc<str>, epoch: u64) -> Result<(), GraphError> {
        if **name != *COMMONS {
            return Ok(());
        }
        let id = self.allocate_id();
        self.insert(name, id, GraphType::Commons, Creator::default(), GraphState::default());
        self.stand(name, None, epoch)?;
        self.has_change_at(name, 0);
        self.edit_upkeep(name)?.log_beginning(&LedgerRecord::Created);
        Ok(())
    }

    fn insert_empty(
        &mut self,
        name: &Arc<str>,
        kind: GraphType,
        creator: Creator,
        standing: Standing,
        epoch: u64,
    ) -> Result<(), GraphError> {
        let id = self.allocate_id();
        let kind = kind_of(name, kind);
        self.insert(name, id, kind, creator, GraphState::default());
        self.stand(name, Some(standing), epoch)
    }
}

impl Live {
    /// Whether it is the copy that a step means.
    fn is_copy(&self, name: &str, copy: Option<u64>) -> Result<(), GraphError> {
        if copy.is_none_or(|copy| copy == self.entry.id) {
            return Ok(());
        }
        Err(GraphError::overtaken(name, "the copy was filled anew since".into()))
    }
}

/// The type of a graph of this name.
fn kind_of(name: &str, kind: GraphType) -> GraphType {
    if name == COMMONS { GraphType::Commons } else { kind }
}

fn arrived_by(name: &str, move_id: &str) -> GraphError {
    GraphError::conflict(name, format!("it is served here since move {move_id}"))
}

//! The steps of a move that change a graph's migration state. Each is one commit, names its move, and may be repeated: what is
//! done already is done (docs/decisions/0019-moves.md, 0021-moves-by-proof.md).

use std::sync::Arc;

use crate::{
    graph::{
        catalog::{entry::GraphType, migration_state::Origin},
        error::GraphError,
        load::loaded::LoadedGraph,
        moves::outcome::MoveRole,
    },
    limits,
};

/// Bytes of a move id at most.
const MAX_MOVE_ID: usize = 1024;

/// A step of a move. Errors about another move, or a step out of order, are [`GraphError::MoveConflict`]; a step that was
/// made for another state is [`GraphError::Overtaken`] or [`GraphError::MovedOn`], and every step of a move that was given
/// up here but [`MoveOp::Refuse`] and [`MoveOp::Return`] is [`GraphError::MoveAborted`].
///
/// What a move came to is remembered ([`crate::graph::MoveRecord`]), so a step that was done is done also when the graph was
/// deleted since.
#[derive(Debug)]
pub enum MoveOp {
    /// Reserves the name for a graph that arrives. It must be free, a redirect whose records are gone, or an empty
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
    /// Hand-over, the commit point of a move: stops serving the graph and leaves a redirect.
    Depart {
        /// The move.
        move_id: String,
        /// Where to, and the proof that it is as it was compared.
        departure: Departure,
    },
    /// Drops the records of a graph that departed, leaving the redirect. Only when the destination has proved that it
    /// serves what departed.
    Drop {
        /// The move.
        move_id: String,
    },
    /// Refuses the move for good, unless it was decided on already; [`GraphStore::move_record`] tells which. Of a graph
    /// that arrives by it the copy is dropped, or its name held; a fence of it is lowered.
    ///
    /// [`GraphStore::move_record`]: crate::graph::GraphStore::move_record
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
    /// Puts a redirect in the place of the graph, which is served here and, with a higher term, elsewhere.
    GiveWay {
        /// Names this step, as a move is named.
        move_id: String,
        /// To whom, and what becomes of the records.
        giving: GiveWay,
    },
    /// Removes a redirect whose records are gone, and with it what it tells clients with an old list; or what a restore
    /// that was killed has left of a graph, which is refused for good.
    Forget,
}

/// The proof of a departure: only the very graph leaves that was compared, and only while the fence stands that was raised
/// for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The new endpoint.
    pub to: String,
    /// Token of the fence ([`crate::graph::Fenced`]).
    pub token: u64,
    /// Number of the graph in this store.
    pub graph_id: u64,
    /// Its ownership term.
    pub epoch: u64,
    /// The sequence number of its newest change, which the destination holds.
    pub sequence: u64,
}

/// What becomes of the name under which a refused copy was arriving. While the source has a redirect to here, and for as
/// long as a client may be on its way that has met it, nobody must create another graph under that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameAfter {
    /// What was there before the copy: nothing, or an older redirect.
    Free,
    /// It stays taken, until the move is refused once more.
    Held,
    /// If it was held, a redirect to the peer, which serves the graph again; else as [`NameAfter::Free`].
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

/// Bounds what a step leaves behind: its id, and the place that it names.
pub(crate) fn check_texts(name: &str, op: &MoveOp) -> Result<(), GraphError> {
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

pub(crate) fn check_move_id(name: &str, move_id: &str) -> Result<(), GraphError> {
    if move_id.len() <= MAX_MOVE_ID {
        return Ok(());
    }
    let detail = format!("its move id has {} bytes, {MAX_MOVE_ID} are the most", move_id.len());
    Err(GraphError::conflict(name, detail))
}

/// How a graph that is served here, and elsewhere as well, stays here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Number of the graph here.
    pub graph_id: u64,
    /// Its ownership term from now on, if it is lower.
    pub term: u64,
    /// Endpoint that is to give way, for people.
    pub peer: String,
}

/// How a graph that is served here gives way to the one of another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveWay {
    /// Endpoint that serves the graph.
    pub to: String,
    /// Its ownership term there, which must be the higher one.
    pub term: u64,
    /// Number of the graph here.
    pub graph_id: u64,
    /// What becomes of the records here.
    pub keep: Keep,
}

/// What becomes of the records of a graph that gives way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// They are a graph of this name from now on, which must be free.
    As(Arc<str>),
    /// They are dropped, if this is the number of their newest change.
    Nothing {
        /// The number.
        sequence: u64,
    },
}

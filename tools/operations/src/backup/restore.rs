//! Restoring one graph: a full backup, the changes behind it, the comparison, and then one commit that shows it.

use std::io::BufReader;

use anyhow::Result;
use epistemic_storage::graph::RESTORE;
use epistemic_storage::snapshot;
use rand::random;

use super::choose::Route;
use super::error::{BackupError, BackupRefused, in_object};
use super::manifest::{Content, Piece, PieceKind};
use super::objects::Objects;
use super::pieces::digest;
use super::read::{Checked, IncrementObject};
use crate::hosts::{Admission, Party, Refusal, StandingName, Status};

/// Bytes read at once.
const BUFFER: usize = 1 << 20;
/// Begins the id of every restore.
const MOVE: &str = RESTORE;
/// Where restored graphs arrive from, as clients are told.
const FROM: &str = "a backup";

/// Told of progress: bytes read of all bytes.
pub(crate) type Told<'p> = dyn FnMut(u64, u64) + 'p;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Sequence number of the newest change in it.
    pub sequence: u64,
    /// What the graph holds.
    pub content: Content,
    /// Whether the content was compared with the manifest, which tells it at the ends of the objects.
    pub compared: bool,
}

/// A name to restore to.
#[derive(Debug, Clone)]
pub struct Name<'n> {
    /// Exact name.
    pub name: &'n str,
    /// Whether a graph of this name may be there and is replaced.
    pub replace: bool,
}

/// Fails when the name is taken and not to be replaced. An empty `__commons__` is in every store and does not count.
pub fn check_name(target: &dyn Party, to: &Name<'_>) -> Result<()> {
    let Some(there) = served(target, to.name)? else { return Ok(()) };
    if to.replace || there.is_empty_commons() {
        return Ok(());
    }
    Err(BackupRefused::Taken { name: to.name.to_owned() }.into())
}

/// The graph of this name, if it is served.
fn served(target: &dyn Party, name: &str) -> Result<Option<Status>> {
    Ok(target.status(name)?.filter(|status| status.standing == StandingName::Served))
}

/// Restores a graph. It is served and durable on return; on an error everything is as before, but for a copy that
/// nobody is served when the target itself failed, which the next attempt removes.
pub fn restore(
    objects: &Objects,
    route: &Route,
    target: &dyn Party,
    to: &Name<'_>,
    told: &mut Told<'_>,
) -> Result<Restored> {
    check_name(target, to)?;
    let taken = served(target, to.name)?.is_some();
    // Beside a graph that is served the copy has a name of its own until it takes the graph's place.
    let name =
        if taken { format!("{MOVE}{}", &digest(to.name.as_bytes())[..16]) } else { to.name.to_owned() };
    let filling = Filling::begin(target, name)?;
    let restored = filling.fill(objects, route, false, told).and_then(|restored| {
        let Filling { name, move_id, .. } = &filling;
        let agreed = Admission { copy: None, sequence: restored.sequence, epoch: None };
        match taken {
            true => target.admit_as(name, move_id, &agreed, to.name, true)?,
            false => target.admit(name, move_id, &agreed)?,
        }
        Ok(restored)
    });
    restored.inspect_err(|_| filling.give_up())
}

/// Restores a graph where nobody sees it, compares its content at the end of every object, and drops it.
pub(crate) fn try_out(
    objects: &Objects,
    route: &Route,
    target: &dyn Party,
    told: &mut Told<'_>,
) -> Result<Restored> {
    let filling = Filling::begin(target, format!("{MOVE}{:016x}", random::<u64>()))?;
    let restored = filling.fill(objects, route, true, told);
    filling.give_up();
    restored
}

/// A copy that arrives.
struct Filling<'t> {
    target: &'t dyn Party,
    name: String,
    move_id: String,
}

impl<'t> Filling<'t> {
    fn begin(target: &'t dyn Party, name: String) -> Result<Self> {
        // A restore that was killed left this; one that is still running finds out at its next step.
        let left = target.status(&name)?.filter(|left| left.standing == StandingName::Arriving);
        if let Some(move_id) = left.and_then(|left| left.move_id).filter(|move_id| move_id.starts_with(MOVE))
        {
            target.refuse(&name, &move_id, Refusal::by_destination(FROM))?;
        }
        let move_id = format!("{MOVE}{:016x}", random::<u64>());
        target.arrive(&name, &move_id, FROM)?;
        Ok(Self { target, name, move_id })
    }

    /// The error that led here is reported; a copy that stays is removed by the next attempt.
    fn give_up(&self) {
        let _ = self.target.refuse(&self.name, &self.move_id, Refusal::by_destination(FROM));
    }

    fn fill(&self, objects: &Objects, route: &Route, each: bool, told: &mut Told<'_>) -> Result<Restored> {
        let all = route.bytes();
        let mut before = 0;
        let mut previous = "";
        let mut newest = None;
        for (index, piece) in route.pieces.iter().enumerate() {
            let mut told = |bytes: u64| told(before + bytes, all);
            match piece.kind {
                PieceKind::Full => self.full(objects, &route.graph, piece, &mut told)?,
                PieceKind::Increment => self.increment(objects, route, piece, previous, &mut told)?,
            }
            before += piece.stored.bytes;
            previous = &piece.stored.sha256;
            if each || index + 1 == route.pieces.len() {
                newest = Some(self.compare(route, piece)?);
            }
        }
        newest.ok_or_else(|| BackupError::NotFound(format!("graph {:?} has no objects", route.graph)).into())
    }

    fn full(&self, objects: &Objects, graph: &str, piece: &Piece, told: &mut dyn FnMut(u64)) -> Result<()> {
        let bad = |error: anyhow::Error| in_object(graph, &piece.stored.object, error);
        let header = snapshot::inspect(Checked::open(objects, graph, &piece.stored)?)
            .map_err(|error| bad(error.into()))?;
        if (header.graph.as_str(), header.sequence) != (graph, piece.sequence) {
            let reason = format!(
                "it is of graph {:?} at sequence {}, the manifest says sequence {}",
                header.graph, header.sequence, piece.sequence
            );
            return Err(BackupError::object(graph, &piece.stored.object, reason).into());
        }
        let mut input = BufReader::with_capacity(BUFFER, Checked::open(objects, graph, &piece.stored)?);
        if let Err(error) = self.target.fill(&self.name, &self.move_id, None, &mut input, told) {
            // A shard says by text alone that the stream is damaged; the object tells it better.
            Checked::open(objects, graph, &piece.stored)?.finish(graph, &piece.stored)?;
            return Err(bad(error));
        }
        input.into_inner().finish(graph, &piece.stored)
    }

    fn increment(
        &self,
        objects: &Objects,
        route: &Route,
        piece: &Piece,
        previous: &str,
        told: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let mut object = IncrementObject::open(objects, &route.graph, piece, previous)?;
        let mut bytes = 0;
        while let Some(mut records) = object.next_records()? {
            records.retain(|(sequence, _)| *sequence <= route.stop);
            bytes += records.iter().map(|(_, record)| record.len() as u64).sum::<u64>();
            if !records.is_empty() {
                let replayed = self.target.replay(&self.name, &self.move_id, None, &records);
                replayed.map_err(|error| in_object(&route.graph, &piece.stored.object, error))?;
            }
            told(bytes);
        }
        Ok(())
    }

    fn compare(&self, route: &Route, piece: &Piece) -> Result<Restored> {
        let found = self.target.content(&self.name)?;
        let (sequence, content) = (found.sequence, Content::from(found));
        let expected = piece.sequence.min(route.stop);
        let compared = piece.sequence <= route.stop;
        if sequence == expected && (!compared || content == piece.content) {
            return Ok(Restored { sequence, content, compared });
        }
        let reason = format!(
            "with it the graph is at sequence {sequence} with {content:?}, the manifest says {expected} with {:?}",
            piece.content
        );
        Err(BackupError::object(&route.graph, &piece.stored.object, reason).into())
    }
}

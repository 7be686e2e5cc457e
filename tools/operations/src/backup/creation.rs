//! The graphs of a run, one after the other: what is done about each, and its line in the layer.

use std::cell::OnceCell;
use std::collections::HashMap;

use anyhow::Result;

use super::before::Before;
use super::create::{Done, GraphResult, LONGEST_CHAIN, Plan};
use super::layer::LayerWriter;
use super::layout::{self, OBJECTS_V1};
use super::line::Line;
use super::manifest::{Layer, Manifest, Piece, Stored};
use super::objects::Objects;
use super::pack::Packs;
use super::pieces::{PieceWriter, changes};
use super::runs::Listed;
use super::source::{self, Head, Source, graph_cannot_be_read};
use super::state::{History, fold, is_empty_commons};
use crate::hosts::StandingName;

/// A run that finds so many layers joins them: readers read all of them side by side.
const MOST_LAYERS: usize = 8;

/// Notes that a run needs what is stored there.
pub(super) fn need(needed: &mut HashMap<String, u64>, stored: &Stored) {
    let end = stored.end();
    match needed.get_mut(&stored.object) {
        Some(bytes) => *bytes = end.max(*bytes),
        None => drop(needed.insert(stored.object.clone(), end)),
    }
}

/// A run that is being made.
pub(super) struct Creation<'c> {
    source: &'c Source<'c>,
    objects: &'c Objects,
    plan: &'c Plan<'c>,
    listed: &'c Listed,
    /// Bytes of the objects of version 1, read when a chain has some.
    v1: OnceCell<HashMap<String, u64>>,
    /// What is known of the runs before.
    before: &'c Before,
    pub(super) packs: Packs<'c>,
    pub(super) layer: LayerWriter,
    /// Objects that the run needs, each with the byte up to which it does.
    pub(super) needed: HashMap<String, u64>,
    /// Graphs of the run so far.
    pub(super) graphs: u64,
    pub(super) results: Vec<GraphResult>,
}

/// What can be done with the chain of a graph.
enum Chain<'k> {
    Unchanged,
    /// Changes behind it are in the ledger.
    Open(&'k [Piece]),
    /// A new one has to begin, and why.
    Broken(&'static str),
}

impl<'c> Creation<'c> {
    /// A run, named by its store and itself, on top of the one `before`. Nothing is written yet.
    pub(super) fn new(
        source: &'c Source<'c>,
        objects: &'c Objects,
        plan: &'c Plan<'c>,
        listed: &'c Listed,
        before: &'c Before,
        (store, run): (&str, &str),
    ) -> Result<Self> {
        Ok(Self {
            source,
            objects,
            plan,
            listed,
            v1: OnceCell::new(),
            before,
            packs: Packs::new(objects, store, run),
            layer: LayerWriter::new(objects, layout::index(store, run))?,
            needed: HashMap::new(),
            graphs: 0,
            results: Vec::new(),
        })
    }

    /// Goes through the graphs of the run before and of the source side by side; returns the layers
    /// that stay as they are.
    pub(super) fn graphs(&mut self, heads: Vec<&Head>, told: &mut source::Told<'_>) -> Result<Vec<Layer>> {
        let known = self.before.known.as_ref();
        let readers = self.objects.keys().readers();
        let stay = known.map_or(0, |known| layers_that_stay(known, &readers));
        let mut history = History::open(self.objects, known)?;
        let mut heads = heads.into_iter().peekable();
        let (mut bytes, mut records) = (0, 0);
        loop {
            let known_next = history.peek();
            let head = heads.next_if(|head| known_next.is_none_or(|known| head.name.as_str() <= known));
            let is_known = match (head, known_next) {
                (None, None) => break,
                (Some(head), known) => known == Some(head.name.as_str()),
                (None, Some(_)) => true,
            };
            let lines = if is_known { history.next_graph()? } else { None };
            let (older, newer) = lines.map_or_else(Default::default, |lines| lines.split(stay));
            let mut of_graph = |now_bytes: u64, now: u64| told(bytes + now_bytes, records + now);
            self.graph(head, older, newer, &mut of_graph)?;
            if let Some(head) = head {
                bytes += self.results.last().map_or(0, |result| result.bytes);
                records += head.records;
            }
        }
        Ok(known.map_or(Vec::new(), |known| known.layers[..stay].to_vec()))
    }

    /// One graph: of the source, of the run before, or of both.
    fn graph(
        &mut self,
        head: Option<&Head>,
        older: Vec<(usize, Line)>,
        newer: Vec<(usize, Line)>,
        told: &mut source::Told<'_>,
    ) -> Result<()> {
        let has_base = !older.is_empty();
        let joined =
            newer.iter().map(|(_, line)| Line { ended: Vec::new(), ..line.clone() }).reduce(Line::then);
        let known = match &self.before.known {
            Some(before) => fold(before, older.into_iter().chain(newer))?,
            None => None,
        };
        let known = known.map(|known| Line { ended: Vec::new(), ..known });
        let change = match head {
            Some(head) => self.back_up(head, known.as_ref(), told)?,
            None if self.plan.graphs.is_empty() => {
                known.as_ref().map(|known| Line { name: known.name.clone(), gone: true, ..Line::default() })
            }
            None => None,
        };
        let state = match (known, change.clone()) {
            (Some(known), Some(change)) => Some(known.then(change)),
            (known, change) => change.or(known),
        };
        if let Some(state) = state.filter(|state| !state.gone) {
            self.graphs += 1;
            state.chain.iter().chain(&state.ended).for_each(|piece| need(&mut self.needed, &piece.stored));
        }
        let line = match (joined, change) {
            (Some(joined), Some(change)) => Some(joined.then(change)),
            (joined, change) => joined.or(change),
        };
        // That a graph is gone is worth a line only above layers that have it.
        match line.filter(|line| has_base || !line.gone) {
            Some(line) => self.layer.put(&line),
            None => Ok(()),
        }
    }

    /// Backs a graph up; returns what changes in its entry.
    fn back_up(
        &mut self,
        head: &Head,
        known: Option<&Line>,
        told: &mut source::Told<'_>,
    ) -> Result<Option<Line>> {
        let name = head.name.clone();
        let (change, done, bytes) = match self.attempt(head, known, told) {
            Ok(attempted) => attempted,
            Err(error) if graph_cannot_be_read(&error) => match self.is_served(&name)? {
                true => (known.and_then(|known| self.stale(known)), Done::Failed(error), 0),
                false => {
                    let gone = Line { name: name.clone(), gone: true, ..Line::default() };
                    (known.map(|_| gone), Done::Gone, 0)
                }
            },
            Err(error) => return Err(error),
        };
        let state = match (known.cloned(), change.clone()) {
            (Some(known), Some(change)) => Some(known.then(change)),
            (known, change) => change.or(known),
        };
        let chain = state.map_or(Vec::new(), |state| state.chain);
        let sequence = chain.last().map(|piece| piece.sequence);
        let is_empty_commons = is_empty_commons(&name, &chain);
        self.results.push(GraphResult { name, done, bytes, sequence, chain: chain.len(), is_empty_commons });
        Ok(change)
    }

    /// The entry of a graph that could not be read: it tells what it told before.
    fn stale(&self, known: &Line) -> Option<Line> {
        let before_ms = self.before.known.as_ref().map_or(0, |known| known.settled_ms);
        let covered_ms = known.covered_ms.or(Some(before_ms));
        let (name, tenant) = (known.name.clone(), known.tenant.clone());
        Some(Line { name, more: true, tenant, covered_ms, ..Line::default() })
    }

    fn is_served(&self, graph: &str) -> Result<bool> {
        let status = self.source.party.status(graph)?;
        Ok(status.is_some_and(|status| status.standing == StandingName::Served))
    }

    fn attempt(
        &mut self,
        head: &Head,
        known: Option<&Line>,
        told: &mut source::Told<'_>,
    ) -> Result<(Option<Line>, Done, u64)> {
        let (name, tenant) = (head.name.clone(), head.tenant.clone());
        // A run of all graphs says it once for all of them.
        let covered_ms = (!self.plan.graphs.is_empty()).then_some(self.source.listing.settled_ms);
        let line = Line { name, tenant, covered_ms, ..Line::default() };
        let (open, reason) = match self.chain(head, known)? {
            Chain::Unchanged if !self.plan.full => {
                let as_before =
                    |known: &Line| (known.covered_ms, &known.tenant) == (covered_ms, &line.tenant);
                let is_new = covered_ms.is_some() || !known.is_some_and(as_before);
                return Ok((is_new.then_some(Line { more: true, ..line }), Done::Unchanged, 0));
            }
            Chain::Open(chain) if !self.plan.full && chain.len() <= LONGEST_CHAIN => {
                match self.pieces(&head.name, told).increment(chain, None)? {
                    Some(piece) => {
                        let bytes = piece.stored.bytes;
                        let line = Line { more: true, chain: vec![piece], ..line };
                        return Ok((Some(line), Done::Increment, bytes));
                    }
                    None => (None, "its content was replaced or its ledger cleared"),
                }
            }
            Chain::Unchanged => (None, "as asked for"),
            Chain::Open(chain) if self.plan.full => (Some(chain), "as asked for"),
            Chain::Open(chain) => (Some(chain), "its chain had become long"),
            Chain::Broken(reason) => (None, reason),
        };
        let piece = self.pieces(&head.name, told).full()?;
        let mut bytes = piece.stored.bytes;
        // The old chain is led up to the new one, so that no time in between is lost.
        let mut ended = Vec::new();
        if let Some(chain) = open
            && let Some(last) = self.pieces(&head.name, told).increment(chain, Some(&piece))?
        {
            bytes += last.stored.bytes;
            ended = chain.iter().cloned().chain([last]).collect();
        }
        Ok((Some(Line { chain: vec![piece], ended, ..line }), Done::Full(reason), bytes))
    }

    fn pieces<'w, 't>(
        &'w mut self,
        name: &'w str,
        told: &'w mut source::Told<'t>,
    ) -> PieceWriter<'w, 'c, 't> {
        PieceWriter { source: self.source, packs: &mut self.packs, graph: name, told }
    }

    /// Whether the graph is still the one of `known`, and whether it has changed.
    fn chain<'k>(&self, head: &Head, known: Option<&'k Line>) -> Result<Chain<'k>> {
        let Some(known) = known else {
            return Ok(Chain::Broken(self.before.anew.unwrap_or("its first backup")));
        };
        for piece in &known.chain {
            if !self.is_there(&piece.stored)? {
                return Ok(Chain::Broken("an object of its chain is missing or cut"));
            }
        }
        let Some(newest) = known.chain.last() else { return Ok(Chain::Broken("its first backup")) };
        let Some(expected) = &newest.newest_record else {
            return Ok(Chain::Broken("its ledger did not reach back to the backup before"));
        };
        if (head.sequence, head.newest_record.as_ref()) == (newest.sequence, Some(expected)) {
            return Ok(Chain::Unchanged);
        }
        let Some(changes) = changes(self.source, &head.name, newest.sequence, 1)? else {
            return Ok(Chain::Broken("its content was replaced or its ledger cleared"));
        };
        Ok(match changes.before.map(hex::encode) {
            None => Chain::Broken("its content was replaced or its ledger cleared"),
            Some(before) if before == *expected => Chain::Open(&known.chain),
            Some(_) => Chain::Broken("it is not the graph of the backup before: created again, or restored"),
        })
    }

    /// Whether the object is there and not cut.
    fn is_there(&self, stored: &Stored) -> Result<bool> {
        if stored.packed.is_some() {
            return Ok(self.listed.sizes.get(&stored.object).is_some_and(|bytes| *bytes >= stored.end()));
        }
        if self.v1.get().is_none() {
            let found = self.objects.list(OBJECTS_V1)?.into_iter();
            let _ = self.v1.set(found.map(|found| (found.name, found.bytes)).collect());
        }
        Ok(self.v1.get().and_then(|v1| v1.get(&stored.object)) == Some(&stored.bytes))
    }
}

/// How many of the oldest layers a run leaves as they are; it joins the others with what it changes. So a name is written
/// again a few times in all, however many runs there are.
///
/// When others can read this run than the one before, none stays: who can read a manifest can read its layers.
fn layers_that_stay(before: &Manifest, readers: &[String]) -> usize {
    if before.readers != readers {
        return 0;
    }
    let Some((base, later)) = before.layers.split_first() else { return 0 };
    let changed: u64 = later.iter().map(|layer| layer.entries).sum();
    match before.layers.len() {
        ..MOST_LAYERS => before.layers.len(),
        _ if changed < base.entries / 2 => 1,
        _ => 0,
    }
}

//! Which objects a restore reads, and where it stops.

use anyhow::Result;
use chrono::DateTime;
use epistemic_storage::graph::LedgerRecord;

use super::error::BackupError;
use super::manifest::{Manifest, Piece, PieceKind};
use super::objects::Objects;
use super::read::IncrementObject;
use super::runs::{Listed, Run};
use super::state::{Entries, Finder, GraphEntry};

/// Where in the history of a graph a restore stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// With the newest change of the run.
    Newest,
    /// With the change of this sequence number.
    Sequence(u64),
    /// With the newest change that is not later than this, Unix milliseconds.
    Time(u64),
}

/// A restore of one graph: a full backup, increments, and the sequence number to stop at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Exact name of the graph.
    pub graph: String,
    /// The run whose manifest tells it.
    pub run: String,
    /// The full backup and the increments behind it, in their order.
    pub pieces: Vec<Piece>,
    /// Sequence number to stop at.
    pub stop: u64,
}

impl Route {
    /// To the end of a chain.
    pub fn whole(graph: &str, run: &str, pieces: Vec<Piece>) -> Self {
        let stop = pieces.last().map_or(0, |piece| piece.sequence);
        Self { graph: graph.to_owned(), run: run.to_owned(), pieces, stop }
    }

    /// Bytes that it reads, as they are before compression.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.stored.bytes).sum()
    }
}

/// The runs of one store that a restore may use.
pub struct Choice<'o> {
    objects: &'o Objects,
    /// Intact manifests, oldest first.
    manifests: Vec<Manifest>,
    /// Those that cannot be used, for errors about what is missing.
    damaged: Vec<BackupError>,
}

impl<'o> Choice<'o> {
    /// All runs of a store, or the one that is named.
    ///
    /// # Errors
    /// The named run is not there or damaged; there is no run, or the newest one cannot be used.
    pub fn load(objects: &'o Objects, listed: &Listed, store: &str, run: Option<&str>) -> Result<Self> {
        let mut runs = listed.load_all(objects, Some(store))?;
        if let Some(name) = run {
            runs.retain(|run| run.name == name);
        }
        if runs.is_empty() {
            let what = run.map_or("backup".to_owned(), |name| format!("run '{name}'"));
            let message = format!("there is no {what} of store '{store}' in {}", objects.url());
            return Err(BackupError::NotFound(message).into());
        }
        let mut choice = Self { objects, manifests: Vec::new(), damaged: Vec::new() };
        let newest = runs.len() - 1;
        for (index, Run { manifest, .. }) in runs.into_iter().enumerate() {
            match manifest {
                Ok(manifest) => choice.manifests.push(manifest),
                // To take an older one without being asked would restore old data as if it were the newest.
                Err(error) if index == newest => return Err(error.into()),
                Err(error) => choice.damaged.push(error),
            }
        }
        Ok(choice)
    }

    /// The run that tells all graphs at a point: the newest of all graphs, or for a time the first one that provably covers
    /// it.
    ///
    /// # Errors
    /// There is none.
    pub fn of_all_graphs(&self, point: Point) -> Result<&Manifest> {
        let alone = self.manifests.len() == 1;
        let mut whole = self.manifests.iter().filter(|manifest| manifest.is_of_all() || alone);
        let manifest = match point {
            Point::Time(time) => whole.find(|manifest| manifest.settled_ms > time),
            Point::Newest | Point::Sequence(_) => whole.next_back(),
        };
        manifest.ok_or_else(|| self.not_found("no run provably has all graphs then; name one with --graph"))
    }

    /// The newest run.
    pub fn newest(&self) -> Option<&Manifest> {
        self.manifests.last()
    }

    /// The graph in the newest run, if it has it.
    pub fn now(&self, graph: &str) -> Result<Option<GraphEntry>> {
        let newest = self.newest().map(|newest| Finder::new(graph).find(self.objects, newest)).transpose()?;
        Ok(newest.flatten())
    }

    /// The ways to a point of the graphs of a run that `is_meant` names, one after the other.
    ///
    /// # Errors
    /// A layer is missing or damaged; an item tells of a graph that no run has at that point.
    pub fn routes<'c>(
        &'c self,
        manifest: &'c Manifest,
        point: Point,
        is_meant: impl Fn(&GraphEntry) -> bool + 'c,
    ) -> Result<impl Iterator<Item = Result<Result<Route>>> + 'c> {
        let entries = Entries::open(self.objects, manifest)?;
        let meant = entries.filter(move |entry| entry.as_ref().map_or(true, &is_meant));
        Ok(meant.map(move |entry| {
            let entry = entry?;
            match self.in_entry(manifest, &entry, point)? {
                Some(route) => Ok(Ok(route)),
                None => Ok(self.route(&entry.name, point)),
            }
        }))
    }

    /// The way to a point of a graph, in the newest run that tells it.
    ///
    /// # Errors
    /// No backup tells it.
    pub fn route(&self, graph: &str, point: Point) -> Result<Route> {
        let mut finder = Finder::new(graph);
        let mut known = Vec::new();
        for manifest in self.manifests.iter().rev() {
            let Some(entry) = finder.find(self.objects, manifest)? else { continue };
            if let Some(route) = self.in_entry(manifest, &entry, point)? {
                return Ok(route);
            }
            known.push(entry);
        }
        known.reverse();
        let (what, spans): (_, Vec<String>) = match point {
            Point::Newest => return Err(self.not_found(&format!("no run has graph {graph:?}"))),
            Point::Sequence(stop) => {
                (format!("has graph {graph:?} at sequence {stop}"), known.iter().map(span).collect())
            }
            Point::Time(time) => {
                let time = shown_time(time);
                (format!("provably tells graph {graph:?} at {time}"), known.iter().map(times).collect())
            }
        };
        Err(self.not_found(&format!("no run {what}; there are {}", joined(spans))))
    }

    /// All that the runs have of a graph, oldest first.
    pub fn history(&self, graph: &str) -> Result<Vec<(&Manifest, GraphEntry)>> {
        let mut finder = Finder::new(graph);
        let mut found = Vec::new();
        for manifest in &self.manifests {
            found.extend(finder.find(self.objects, manifest)?.map(|entry| (manifest, entry)));
        }
        Ok(found)
    }

    /// The way to a point by one entry, if its chains tell it.
    fn in_entry(&self, manifest: &Manifest, entry: &GraphEntry, point: Point) -> Result<Option<Route>> {
        let route = |pieces| Route::whole(&entry.name, &manifest.run, pieces);
        manifest.must_open(self.objects)?;
        for chain in [&entry.chain, &entry.ended] {
            let (Some(first), Some(last)) = (chain.first(), chain.last()) else { continue };
            match point {
                Point::Newest => return Ok(Some(route(chain.clone()))),
                Point::Sequence(stop) if (first.sequence..=last.sequence).contains(&stop) => {
                    return Ok(Some(cut(&route(chain.clone()), stop)));
                }
                // A change of the millisecond that it ends with may be missing in it.
                Point::Time(time) if first.changed_ms <= time && time < entry.covered_ms => {
                    let stop = stop_at(self.objects, &entry.name, chain, time)?;
                    return Ok(Some(cut(&route(chain.clone()), stop)));
                }
                Point::Sequence(_) | Point::Time(_) => {}
            }
        }
        Ok(None)
    }

    fn not_found(&self, what: &str) -> anyhow::Error {
        let mut message = what.to_owned();
        for error in &self.damaged {
            message = format!("{message}; not looked at: {error}");
        }
        BackupError::NotFound(message).into()
    }
}

/// The pieces of a way that are needed up to `stop`.
fn cut(route: &Route, stop: u64) -> Route {
    let needed = route.pieces.iter().take_while(|piece| piece.kind == PieceKind::Full || piece.after < stop);
    Route { pieces: needed.cloned().collect(), stop, ..route.clone() }
}

/// The newest change of a chain that is not later than `time`; reads one increment when that is inside of it.
fn stop_at(objects: &Objects, graph: &str, chain: &[Piece], time: u64) -> Result<u64> {
    let reached = chain.iter().rposition(|piece| piece.changed_ms <= time).unwrap_or(0);
    let piece = &chain[reached];
    if piece.kind == PieceKind::Full {
        return Ok(piece.sequence);
    }
    let mut stop = piece.after;
    let mut object = IncrementObject::open(objects, graph, piece, &chain[reached - 1].stored.sha256)?;
    while let Some(records) = object.next_records()? {
        for (sequence, record) in records {
            if LedgerRecord::decode(&record)?.1 <= time {
                stop = sequence;
            }
        }
    }
    Ok(stop)
}

fn span(entry: &GraphEntry) -> String {
    let (first, last) = (entry.ended.first().or(entry.chain.first()), entry.chain.last());
    format!("{} to {}", first.map_or(0, |piece| piece.sequence), last.map_or(0, |piece| piece.sequence))
}

fn times(entry: &GraphEntry) -> String {
    let first = entry.ended.first().or(entry.chain.first());
    format!("{} to {}", shown_time(first.map_or(0, |piece| piece.changed_ms)), shown_time(entry.covered_ms))
}

/// Spans for an error, each once and not too many.
fn joined(mut spans: Vec<String>) -> String {
    const MOST: usize = 5;
    spans.dedup();
    if spans.is_empty() {
        return "none".to_owned();
    }
    let skipped = spans.len().saturating_sub(MOST);
    let shown = spans.split_off(skipped).join(", ");
    if skipped == 0 { shown } else { format!("{skipped} others and {shown}") }
}

/// Unix milliseconds as RFC 3339 in UTC.
pub fn shown_time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

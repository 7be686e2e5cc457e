//! Which objects a restore reads, and where it stops.

use anyhow::Result;
use chrono::DateTime;
use epistemic_storage::graph::LedgerRecord;

use super::error::BackupError;
use super::manifest::{GraphEntry, Manifest, Piece, PieceKind};
use super::objects::Objects;
use super::read::IncrementObject;
use super::repository::{self, Run};

/// Where in the history of a graph a restore stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// With the newest change of the run.
    Newest,
    /// With the change of this sequence number.
    Sequence(u64),
    /// With the newest change that is not later than this, Unix milliseconds.
    Time(u64),
}

/// A restore of one graph: a full backup, increments, and the sequence number to stop at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) graph: String,
    /// The run whose manifest tells it.
    pub(crate) run: String,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) stop: u64,
}

/// The runs that a restore may use.
pub(crate) struct Choice {
    /// Intact manifests, oldest first.
    manifests: Vec<Manifest>,
    /// Those that cannot be used, for errors about what is missing.
    damaged: Vec<BackupError>,
}

impl Choice {
    /// All runs, or the one that is named.
    ///
    /// # Errors
    /// The named run is not there or damaged; there is no run.
    pub(crate) fn load(objects: &Objects, run: Option<&str>) -> Result<Self> {
        let runs = match run {
            None => repository::load_all(objects)?,
            Some(name) => {
                let missing =
                    || BackupError::NotFound(format!("there is no run '{name}' in {}", objects.url()));
                vec![repository::load(objects, name)?.ok_or_else(missing)?]
            }
        };
        if runs.is_empty() {
            return Err(BackupError::NotFound(format!("there is no backup in {}", objects.url())).into());
        }
        let mut choice = Self { manifests: Vec::new(), damaged: Vec::new() };
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

    /// The names of all graphs: those of the newest run of all graphs, or for a time of the first one behind it.
    pub(crate) fn all_graphs(&self, point: Point) -> Result<Vec<String>> {
        let mut whole =
            self.manifests.iter().filter(|manifest| manifest.all_graphs || self.manifests.len() == 1);
        let manifest = match point {
            Point::Time(time) => whole.find(|manifest| manifest.started_ms >= time),
            Point::Newest | Point::Sequence(_) => whole.next_back(),
        };
        let manifest = manifest
            .ok_or_else(|| self.not_found("no run backed up all graphs then; name one with --graph"))?;
        Ok(manifest.graphs.iter().map(|graph| graph.name.clone()).collect())
    }

    /// The way to a point of a graph.
    ///
    /// # Errors
    /// No backup tells it.
    pub(crate) fn route(&self, objects: &Objects, graph: &str, point: Point) -> Result<Route> {
        match point {
            Point::Newest => self.newest(graph),
            Point::Sequence(sequence) => self.at_sequence(graph, sequence),
            Point::Time(time) => self.at_time(objects, graph, time),
        }
    }

    fn newest(&self, graph: &str) -> Result<Route> {
        let found = self.entries(graph).next_back();
        let (manifest, entry) =
            found.ok_or_else(|| self.not_found(&format!("no run has graph {graph:?}")))?;
        let stop = entry.chain.last().map_or(0, |piece| piece.sequence);
        Ok(Route { graph: graph.to_owned(), run: manifest.run.clone(), pieces: entry.chain.clone(), stop })
    }

    fn at_sequence(&self, graph: &str, stop: u64) -> Result<Route> {
        for (manifest, entry) in self.entries(graph).rev() {
            for chain in [&entry.chain, &entry.ended] {
                let (Some(first), Some(last)) = (chain.first(), chain.last()) else { continue };
                if (first.sequence..=last.sequence).contains(&stop) {
                    return Ok(cut(graph, manifest, chain, stop));
                }
            }
        }
        let known: Vec<String> = self.entries(graph).map(|(_, entry)| span(entry)).collect();
        Err(self.not_found(&format!(
            "no run has graph {graph:?} at sequence {stop}; there are {}",
            joined(known)
        )))
    }

    fn at_time(&self, objects: &Objects, graph: &str, time: u64) -> Result<Route> {
        for (manifest, entry) in self.entries(graph) {
            for chain in [&entry.ended, &entry.chain] {
                let Some(first) = chain.first() else { continue };
                // A change of the millisecond in which the backup was taken may be missing in it.
                let covered = first.changed_ms <= time && time < entry.taken_ms;
                if covered {
                    let stop = stop_at(objects, graph, chain, time)?;
                    return Ok(cut(graph, manifest, chain, stop));
                }
            }
        }
        let spans: Vec<String> = self.entries(graph).map(|(_, entry)| times(entry)).collect();
        let time = shown_time(time);
        Err(self.not_found(&format!("no run tells graph {graph:?} at {time}; there are {}", joined(spans))))
    }

    fn entries<'c>(
        &'c self,
        graph: &'c str,
    ) -> impl DoubleEndedIterator<Item = (&'c Manifest, &'c GraphEntry)> {
        self.manifests.iter().filter_map(move |manifest| Some((manifest, manifest.graph(graph)?)))
    }

    fn not_found(&self, what: &str) -> anyhow::Error {
        let mut message = what.to_owned();
        for error in &self.damaged {
            message = format!("{message}; not looked at: {error}");
        }
        BackupError::NotFound(message).into()
    }
}

/// The pieces of a chain that are needed up to `stop`.
fn cut(graph: &str, manifest: &Manifest, chain: &[Piece], stop: u64) -> Route {
    let needed = chain.iter().take_while(|piece| piece.kind == PieceKind::Full || piece.after < stop);
    Route { graph: graph.to_owned(), run: manifest.run.clone(), pieces: needed.cloned().collect(), stop }
}

/// The newest change of a chain that is not later than `time`; reads one increment when that is inside of it.
fn stop_at(objects: &Objects, graph: &str, chain: &[Piece], time: u64) -> Result<u64> {
    let reached = chain.iter().rposition(|piece| piece.changed_ms <= time).unwrap_or(0);
    let piece = &chain[reached];
    if piece.kind == PieceKind::Full {
        return Ok(piece.sequence);
    }
    let mut stop = piece.after;
    let mut object = IncrementObject::open(objects, graph, piece, &chain[reached - 1].sha256)?;
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
    format!("{} to {}", shown_time(first.map_or(0, |piece| piece.changed_ms)), shown_time(entry.taken_ms))
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
pub(crate) fn shown_time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

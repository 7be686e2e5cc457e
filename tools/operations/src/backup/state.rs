//! The graphs of runs: the lines of their layers, read side by side by name, with bounded memory.

use std::collections::HashMap;
use std::vec;

use anyhow::Result;
use epistemic_storage::graph::COMMONS;

use super::error::BackupError;
use super::layer::LayerReader;
use super::layout::run_of;
use super::line::Line;
use super::manifest::{Layer, Manifest, Piece};
use super::objects::Objects;

/// One graph of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEntry {
    /// Exact name.
    pub name: String,
    /// The tenant that it was created for, if it was for one and the shard said so.
    pub tenant: Option<String>,
    /// The chain provably tells all changes before this time, Unix milliseconds of the shard's clock.
    pub covered_ms: u64,
    /// A full backup and the increments on it, oldest first.
    pub chain: Vec<Piece>,
    /// The chain before, up to where this one begins, when this run began a new one and the old one could be ended.
    pub ended: Vec<Piece>,
}

impl GraphEntry {
    fn new(manifest: &Manifest, line: Line) -> Self {
        let Line { name, tenant, covered_ms, chain, ended, .. } = line;
        let covered_ms = covered_ms.unwrap_or(manifest.settled_ms);
        Self { name, tenant, covered_ms, chain, ended }
    }

    /// `is_empty_commons` of the graph.
    pub fn is_empty_commons(&self) -> bool {
        is_empty_commons(&self.name, &self.chain)
    }
}

/// Whether a chain is of the `__commons__` that every shard has, and ends without content.
pub(super) fn is_empty_commons(name: &str, chain: &[Piece]) -> bool {
    let is_empty = |piece: &Piece| piece.content.nodes == 0 && piece.content.edges == 0;
    name == COMMONS && chain.last().is_none_or(is_empty)
}

enum Lines {
    Layer(Box<LayerReader>),
    Memory(vec::IntoIter<Line>),
}

struct Cursor {
    /// A run whose manifest names the layer, for errors.
    run: String,
    lines: Lines,
    next: Option<Line>,
}

impl Cursor {
    fn advance(&mut self) -> Result<Option<Line>> {
        let next = match &mut self.lines {
            Lines::Layer(reader) => reader.next_line()?,
            Lines::Memory(lines) => lines.next(),
        };
        let line = std::mem::replace(&mut self.next, next);
        if let (Some(before), Some(next)) = (&line, &self.next)
            && before.name >= next.name
        {
            let reason = format!("its entry of {:?} is behind that of {:?}", next.name, before.name);
            return Err(BackupError::BadManifest { run: self.run.clone(), reason }.into());
        }
        Ok(line)
    }
}

/// Runs read side by side.
pub(crate) struct History<'m> {
    runs: Vec<(&'m Manifest, Vec<usize>)>,
    cursors: Vec<Cursor>,
}

/// What the layers say of one graph, each line with the place of its layer among those that were opened.
pub(crate) struct Told {
    lines: PlacedLines,
}

impl<'m> History<'m> {
    /// Opens the layers of these runs, each once.
    ///
    /// # Errors
    /// One is missing; the objects fail.
    pub(crate) fn open(objects: &Objects, manifests: impl IntoIterator<Item = &'m Manifest>) -> Result<Self> {
        let mut history = Self { runs: Vec::new(), cursors: Vec::new() };
        let mut known: HashMap<&str, usize> = HashMap::new();
        for manifest in manifests {
            let mut places = Vec::new();
            for layer in &manifest.layers {
                let place = match known.get(layer.object.as_str()) {
                    Some(place) => *place,
                    None => {
                        let reader = LayerReader::open(objects, &manifest.run, layer)?;
                        history.add(&manifest.run, Lines::Layer(Box::new(reader)))?
                    }
                };
                known.insert(&layer.object, place);
                places.push(place);
            }
            if !manifest.inline.is_empty() {
                let lines = Lines::Memory(manifest.inline.clone().into_iter());
                places.push(history.add(&manifest.run, lines)?);
            }
            history.runs.push((manifest, places));
        }
        Ok(history)
    }

    fn add(&mut self, run: &str, lines: Lines) -> Result<usize> {
        let mut cursor = Cursor { run: run.to_owned(), lines, next: None };
        cursor.advance()?;
        self.cursors.push(cursor);
        Ok(self.cursors.len() - 1)
    }

    /// The name of the graph that comes next.
    pub(crate) fn peek(&self) -> Option<&str> {
        self.cursors.iter().filter_map(|cursor| Some(cursor.next.as_ref()?.name.as_str())).min()
    }

    /// What is said of the next graph; nothing behind the last one, when all layers are known to be whole.
    ///
    /// # Errors
    /// A layer is damaged; the objects fail.
    pub(crate) fn next_graph(&mut self) -> Result<Option<Told>> {
        let Some(name) = self.peek().map(str::to_owned) else { return Ok(None) };
        let mut lines = Vec::new();
        for (place, cursor) in self.cursors.iter_mut().enumerate() {
            if cursor.next.as_ref().is_some_and(|line| line.name == name) {
                lines.extend(cursor.advance()?.map(|line| (place, line)));
            }
        }
        Ok(Some(Told { lines }))
    }

    /// The graph in each run that has it. Runs for which the same lines tell it are only looked at once.
    ///
    /// # Errors
    /// Its lines do not make a chain.
    pub(crate) fn entries(&self, told: &Told) -> Result<Vec<(&'m Manifest, GraphEntry)>> {
        let mut found = Vec::new();
        let mut before: Vec<usize> = Vec::new();
        for (manifest, places) in &self.runs {
            let of_run: Vec<usize> =
                places.iter().copied().filter(|place| told.lines.iter().any(|(of, _)| of == place)).collect();
            if of_run.is_empty() || of_run == before {
                continue;
            }
            let lines = of_run.iter().filter_map(|place| {
                let line = told.lines.iter().find(|(of, _)| of == place)?;
                Some((places.iter().position(|of| of == place)?, line.1.clone()))
            });
            found.extend(fold(manifest, lines)?.map(|line| (*manifest, GraphEntry::new(manifest, line))));
            before = of_run;
        }
        Ok(found)
    }
}

/// Lines, each with the place of its layer in the manifest.
pub(crate) type PlacedLines = Vec<(usize, Line)>;

impl Told {
    /// The lines of the only run, which are those of its layers `from` on, and those before.
    pub(crate) fn split(self, from: usize) -> (PlacedLines, PlacedLines) {
        self.lines.into_iter().partition(|(place, _)| *place < from)
    }
}

/// What the lines of a graph, each with the place of its layer in the manifest, come to; nothing when the run does not have
/// it.
///
/// # Errors
/// They do not make a chain.
pub(crate) fn fold(
    manifest: &Manifest,
    lines: impl IntoIterator<Item = (usize, Line)>,
) -> Result<Option<Line>, BackupError> {
    let joined = lines.into_iter().reduce(|(_, line), (place, later)| (place, line.then(later)));
    let Some((place, mut line)) = joined.filter(|(_, line)| !line.gone) else { return Ok(None) };
    // An ended chain is that of the run that ended it, also when a later one names its layer.
    let is_own = |layer: &Layer| run_of(&layer.object) == Some(manifest.run.as_str());
    if manifest.layers.get(place).is_some_and(|layer| !is_own(layer)) {
        line.ended.clear();
    }
    line.check().map_err(|reason| BackupError::BadManifest { run: manifest.run.clone(), reason })?;
    Ok(Some(line))
}

/// The graphs of a run, by name.
pub struct Entries<'m>(History<'m>);

impl<'m> Entries<'m> {
    /// Opens the layers of a run.
    ///
    /// # Errors
    /// As `History::open`.
    pub fn open(objects: &Objects, manifest: &'m Manifest) -> Result<Self> {
        History::open(objects, [manifest]).map(Self)
    }

    fn next_entry(&mut self) -> Result<Option<GraphEntry>> {
        while let Some(told) = self.0.next_graph()? {
            if let Some((_, entry)) = self.0.entries(&told)?.pop() {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<GraphEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}

/// Looks for one graph. Each layer is read once, and only the lines of the graph are decoded.
pub(crate) struct Finder<'f> {
    graph: &'f str,
    /// By object.
    found: HashMap<String, Option<Line>>,
}

impl<'f> Finder<'f> {
    /// For the graph of this exact name.
    pub(crate) fn new(graph: &'f str) -> Self {
        Self { graph, found: HashMap::new() }
    }

    /// The graph in a run, if it has it.
    ///
    /// # Errors
    /// A layer is missing or damaged; the objects fail.
    pub(crate) fn find(&mut self, objects: &Objects, manifest: &Manifest) -> Result<Option<GraphEntry>> {
        let inline = manifest.inline.iter().find(|line| line.name == self.graph);
        let mut lines: PlacedLines = inline.map(|line| (0, line.clone())).into_iter().collect();
        for (place, layer) in manifest.layers.iter().enumerate() {
            if !self.found.contains_key(&layer.object) {
                let line = self.read(objects, manifest, layer)?;
                self.found.insert(layer.object.clone(), line);
            }
            let line = self.found.get(&layer.object).cloned().flatten();
            lines.extend(line.map(|line| (place, line)));
        }
        Ok(fold(manifest, lines)?.map(|line| GraphEntry::new(manifest, line)))
    }

    fn read(&self, objects: &Objects, manifest: &Manifest, layer: &Layer) -> Result<Option<Line>> {
        let beginning = format!("{{\"name\":{}", serde_json::to_string(self.graph)?);
        let mut reader = LayerReader::open(objects, &manifest.run, layer)?;
        let mut found = None;
        while let Some(text) = reader.next_text()? {
            let rest = text.strip_prefix(beginning.as_bytes());
            if rest.is_some_and(|rest| rest.starts_with(b",") || rest.starts_with(b"}")) {
                let line = serde_json::from_slice(text).map_err(|error| BackupError::BadManifest {
                    run: manifest.run.clone(),
                    reason: format!("its layer '{}': {error}", layer.object),
                })?;
                found = Some(line);
            }
        }
        Ok(found)
    }
}

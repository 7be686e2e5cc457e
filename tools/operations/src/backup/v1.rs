//! Manifests of version 1, which hold the whole chain of every graph. They are read and built upon, and not written.

use serde::Deserialize;

use super::error::BackupError;
use super::layout::store_key;
use super::line::Line;
use super::manifest::{Content, Manifest, Piece, PieceKind, Stored, VERSION};
use super::sealed::unseal;

const V1: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "version")]
    _version: u32,
    run: String,
    started_ms: u64,
    finished_ms: u64,
    clock: Option<Clock>,
    source: String,
    store_id: Option<String>,
    all_graphs: bool,
    graphs: Vec<Entry>,
}

/// The shard's clock; without it all times but those of changes are of the machine of `egctl`, and prove nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    settled_ms: u64,
    ahead_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    taken_ms: u64,
    chain: Vec<Link>,
    #[serde(default)]
    ended: Vec<Link>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    object: String,
    kind: PieceKind,
    after: u64,
    sequence: u64,
    changed_ms: u64,
    newest_record: Option<String>,
    bytes: u64,
    sha256: String,
    content: Content,
}

impl From<Link> for Piece {
    fn from(link: Link) -> Self {
        let Link { object, kind, after, sequence, changed_ms, newest_record, bytes, sha256, content } = link;
        let stored = Stored { object, bytes, sha256, packed: None };
        Self { kind, after, sequence, changed_ms, newest_record, content, stored }
    }
}

/// Reads the stored form of the manifest of `run`.
///
/// # Errors
/// It is damaged, of another version or of another run.
pub(super) fn decode(run: &str, bytes: &[u8]) -> Result<Manifest, BackupError> {
    let bad = |reason: String| BackupError::BadManifest { run: run.to_owned(), reason };
    let document: Document = unseal(V1, bytes).map_err(bad)?;
    if document.run != run {
        return Err(bad(format!("it is that of run {:?}", document.run)));
    }
    let (settled_ms, clock_ahead_ms) =
        document.clock.as_ref().map_or((0, None), |clock| (clock.settled_ms, clock.ahead_ms));
    let mut inline = Vec::with_capacity(document.graphs.len());
    let (mut objects, mut written) = (0, 0);
    for Entry { name, taken_ms, chain, ended } in document.graphs {
        let chain: Vec<Piece> = chain.into_iter().map(Piece::from).collect();
        let ended: Vec<Piece> = ended.into_iter().map(Piece::from).collect();
        for Piece { stored, .. } in chain.iter().chain(&ended) {
            if stored.object.contains(run) {
                (objects, written) = (objects + 1, written + stored.bytes);
            }
        }
        // Changes are made in the order of their times, so one of them proves those before.
        let proven_ms = chain.last().map_or(0, |piece| piece.changed_ms);
        let covered_ms = Some(document.clock.as_ref().map_or(proven_ms, |_| taken_ms));
        let line = Line { name, covered_ms, chain, ended, ..Line::default() };
        line.check().map_err(bad)?;
        inline.push(line);
    }
    inline.sort_by(|one, other| one.name.cmp(&other.name));
    let named = match document.all_graphs {
        true => Vec::new(),
        false => inline.iter().map(|line| line.name.clone()).collect(),
    };
    Ok(Manifest {
        version: VERSION,
        run: document.run,
        store: store_key(document.store_id.as_deref(), &document.source),
        source: document.source,
        started_ms: document.started_ms,
        finished_ms: document.finished_ms,
        clock_ahead_ms,
        settled_ms,
        named,
        graphs: inline.len() as u64,
        objects,
        bytes: written,
        service: None,
        layers: Vec::new(),
        recipients: Vec::new(),
        readers: Vec::new(),
        inline,
    })
}

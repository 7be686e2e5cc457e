//! Streams of checksummed chunks: snapshots and increments.

use epistemic_storage::audit::audit;
use epistemic_storage::increment::{IncrementReader, IncrementWriter};
use epistemic_storage::snapshot::{ImportTarget, content_digest, export, import};
use epistemic_storage::{GraphStore, MemoryStore};

/// Bytes before the chunks.
const MAGIC: usize = 8;
/// Kind, index and length of a chunk.
const FRAME: usize = 9;

/// A snapshot, as it is and with checksums made right: what is imported is a sound graph, and exported it is imported as equal.
pub fn snapshot(data: &[u8]) -> bool {
    imports(data) | imports(&with_checksums(data))
}

fn imports(data: &[u8]) -> bool {
    let graphs = empty();
    let target = ImportTarget { name: Some("g".to_owned()), ..ImportTarget::default() };
    if import(&graphs, data, &target, &mut |_| {}).is_err() {
        return false;
    }
    is_sound(&graphs);
    let graph = graphs.graph("g").unwrap_or_else(|error| panic!("{error}"));
    let mut exported = Vec::new();
    export(&graphs, &graph, &mut exported, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let again = empty();
    import(&again, &exported[..], &target, &mut |_| {}).unwrap_or_else(|error| panic!("its export: {error}"));
    let copy = again.graph("g").unwrap_or_else(|error| panic!("{error}"));
    let digest = |graphs, graph| content_digest(graphs, graph).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(digest(&graphs, &graph), digest(&again, &copy));
    true
}

/// An increment, as it is and with checksums made right: written again it has the same records.
pub fn increment(data: &[u8]) -> bool {
    reads(data) | reads(&with_checksums(data))
}

fn reads(data: &[u8]) -> bool {
    let Some((header, records)) = read(data) else { return false };
    let mut written = Vec::new();
    let mut writer = IncrementWriter::new(&mut written, &header).unwrap_or_else(|error| panic!("{error}"));
    for (sequence, record) in &records {
        writer.record(*sequence, record).unwrap_or_else(|error| panic!("{error}"));
    }
    writer.finish().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read(&written), Some((header, records)));
    true
}

type Read = (epistemic_storage::increment::Header, Vec<(u64, Vec<u8>)>);

fn read(data: &[u8]) -> Option<Read> {
    let mut reader = IncrementReader::open(data).ok()?;
    let mut all = Vec::new();
    while let Some(records) = reader.next_records().ok()? {
        all.extend(records);
    }
    Some((reader.header().clone(), all))
}

/// An empty store in memory.
pub(crate) fn empty() -> GraphStore {
    GraphStore::open(MemoryStore::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// Panics when an audit finds anything.
pub(crate) fn is_sound(graphs: &GraphStore) {
    let found = audit(graphs.store(), &[], &mut |_| {}).unwrap_or_else(|error| panic!("{error}")).found;
    assert!(found.is_empty(), "{found:?}");
}

/// The same chunks, numbered in their order and with the checksums that they should have: else nothing that was changed gets
/// past them.
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    let mut at = MAGIC;
    for index in 0_u32.. {
        let Some(length) = bytes.get(at + 5..at + FRAME).and_then(|four| four.try_into().ok()) else { break };
        let Ok(length) = usize::try_from(u32::from_le_bytes(length)) else { break };
        let end = at + FRAME + length;
        if bytes.len() < end + 4 {
            break;
        }
        bytes[at + 1..at + 5].copy_from_slice(&index.to_le_bytes());
        let crc = crc32fast::hash(&bytes[at..end]);
        bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        at = end + 4;
    }
    bytes
}

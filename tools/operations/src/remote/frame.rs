//! How large requests to a shard may be.
use epistemic_router::status::ShardStatus;

use epistemic_router::{CallError, Client};
use epistemic_storage::graph::COMMONS;

use super::call;

/// The limit of shards that do not tell theirs, and the default of those that do.
const USUAL_FRAME: u64 = 64 << 20;
/// Room for what is in a request beside its data: names, token, identity.
const ENVELOPE: u64 = 1 << 10;

/// Bytes of data that one request to the shard can carry, going by its `--max-frame-bytes`.
pub async fn data_limit(client: &Client) -> Result<usize, CallError> {
    let status: ShardStatus = call(client, COMMONS, "ShardStatus", &()).await?;
    Ok(data_in_frame(status.max_frame_bytes.unwrap_or(USUAL_FRAME)))
}

fn data_in_frame(frame: u64) -> usize {
    let data = frame.saturating_sub(ENVELOPE).max(frame / 2);
    usize::try_from(data).unwrap_or(usize::MAX)
}

/// Cuts records into requests: each holds records of at most `limit` bytes together, or a single one.
pub fn batches(records: &[(u64, Vec<u8>)], limit: usize) -> impl Iterator<Item = &[(u64, Vec<u8>)]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = rest.iter().take_while(|(_, record)| {
            bytes += packed_len(record);
            bytes <= limit
        });
        let count = fit.count().max(1).min(rest.len());
        let (batch, behind) = rest.split_at(count);
        rest = behind;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Bytes of a record on the wire.
fn packed_len(record: &[u8]) -> usize {
    record.len() + 12
}

#[cfg(test)]
mod tests {
    use epistemic_storage::snapshot::pack_ledger;

    use super::*;

    #[test]
    fn every_frame_has_room_for_data_and_for_what_is_around_it() {
        for frame in [1024, 1500, 4096, 1 << 20, 64 << 20] {
            let data = data_in_frame(frame) as u64;
            assert!(data >= frame / 2 && data + 400 <= frame, "{frame} {data}");
        }
    }

    #[test]
    fn batches_are_all_records_in_order_and_within_the_limit() {
        let records: Vec<_> =
            [0, 10, 88, 200, 1, 1].iter().zip(1..).map(|(&size, n)| (n, vec![0; size])).collect();
        for limit in [1, 12, 22, 100, 1000] {
            let batches: Vec<_> = batches(&records, limit).collect();
            assert_eq!(batches.concat(), records, "{limit}");
            let over = |batch: &&[(u64, Vec<u8>)]| batch.len() > 1 && pack_ledger(batch).len() > limit;
            assert!(!batches.iter().any(over), "{limit} {batches:?}");
        }
        assert_eq!(batches(&records, 1000).count(), 1);
        assert_eq!(batches(&[], 9).count(), 0);
    }
}

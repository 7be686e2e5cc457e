//! Writing the copy from one view.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::{
    SERVICE, VERSION,
    error::ServiceError,
    record::{ChannelCopy, Header, Record, Totals},
};
use crate::{
    channels,
    error::StoreError,
    graph::GraphStore,
    keys,
    space::Space,
    store::{Read, ScanOptions},
    stream::{
        chunk::{ChunkWriter, TARGET_BYTES},
        record::Kind,
    },
};

/// Writes all identities and channels to `out` as they are now, in one view and with bounded memory. Blocks until done;
/// flushes `out` but does not sync files.
///
/// # Errors
/// Records of them are damaged; the store or the stream fails.
pub fn export(graphs: &GraphStore, out: impl Write) -> Result<(Header, Totals), ServiceError> {
    let view = graphs.read_view();
    let channels = channels::copies(&*view)?;
    let header =
        Header { version: VERSION, identities: count_identities(&*view)?, channels: channels.len() as u64 };
    let mut writer = Writer {
        chunks: ChunkWriter::new(out, &SERVICE)?,
        payload: Vec::new(),
        digest: Sha256::new(),
        totals: Totals::default(),
    };
    writer.chunks.write(Kind::Header, &serde_json::to_vec(&header).map_err(std::io::Error::from)?)?;
    let mut cursor = view.scan(Space::Catalog, keys::identities(), ScanOptions::FORWARD)?;
    while let Some((key, identity)) = cursor.next()? {
        let agent = keys::name_of(key).ok_or_else(|| StoreError::corrupt(Space::Catalog, "identity key"))?;
        writer.put(&Record::Identity { agent, identity })?;
    }
    for (number, channel) in channels {
        writer.channel(&*view, number, &channel)?;
    }
    writer.finish(header)
}

fn count_identities(view: &dyn Read) -> Result<u64, StoreError> {
    let mut count = 0;
    let mut cursor = view.scan(Space::Catalog, keys::identities(), ScanOptions::FORWARD)?;
    while cursor.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

struct Writer<W> {
    chunks: ChunkWriter<W>,
    payload: Vec<u8>,
    digest: Sha256,
    totals: Totals,
}

impl<W: Write> Writer<W> {
    fn channel(&mut self, view: &dyn Read, number: u64, channel: &ChannelCopy) -> Result<(), ServiceError> {
        let value = rmp_serde::to_vec_named(channel).expect("plain fields always encode");
        self.put(&Record::Channel(&value))?;
        let range = keys::messages_from(number, channel.first);
        let mut cursor = view.scan(Space::Channels, range, ScanOptions::SWEEP)?;
        while let Some((key, value)) = cursor.next()? {
            let sequence =
                keys::sequence_of(key).ok_or_else(|| StoreError::corrupt(Space::Channels, "message key"))?;
            self.put(&Record::Message { sequence, value })?;
        }
        Ok(())
    }

    fn put(&mut self, record: &Record<'_>) -> Result<(), ServiceError> {
        record.put(&mut self.payload);
        match record {
            Record::Identity { .. } => self.totals.identities += 1,
            Record::Channel(_) => self.totals.channels += 1,
            Record::Message { .. } => self.totals.messages += 1,
        }
        if self.payload.len() >= TARGET_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ServiceError> {
        if self.payload.is_empty() {
            return Ok(());
        }
        self.digest.update(&self.payload);
        self.chunks.write(Kind::Service, &self.payload)?;
        self.payload.clear();
        Ok(())
    }

    fn finish(mut self, header: Header) -> Result<(Header, Totals), ServiceError> {
        self.flush()?;
        self.totals.digest = hex::encode(self.digest.finalize());
        let text = serde_json::to_vec(&self.totals).map_err(std::io::Error::from)?;
        self.chunks.write(Kind::Trailer, &text)?;
        self.chunks.finish()?;
        Ok((header, self.totals))
    }
}

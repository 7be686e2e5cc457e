//! An object as a stream.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, Result};
use tokio::runtime::Handle;

/// The bytes of an object. Reading blocks, so it must happen outside the runtime's own threads.
pub struct Download {
    runtime: Handle,
    pieces: BoxStream<'static, Result<Bytes>>,
    piece: Bytes,
}

impl Download {
    pub(super) fn open(
        runtime: Handle,
        store: Arc<dyn ObjectStore>,
        path: &Path,
        options: GetOptions,
    ) -> Result<Self> {
        let pieces = runtime.block_on(store.get_opts(path, options))?.into_stream();
        Ok(Self { runtime, pieces, piece: Bytes::new() })
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.runtime.block_on(self.pieces.next()) {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

//! A new object as a stream that is written with bounded memory.

use std::io::{self, Write};

use object_store::WriteMultipart;
use sha2::{Digest, Sha256};

use super::objects::Objects;

/// Bytes of a part. A bucket takes 10,000 parts, so 160 GB of one graph.
const PART_BYTES: usize = if cfg!(test) { 1 << 10 } else { 16 << 20 };
/// Parts on their way at once.
const PARTS: usize = 2;

/// An object that is not there before [`Upload::finish`]. Dropped before that it leaves nothing that is listed. Writing
/// blocks, so it must happen outside the runtime's own threads.
pub struct Upload {
    objects: Objects,
    name: String,
    /// The object as long as it fits one part.
    small: Vec<u8>,
    large: Option<WriteMultipart>,
    digest: Sha256,
    bytes: u64,
}

/// What was written.
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

impl Upload {
    pub(super) fn new(objects: Objects, name: &str) -> Self {
        let name = name.to_owned();
        Self { objects, name, small: Vec::new(), large: None, digest: Sha256::new(), bytes: 0 }
    }

    /// Makes the object. Durable on return.
    pub fn finish(mut self) -> io::Result<Written> {
        match self.large.take() {
            Some(large) => drop(self.objects.runtime().block_on(large.finish())?),
            None => self.objects.create(&self.name, std::mem::take(&mut self.small).into())?,
        }
        Ok(Written { bytes: self.bytes, sha256: hex::encode(std::mem::take(&mut self.digest).finalize()) })
    }

    fn begin_parts(&mut self) -> io::Result<&mut WriteMultipart> {
        let upload = self.objects.begin_parts(&self.name)?;
        Ok(self.large.insert(WriteMultipart::new_with_chunk_size(upload, PART_BYTES)))
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(PART_BYTES)];
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        let runtime = self.objects.runtime().clone();
        // Parts are sent by tasks of the runtime.
        let _entered = runtime.enter();
        if let Some(large) = &mut self.large {
            runtime.block_on(large.wait_for_capacity(PARTS))?;
            large.write(bytes);
        } else if self.small.len() + bytes.len() < PART_BYTES {
            self.small.extend_from_slice(bytes);
        } else {
            let small = std::mem::take(&mut self.small);
            let large = self.begin_parts()?;
            large.write(&small);
            large.write(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(large) = self.large.take() {
            // The error that led here is reported; parts that stay are invisible, and prune or the bucket's rule ends them.
            let _ = self.objects.runtime().block_on(large.abort());
        }
    }
}

//! Bytes on their way.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// A count that a stream and its observer share.
#[derive(Debug, Clone, Default)]
pub struct Count(Rc<Cell<u64>>);

impl Count {
    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.get()
    }

    fn add(&self, bytes: usize) {
        self.0.set(self.0.get() + bytes as u64);
    }
}

/// A stream whose bytes are counted.
pub struct Counted<S> {
    /// The stream.
    pub stream: S,
    /// Its bytes so far.
    pub count: Count,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.count.add(read);
        Ok(read)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.count.add(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Copies what is read to a second stream, so that it can be checked on the way.
pub struct Tee<R, W> {
    /// What is read.
    pub from: R,
    /// What gets a copy.
    pub to: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}

//! The rows of a large response. They are answered in insertion order although storage yields them in key order, and go to disk
//! when they are too many for memory.

use std::sync::Arc;

use crate::{
    memory::{Room, TooLarge},
    request::error::ReadError,
    spool::{NoSpool, Spool, Spooled},
    wire::encode,
};

/// Bytes that are read of the rows on disk at a time, and written in their order.
const CHUNK: usize = 256 << 10;

/// Encoded rows.
pub(super) struct Rows<'r> {
    /// The newest; those before them are in the file.
    bytes: Vec<u8>,
    file: Option<Spooled>,
    count: usize,
    /// Sequence number and place of each; none when they come in their order.
    places: Option<Vec<(u64, usize, usize)>>,
    /// Bytes of the response in memory beside these rows.
    beside: usize,
    room: &'r Room,
    /// There was no room on disk for the next ones.
    stays: bool,
}

impl<'r> Rows<'r> {
    /// Each is [added](Rows::add) with its place in the order.
    pub(super) fn new(room: &'r Room) -> Self {
        Self::beside(0, room)
    }

    /// As [`Rows::new`], in a response that has so many other bytes in memory.
    pub(super) fn beside(bytes: usize, room: &'r Room) -> Self {
        let places = Some(Vec::new());
        Self { bytes: Vec::new(), file: None, count: 0, places, beside: bytes, room, stays: false }
    }

    /// Each is [the next](Rows::next).
    pub(super) fn in_order(room: &'r Room) -> Self {
        Self { places: None, ..Self::new(room) }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Bytes that they take in memory.
    pub(super) fn in_memory(&self) -> usize {
        // A place in the list is kept for each, whatever it says.
        let places = self.places.as_ref().map_or(0, Vec::len) * size_of::<(u64, usize, usize)>();
        self.bytes.len() + places / 2
    }

    /// Adds the row that `encode_row` appends.
    pub(super) fn add(
        &mut self,
        sequence: u64,
        encode_row: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), ReadError> {
        let start = self.end();
        encode_row(&mut self.bytes);
        let end = self.end();
        if let Some(places) = &mut self.places {
            places.push((sequence, start, end));
        }
        self.count += 1;
        if !self.stays
            && let Some(spool) = self.room.spool(self.bytes.len())
        {
            self.spill(spool)?;
        }
        Ok(self.room.check(self.beside + self.in_memory())?)
    }

    /// Adds the next row.
    pub(super) fn next(&mut self, encode_row: impl FnOnce(&mut Vec<u8>)) -> Result<(), ReadError> {
        self.add(0, encode_row)
    }

    /// Appends an array of all rows.
    pub(super) fn write(self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        encode::array(out, self.count);
        self.write_items(out)
    }

    /// Appends all rows. Those on disk are attached to the response.
    pub(super) fn write_items(mut self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        let unsorted = self.places.take().filter(|places| !places.is_sorted()).map(|mut places| {
            places.sort_unstable();
            places
        });
        match (self.file.take(), unsorted) {
            (None, None) => out.extend_from_slice(&self.bytes),
            (None, Some(places)) => {
                out.reserve(self.bytes.len());
                for (_, start, end) in places {
                    out.extend_from_slice(&self.bytes[start..end]);
                }
            }
            (Some(mut rows), unsorted) => {
                rows.append(&self.bytes).map_err(|error| self.room.no_disk(&error))?;
                drop(std::mem::take(&mut self.bytes));
                let sorted = match unsorted {
                    None => rows,
                    Some(places) => in_order(&rows, &places).map_err(|error| self.room.no_disk(&error))?,
                };
                self.room.attach(out.len(), sorted)?;
            }
        }
        Ok(())
    }

    /// Where the next row begins, among all of them.
    fn end(&self) -> usize {
        self.file.as_ref().map_or(0, |file| file.bytes() as usize) + self.bytes.len()
    }

    /// Puts the rows in memory behind those on disk. They stay there when there is no room on it.
    #[cold]
    fn spill(&mut self, spool: &Arc<Spool>) -> Result<(), TooLarge> {
        self.room.check_on_disk(self.end() as u64)?;
        let spooled = match self.file.take() {
            Some(file) => Ok(file),
            None => spool.file(),
        };
        let written = spooled.and_then(|mut file| {
            let written = file.append(&self.bytes);
            self.file = Some(file);
            written
        });
        match written {
            Ok(()) => self.bytes.clear(),
            Err(error) => {
                tracing::debug!(%error, "rows stay in memory");
                self.stays = true;
            }
        }
        Ok(())
    }
}

/// A file with these places of `rows`, one after the other.
fn in_order(rows: &Spooled, places: &[(u64, usize, usize)]) -> Result<Spooled, NoSpool> {
    let mut sorted = rows.another()?;
    let mut chunk = Vec::new();
    for (_, start, end) in places {
        let filled = chunk.len();
        chunk.resize(filled + end - start, 0);
        rows.read_exact_at(&mut chunk[filled..], *start as u64)?;
        if chunk.len() >= CHUNK {
            sorted.append(&chunk)?;
            chunk.clear();
        }
    }
    sorted.append(&chunk)?;
    Ok(sorted)
}

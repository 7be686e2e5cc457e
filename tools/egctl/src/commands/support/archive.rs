//! A compressed archive that is written entry by entry.

use std::io::{self, Write};

use epistemic_storage::clock;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The folder that all entries are in.
const FOLDER: &str = "egctl-support";

/// An archive on its way to a file.
pub(super) struct Archive<W: Write> {
    tar: tar::Builder<GzEncoder<W>>,
    entries: Vec<String>,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { tar: tar::Builder::new(GzEncoder::new(out, Compression::default())), entries: Vec::new() }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(clock::unix_ms() / 1000);
        self.tar.append_data(&mut header, format!("{FOLDER}/{name}"), content)?;
        self.entries.push(name.to_owned());
        Ok(())
    }

    /// Ends it; tells what is in it.
    pub(super) fn finish(self) -> io::Result<Vec<String>> {
        self.tar.into_inner()?.finish()?.flush()?;
        Ok(self.entries)
    }
}

//! Writing and reading layers: lines of JSON by name, in blocks that are zstd frames of their own, so that a line is only
//! read when all of its block is as it was written. `zstd -dc` shows one, `age -d | zstd -dc` an encrypted one.

use std::io::{self, BufReader, Read, Write};

use anyhow::{Result, bail};
use zstd::bulk::Compressor;
use zstd::stream::read::Decoder;

use super::error::{BackupError, Damaged};
use super::line::Line;
use super::manifest::Layer;
use super::objects::Objects;
use super::read::Opened;
use super::upload::Upload;
use crate::encryption::Encrypting;

/// Bytes of lines after which a block ends.
const BLOCK: usize = if cfg!(test) { 1 << 10 } else { 256 << 10 };
/// Bytes of a block at most: one line may be long.
const LONGEST: u64 = 64 << 20;
/// zstd's own default.
const LEVEL: i32 = 3;

/// A layer that is being written.
pub(crate) struct LayerWriter {
    object: String,
    upload: Encrypting<Upload>,
    compressor: Compressor<'static>,
    block: Vec<u8>,
    entries: u64,
    /// The name of the line before.
    last: Option<String>,
}

impl LayerWriter {
    /// Begins the layer `object`.
    pub(crate) fn new(objects: &Objects, object: String) -> Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        let upload = objects.keys().for_readers(objects.upload(&object))?;
        Ok(Self { object, upload, compressor, block: Vec::new(), entries: 0, last: None })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Its name is not behind that of the line before: readers could not use the layer. The objects fail.
    pub(crate) fn put(&mut self, line: &Line) -> Result<()> {
        if let Some(last) = self.last.replace(line.name.clone())
            && last >= line.name
        {
            bail!("graph {:?} was listed behind graph {last:?}", line.name);
        }
        serde_json::to_writer(&mut self.block, line)?;
        self.block.push(b'\n');
        self.entries += 1;
        if self.block.len() < BLOCK { Ok(()) } else { self.end_block() }
    }

    fn end_block(&mut self) -> Result<()> {
        let frame = self.compressor.compress(&self.block)?;
        self.upload.write_all(&frame)?;
        self.block.clear();
        Ok(())
    }

    /// Makes the object, durable on return; nothing when there are no lines.
    pub(crate) fn finish(mut self) -> Result<Option<Layer>> {
        if self.entries == 0 {
            return Ok(None);
        }
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let age = self.upload.is_encrypted();
        let written = self.upload.finish()?.finish()?;
        let (bytes, sha256) = (written.bytes, written.sha256);
        Ok(Some(Layer { object: self.object, bytes, sha256, entries: self.entries, age }))
    }
}

/// A layer that is being read.
pub(crate) struct LayerReader {
    run: String,
    layer: Layer,
    /// None when all was read.
    input: Option<BufReader<Opened>>,
    block: Vec<u8>,
    at: usize,
    entries: u64,
}

impl LayerReader {
    /// Opens a layer of the manifest of `run`.
    ///
    /// # Errors
    /// It is missing; the objects fail.
    pub(crate) fn open(objects: &Objects, run: &str, layer: &Layer) -> Result<Self> {
        let Some(download) = objects.download(&layer.object)? else {
            return Err(bad(run, layer, "it is missing").into());
        };
        let opened = Opened::new(download, layer.age, objects.keys());
        let opened = opened.map_err(|error| in_layer(run, layer, error))?;
        Ok(Self {
            run: run.to_owned(),
            layer: layer.clone(),
            input: Some(BufReader::new(opened)),
            block: Vec::new(),
            at: 0,
            entries: 0,
        })
    }

    /// The next line as it is stored; nothing behind the last one, when the layer is known to be whole.
    ///
    /// # Errors
    /// It is damaged; the objects fail.
    pub(crate) fn next_text(&mut self) -> Result<Option<&[u8]>> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let rest = &self.block[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.entries += 1;
        self.at = (self.at + length + 1).min(self.block.len());
        Ok(Some(&rest[..length]))
    }

    /// [`LayerReader::next_text`], decoded.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line>> {
        let decoded = self.next_text()?.map(serde_json::from_slice);
        decoded.transpose().map_err(|error| bad(&self.run, &self.layer, &error.to_string()).into())
    }

    fn next_block(&mut self) -> Result<bool> {
        let Some(mut input) = self.input.take() else { return Ok(false) };
        let is_end = std::io::BufRead::fill_buf(&mut input).map(<[u8]>::is_empty);
        if is_end.map_err(|error| in_layer(&self.run, &self.layer, error))? {
            return self.end(input.into_inner());
        }
        let mut decoder = Decoder::with_buffer(input)?.single_frame();
        self.block.clear();
        self.at = 0;
        let read = decoder.by_ref().take(LONGEST).read_to_end(&mut self.block);
        let input = decoder.finish();
        if let Err(error) = read {
            return Err(match input.get_ref().has_failed() {
                true => error.into(),
                false => bad(&self.run, &self.layer, &error.to_string()).into(),
            });
        }
        self.input = Some(input);
        Ok(true)
    }

    fn end(&mut self, input: Opened) -> Result<bool> {
        let (bytes, sha256) = input.finish()?.bytes_and_sha256();
        let Layer { entries, bytes: expected, .. } = self.layer;
        if (bytes, &sha256, self.entries) == (expected, &self.layer.sha256, entries) {
            return Ok(false);
        }
        let reason = format!(
            "it has {} entries in {bytes} bytes with SHA-256 {sha256}, the manifest says {entries} in {expected} with {}",
            self.entries, self.layer.sha256
        );
        Err(bad(&self.run, &self.layer, &reason).into())
    }
}

/// Names the layer when `error` says that its content is bad; other failures stay what they are.
fn in_layer(run: &str, layer: &Layer, error: io::Error) -> anyhow::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Damaged>()) {
        Some(damaged) => bad(run, layer, &damaged.to_string()).into(),
        None => error.into(),
    }
}

fn bad(run: &str, layer: &Layer, reason: &str) -> BackupError {
    BackupError::BadManifest {
        run: run.to_owned(),
        reason: format!("its layer '{}': {reason}", layer.object),
    }
}

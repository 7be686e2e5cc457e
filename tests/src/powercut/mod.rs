//! Power cuts. `kill -9` keeps the page cache, so it cannot tell whether a server calls `fsync`; this can.
//!
//! A preloaded library (`powercut/powerlog.c`) records every change that a process makes below one directory.
//! [`Recording::cut`] replays the record up to any instant into a fresh directory, with what a power cut at
//! that instant may leave: file content as of the last `fsync` of the file, names as of the last `fsync` of
//! their directory. [`Loss::Strict`] drops everything later, [`Loss::Random`] keeps a random part of it.
//!
//! An instant is a size of the record file ([`Recording::position`]): a test that notes it when an answer
//! arrives knows what must have been on disk by then.

mod directory;
mod disk;
mod log;
mod recording;
mod synced;

pub use recording::{Loss, Recording, Sync};

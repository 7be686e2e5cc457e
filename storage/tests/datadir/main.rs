//! A shard's directory: ownership, checkpoints, and damage of every kind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod checkpoints;
mod damaged_log;
mod damaged_store;
mod every_file;
mod exceptions;
mod opening;
mod room;
mod salvaging;
mod scrub;

//! A shard's directory: ownership, checkpoints, and damage of every kind.

#[path = "../common/mod.rs"]
mod common;

mod checkpoints;
mod damaged_log;
mod damaged_store;
mod opening;

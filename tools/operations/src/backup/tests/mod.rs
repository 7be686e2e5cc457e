//! Backups of graphs in memory, to objects in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod damage;
mod encrypted;
mod failures;
mod faulty;
mod fixture;
mod layers;
mod old;
mod retention;
mod scale;

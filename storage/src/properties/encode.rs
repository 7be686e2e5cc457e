//! Appends MessagePack to a `Vec<u8>`, which cannot fail, each value in its shortest form.
//!
//! # Panics
//! A length over 2^32 - 1 has no MessagePack form and panics; frames and stored values are smaller.

use std::fmt::Debug;

use rmp::encode;

/// nil
pub fn nil(out: &mut Vec<u8>) {
    written(encode::write_nil(out));
}

/// true or false
pub fn bool(out: &mut Vec<u8>, value: bool) {
    written(encode::write_bool(out, value));
}

/// An integer that is not negative.
pub fn uint(out: &mut Vec<u8>, value: u64) {
    written(encode::write_uint(out, value));
}

/// Any signed integer.
pub fn int(out: &mut Vec<u8>, value: i64) {
    written(encode::write_sint(out, value));
}

/// A float64.
pub fn float(out: &mut Vec<u8>, value: f64) {
    written(encode::write_f64(out, value));
}

/// A float32.
pub fn float32(out: &mut Vec<u8>, value: f32) {
    written(encode::write_f32(out, value));
}

/// A str.
pub fn str(out: &mut Vec<u8>, value: &str) {
    written(encode::write_str(out, value));
}

/// A bin.
pub fn bin(out: &mut Vec<u8>, value: &[u8]) {
    written(encode::write_bin(out, value));
}

/// The head of an array; `items` values must follow.
pub fn array(out: &mut Vec<u8>, items: usize) {
    written(encode::write_array_len(out, length(items)));
}

/// The head of a map; `pairs` keys with their values must follow.
pub fn map(out: &mut Vec<u8>, pairs: usize) {
    written(encode::write_map_len(out, length(pairs)));
}

fn length(items: usize) -> u32 {
    u32::try_from(items).expect("a MessagePack length fits 32 bits")
}

fn written<T, E: Debug>(outcome: Result<T, E>) {
    outcome.expect("a Vec takes every write");
}

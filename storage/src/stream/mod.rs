//! Streams of checksummed chunks, which [`crate::snapshot`], [`crate::increment`] and [`crate::service`] are made of.
//!
//! `chunk` frames and checks them, `record` has the kinds of chunks and the fields of records in them, `error` is why a stream
//! was refused.

pub(crate) mod chunk;
pub(crate) mod error;
pub(crate) mod record;

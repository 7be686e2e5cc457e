//! Tests of the wire layer: the recordings of the reference server, and hostile bytes.

mod hostile;
mod pieces;
mod recorded;
mod vectors;

use crate::testing::{NOT_COVERED, decode_params, decode_request as decode};

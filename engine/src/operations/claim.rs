//! `ClaimNext`: the oldest pending node of a label, for one of those that want it.

use std::borrow::Cow;

use epistemic_storage::{
    graph::{GraphReader, Op, Outcome},
    view,
};

use serde::Deserialize;

use crate::{
    compute_pool::scan_on,
    request::{
        computation::Computation,
        error::{OpError, ReadError},
    },
    wire::{bytes, decoded_or_empty, encode, response, text},
};

/// `ClaimNext`
#[derive(Debug, Deserialize)]
pub(crate) struct ClaimNext<'a> {
    /// Label of the nodes.
    #[serde(borrow, deserialize_with = "text")]
    label: &'a str,
    /// A map of the fields to set.
    #[serde(borrow, deserialize_with = "bytes")]
    updates_msgpack: Cow<'a, [u8]>,
}

/// A node that may be claimed.
struct Candidate {
    id: String,
    properties: Vec<u8>,
    /// Its place in the queue; nodes without one come last, oldest first.
    place: f64,
}

/// Puts the updates into the node with `status` `pending` and the smallest `seq`; answers the node, or nil when there is none.
pub(super) fn claim_next(
    computation: &Computation<'_>,
    ClaimNext { label, updates_msgpack: updates }: ClaimNext<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    if let Some(Outcome::Claimed(Some((id, properties)))) = computation.made_before()? {
        claimed(out, &id, &properties);
        return Ok(());
    }
    loop {
        computation.cancel.check()?;
        let view = computation.shard.graphs.view();
        let Some(candidate) =
            first_pending(computation, &GraphReader::new(&*view, computation.graph), label)?
        else {
            encode::nil(out);
            return Ok(());
        };
        if view::merged(&candidate.properties, &updates).is_none() {
            return Err(OpError::Text("updates_msgpack: no map of names to values".into()).into());
        }
        let claim = Op::Claim { node: candidate.id, conditions: pending(), updates: updates.to_vec() };
        // Another may have claimed it meanwhile.
        if let Outcome::Claimed(Some((id, properties))) = computation.write(computation.keyed(claim))? {
            claimed(out, &id, &properties);
            return Ok(());
        }
    }
}

fn claimed(out: &mut Vec<u8>, id: &str, properties: &[u8]) {
    response::bin_of(out, |out| {
        encode::array(out, 2);
        encode::str(out, id);
        decoded_or_empty(out, properties);
    });
}

/// `{"status": "pending"}`
fn pending() -> Vec<u8> {
    let mut conditions = Vec::new();
    encode::map(&mut conditions, 1);
    encode::str(&mut conditions, "status");
    encode::str(&mut conditions, "pending");
    conditions
}

fn first_pending(
    computation: &Computation<'_>,
    reader: &GraphReader<'_>,
    label: &str,
) -> Result<Option<Candidate>, ReadError> {
    let mut first: Option<Candidate> = None;
    reader.for_each_by_label(label, 0, 0, |id, properties| {
        scan_on(computation.cancel)?;
        if view::string_field(properties, "status") == Some("pending") {
            let place = view::number_field(properties, "seq").unwrap_or(f64::INFINITY);
            if first.as_ref().is_none_or(|first| place < first.place) {
                first = Some(Candidate { id: id.to_owned(), properties: properties.to_vec(), place });
            }
        }
        Ok(())
    })?;
    Ok(first)
}

//! Writing responses.

use std::sync::Arc;

use epistemic_storage::graph::{BatchReport, Outcome};

use super::{error::OpError, error_codes};
use crate::{
    commit::Reply,
    wire::{
        ReplyTo, encode, field_str,
        response::{self, Response},
    },
};

/// What a successful write answers.
pub(crate) enum WriteResponse {
    Ok,
    Created(Arc<str>),
    Deleted(Arc<str>),
    /// `ok` when every line was applied.
    Ledger,
    /// Whether a transaction was made; with a key also whether that was before.
    Transaction {
        keyed: bool,
    },
}

/// Appends an error.
pub(crate) fn error(out: &mut Vec<u8>, to: ReplyTo, error: &OpError) {
    let text = error.to_string();
    let written = if to.coded {
        let (code, detail) = error_codes::split(error, &text);
        response::coded_error(out, to.id, code, detail)
    } else {
        response::error(out, to.id, &text)
    };
    written.expect("texts of errors are far below 4 GiB");
}

/// What is there to go on with; nothing when it is refused, with the error appended.
pub(crate) fn accepted<T, E: Into<OpError>>(
    out: &mut Vec<u8>,
    to: ReplyTo,
    asked: Result<T, E>,
) -> Option<T> {
    asked.map_err(|refusal| error(out, to, &refusal.into())).ok()
}

/// Appends the result that `write` puts into the buffer, or the error it ends with.
pub(crate) fn result(
    out: &mut Vec<u8>,
    to: ReplyTo,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), OpError>,
) {
    result_with(out, to, || 0, write);
}

/// As [`result`], of which `beside` bytes are not in the buffer in the end.
pub(crate) fn result_with(
    out: &mut Vec<u8>,
    to: ReplyTo,
    beside: impl FnOnce() -> usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), OpError>,
) {
    let response = Response::result(out, to.id);
    let failure = match write(out) {
        Ok(()) => match response.finish_with(out, beside()) {
            Ok(()) => return,
            Err(too_large) => OpError::Text(too_large.to_string()),
        },
        Err(failure) => {
            response.cancel(out);
            failure
        }
    };
    error(out, to, &failure);
}

/// Appends what a write came to. Without a reply the commit thread is gone.
pub(crate) fn write_reply(out: &mut Vec<u8>, to: ReplyTo, write: &WriteResponse, reply: Option<Reply>) {
    result(out, to, |out| {
        let gone = || OpError::Text("the server is shutting down: the write was not acknowledged".into());
        match reply.ok_or_else(gone)?? {
            Outcome::Batch(report) if matches!(write, WriteResponse::Ledger) => ledger_report(out, &report)?,
            Outcome::Batch(report) => batch_report(out, &report, to.coded),
            Outcome::Touched(count) => encode::uint(out, count),
            Outcome::Decided(made) => encode::bool(out, made),
            Outcome::Transaction { made, replayed } => {
                if matches!(write, WriteResponse::Transaction { keyed: true }) {
                    committed(out, made, replayed);
                } else {
                    encode::bool(out, made);
                }
            }
            // A claim is answered by its computation, and the commit thread goes on until there is no rest.
            Outcome::Claimed(_) | Outcome::Unfinished(_) | Outcome::Conditional(_) | Outcome::Done => {
                match write {
                    WriteResponse::Ok | WriteResponse::Ledger | WriteResponse::Transaction { .. } => {
                        encode::str(out, "ok")
                    }
                    WriteResponse::Created(name) => pair(out, "created", name),
                    WriteResponse::Deleted(name) => pair(out, "deleted", name),
                }
            }
        }
        Ok(())
    });
}

/// The answer of `Commit` with an idempotency key.
fn committed(out: &mut Vec<u8>, made: bool, replayed: bool) {
    encode::map(out, 2);
    encode::str(out, "committed");
    encode::bool(out, made);
    encode::str(out, "replayed");
    encode::bool(out, replayed);
}

fn pair(out: &mut Vec<u8>, key: &str, value: &str) {
    encode::map(out, 1);
    field_str(out, key, value);
}

fn ledger_report(out: &mut Vec<u8>, report: &BatchReport) -> Result<(), OpError> {
    let Some(first) = report.errors.first() else {
        encode::str(out, "ok");
        return Ok(());
    };
    let failed = report.errors.len();
    Err(OpError::Text(format!(
        "ApplyLedger: {failed} lines were not applied, the others were; the first: {first}"
    )))
}

/// Clients from 2.27 on look for more counts, of operations that only they know.
fn batch_report(out: &mut Vec<u8>, report: &BatchReport, coded: bool) {
    let counts = [
        ("added_nodes", report.added_nodes),
        ("added_edges", report.added_edges),
        ("removed_nodes", report.removed_nodes),
        ("removed_edges", report.removed_edges),
        ("added_embeddings", report.added_embeddings),
        ("upserted_nodes", report.upserted_nodes),
        ("upserted_edges", report.upserted_edges),
    ];
    let counts = if coded { &counts[..] } else { &counts[..4] };
    encode::map(out, counts.len() + 1);
    for (key, count) in counts {
        encode::str(out, key);
        encode::uint(out, *count);
    }
    encode::str(out, "errors");
    encode::array(out, report.errors.len());
    for error in &report.errors {
        encode::str(out, error);
    }
}

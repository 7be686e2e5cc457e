//! Reading responses without building values.

use anyhow::{Context, Result, bail};
use epistemic_router::ErrorCode;
use rmp::decode;

const NIL: u8 = 0xc0;

/// What a response says about its request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// A result; the encoded value.
    Done(&'a [u8]),
    /// Shed by the server's admission control.
    Busy,
    /// Any other error, its text.
    Failed(&'a str),
}

/// Splits a response body into request id and outcome.
pub(super) fn parse(body: &[u8]) -> Result<(u64, Outcome<'_>)> {
    let mut rest = body;
    let mut id = None;
    let mut outcome = None;
    let mut detail = None;
    for _ in 0..decode::read_map_len(&mut rest).context("answer is not a map")? {
        let (key, value) = read_str(rest)?;
        rest = value;
        match key {
            "id" => id = Some(decode::read_int(&mut rest).context("answer with a bad id")?),
            "result" => outcome = Some(Outcome::Done(value)),
            "error" => {
                let (text, _) = read_str(value)?;
                let busy = ErrorCode::of_text(text) == ErrorCode::Busy;
                outcome = Some(if busy { Outcome::Busy } else { Outcome::Failed(text) });
            }
            // Beside the code, which is all that the error of a signed request says.
            "error_detail" => detail = read_str(value).ok().map(|(text, _)| text),
            _ => {}
        }
        if id.is_some() && matches!(outcome, Some(Outcome::Done(_))) {
            break; // the usual order: a large result is never walked through
        }
        if key != "id" {
            rmpv::decode::read_value_ref(&mut rest).context("answer with a damaged value")?;
        }
    }
    match (id, outcome) {
        (Some(id), Some(Outcome::Failed(text))) => Ok((id, Outcome::Failed(detail.unwrap_or(text)))),
        (Some(id), Some(outcome)) => Ok((id, outcome)),
        _ => bail!("answer without id, result or error"),
    }
}

/// Whether an encoded value is nil.
pub(super) fn is_nil(value: &[u8]) -> bool {
    value.first() == Some(&NIL)
}

/// First entry of `errors` in the encoded result of a BatchUpdate.
pub(super) fn batch_error(result: &[u8]) -> Result<Option<String>> {
    batch_error_of(&rmpv::decode::read_value(&mut &*result)?)
}

/// First entry of `errors` in the result of a BatchUpdate.
pub(super) fn batch_error_of(result: &rmpv::Value) -> Result<Option<String>> {
    let errors = result["errors"].as_array().context("BatchUpdate answer without errors")?;
    Ok(errors.first().map(ToString::to_string))
}

fn read_str(bytes: &[u8]) -> Result<(&str, &[u8])> {
    decode::read_str_from_slice(bytes).ok().context("answer with a key or error that is not a string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_orders_and_tells_busy_from_failed() {
        assert_eq!(parse(b"\x82\xa2id\x05\xa6result\xc0").unwrap(), (5, Outcome::Done(b"\xc0")));
        assert_eq!(parse(b"\x82\xa5error\xa4BUSY\xa2id\x05").unwrap(), (5, Outcome::Busy));
        let coded = b"\x83\xa2id\x05\xa5error\xa1C\xacerror_detail\xa3why";
        assert_eq!(parse(coded).unwrap(), (5, Outcome::Failed("why")));
        assert_eq!(parse(b"\x82\xa2id\x05\xa5error\xa2no").unwrap(), (5, Outcome::Failed("no")));
    }

    #[test]
    fn refuses_damage() {
        for body in [&b"\x05"[..], b"\x81\xa2id\x05", b"\x82\xa2id", b"\x81\xa6result\x92\x01"] {
            assert!(parse(body).is_err(), "{body:?}");
        }
    }
}

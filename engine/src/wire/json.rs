//! JSON values as MessagePack.

use serde_json::Value;

use super::encode;

/// Appends a JSON value; map keys in its order.
pub(crate) fn value(out: &mut Vec<u8>, json: &Value) {
    match json {
        Value::Null => encode::nil(out),
        Value::Bool(flag) => encode::bool(out, *flag),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => encode::uint(out, number),
            (None, Some(number)) => encode::int(out, number),
            (None, None) => encode::float(out, number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => encode::str(out, text),
        Value::Array(items) => {
            encode::array(out, items.len());
            items.iter().for_each(|item| value(out, item));
        }
        Value::Object(fields) => {
            encode::map(out, fields.len());
            for (name, field) in fields {
                encode::str(out, name);
                value(out, field);
            }
        }
    }
}

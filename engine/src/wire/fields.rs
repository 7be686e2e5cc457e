//! Pieces of results that several operations write.

use epistemic_storage::properties;

use super::encode;

/// Appends a field whose value is a number.
pub(crate) fn field_uint(out: &mut Vec<u8>, name: &str, value: u64) {
    encode::str(out, name);
    encode::uint(out, value);
}

/// Appends a field whose value is a string.
pub(crate) fn field_str(out: &mut Vec<u8>, name: &str, value: &str) {
    encode::str(out, name);
    encode::str(out, value);
}

/// Appends a map of numbers.
pub(crate) fn counts(out: &mut Vec<u8>, fields: &[(&str, u64)]) {
    encode::map(out, fields.len());
    for (name, count) in fields {
        field_uint(out, name, *count);
    }
}

/// Appends an array of strings.
pub(crate) fn strings<I>(out: &mut Vec<u8>, texts: I)
where
    I: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<str>>,
{
    let texts = texts.into_iter();
    encode::array(out, texts.len());
    texts.for_each(|text| encode::str(out, text.as_ref()));
}

/// Appends a string, or nil.
pub(crate) fn str_or_nil(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => encode::str(out, text),
        None => encode::nil(out),
    }
}

/// Appends bytes, or nil.
pub(crate) fn bin_or_nil(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => encode::bin(out, bytes),
        None => encode::nil(out),
    }
}

/// Appends the decoded view of property bytes, `{}` when they do not decode.
pub(crate) fn decoded_or_empty(out: &mut Vec<u8>, properties: &[u8]) {
    if !properties::write_view(properties, out) {
        encode::map(out, 0);
    }
}

/// Appends the decoded view of property bytes, nil when they do not decode.
pub(crate) fn decoded_or_nil(out: &mut Vec<u8>, properties: &[u8]) {
    if !properties::write_view(properties, out) {
        encode::nil(out);
    }
}

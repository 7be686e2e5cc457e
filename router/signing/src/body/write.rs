//! Writing parameters in their canonical form.

use std::fmt::Debug;

use rmp::encode;

use super::{
    BodyError, NIL,
    fields::{Absent, Field, Shape},
    read::{Item, Reader},
};

pub(super) fn str(out: &mut Vec<u8>, text: &str) {
    written(encode::write_str(out, text));
}

pub(super) fn map(out: &mut Vec<u8>, pairs: usize) {
    written(encode::write_map_len(out, u32::try_from(pairs).unwrap_or(u32::MAX)));
}

fn written<T, E: Debug>(outcome: Result<T, E>) {
    outcome.expect("a Vec takes every write");
}

/// The parameters in their canonical order and form.
pub(super) fn params(
    fields: &[Field],
    params: Option<&[u8]>,
) -> Result<Vec<(&'static str, Vec<u8>)>, BodyError> {
    let mut given: Vec<Option<Vec<u8>>> = vec![None; fields.len()];
    if let Some(params) = params {
        let mut reader = Reader::new(params);
        let item = reader.item()?;
        let pairs = if let Item::Map(pairs) = item {
            pairs
        } else if matches!(item, Item::Nil) && fields.iter().all(Field::may_be_left_out) {
            0
        } else {
            return Err(BodyError::Type("params"));
        };
        for _ in 0..pairs {
            let name = reader.item()?.text().ok_or(BodyError::Type("params"))?;
            let unknown = || BodyError::Unknown(String::from_utf8_lossy(name).into_owned());
            let index = fields.iter().position(|field| field.name.as_bytes() == name).ok_or_else(unknown)?;
            if given[index].is_some() {
                return Err(BodyError::Repeated(fields[index].name));
            }
            given[index] = Some(value(&fields[index], &mut reader)?);
        }
    }
    let mut pairs = Vec::with_capacity(fields.len());
    for (field, given) in fields.iter().zip(given) {
        let value = match (given, field.absent) {
            (Some(value), Absent::LeftOut) if value == [NIL] => continue,
            (Some(value), _) => value,
            (None, Absent::Required) => return Err(BodyError::Missing(field.name)),
            (None, Absent::Nil) => vec![NIL],
            (None, Absent::Default(value)) => value.to_vec(),
            (None, Absent::LeftOut) => continue,
        };
        pairs.push((field.name, value));
    }
    Ok(pairs)
}

fn value(field: &Field, reader: &mut Reader<'_>) -> Result<Vec<u8>, BodyError> {
    let mut out = Vec::new();
    let item = reader.item()?;
    if let (Item::Nil, Absent::Nil | Absent::LeftOut) = (item, field.absent) {
        out.push(NIL);
    } else {
        shaped(field.shape, field.name, item, reader, &mut out)?;
    }
    Ok(out)
}

/// Appends one value of a shape, whose first item was read.
fn shaped(
    shape: &Shape,
    name: &'static str,
    item: Item<'_>,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), BodyError> {
    let wrong = BodyError::Type(name);
    match (shape, item) {
        (Shape::Str, Item::Str(bytes) | Item::Bin(bytes)) => {
            str(out, std::str::from_utf8(bytes).map_err(|_| wrong)?);
        }
        (Shape::Bytes, Item::Bin(bytes) | Item::Str(bytes)) => written(encode::write_bin(out, bytes)),
        (Shape::Bytes, Item::Array(count)) => {
            written(encode::write_bin(out, &reader.integers(count).ok_or(wrong)?));
        }
        (Shape::Uint, Item::Uint(value)) => {
            written(encode::write_uint(out, value));
        }
        (Shape::Uint32, Item::Uint(value)) if u32::try_from(value).is_ok() => {
            written(encode::write_uint(out, value));
        }
        (Shape::Bool, Item::Bool(value)) => written(encode::write_bool(out, value)),
        (Shape::Float64, item) => written(encode::write_f64(out, number(item).ok_or(wrong)?)),
        (Shape::Float32, Item::F32(value)) => written(encode::write_f32(out, value)),
        (Shape::Float32, item) => written(encode::write_f32(out, number(item).ok_or(wrong)? as f32)),
        (Shape::List(of), Item::Array(count)) => {
            written(encode::write_array_len(out, u32::try_from(count).unwrap_or(u32::MAX)));
            for _ in 0..count {
                let item = reader.item()?;
                shaped(of, name, item, reader, out)?;
            }
        }
        (Shape::Tuple(of), Item::Array(count)) if count == of.len() => {
            written(encode::write_array_len(out, u32::try_from(count).unwrap_or(u32::MAX)));
            for of in *of {
                let item = reader.item()?;
                shaped(of, name, item, reader, out)?;
            }
        }
        (Shape::Variant { unit, with_list }, item) => variant(unit, *with_list, name, item, reader, out)?,
        _ => return Err(wrong),
    }
    Ok(())
}

/// A variant without content is its name, also if it came as a map with nil; the other one is a map of its content.
fn variant(
    unit: &[&str],
    with_list: Option<(&'static str, &'static str)>,
    name: &'static str,
    item: Item<'_>,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), BodyError> {
    let wrong = BodyError::Type(name);
    let named = |item: Item<'_>| String::from_utf8(item.text()?.to_vec()).ok();
    let Item::Map(1) = item else {
        let text = named(item).filter(|text| unit.contains(&text.as_str())).ok_or(wrong)?;
        str(out, &text);
        return Ok(());
    };
    let text = reader.item().map(named)?.ok_or(wrong.clone())?;
    let content = reader.item()?;
    match (with_list, content) {
        (_, Item::Nil) if unit.contains(&text.as_str()) => str(out, &text),
        (Some((variant, list)), Item::Map(1)) if text == variant => {
            if reader.item().map(named)?.as_deref() != Some(list) {
                return Err(wrong);
            }
            map(out, 1);
            str(out, variant);
            map(out, 1);
            str(out, list);
            let item = reader.item()?;
            shaped(&Shape::List(&Shape::Str), name, item, reader, out)?;
        }
        _ => return Err(wrong),
    }
    Ok(())
}

fn number(item: Item<'_>) -> Option<f64> {
    match item {
        Item::F64(value) => Some(value),
        Item::F32(value) => Some(value.into()),
        Item::Uint(value) => Some(value as f64),
        Item::Int(value) => Some(value as f64),
        Item::Nil | Item::Bool(_) | Item::Str(_) | Item::Bin(_) | Item::Array(_) | Item::Map(_) => None,
    }
}

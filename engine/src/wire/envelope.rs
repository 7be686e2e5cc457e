//! The request map (wire.md section 2.1): who asks what of which graph, with the parameters still undecoded.

use std::fmt;

use epistemic_storage::view::token::{Reader, Token};
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};

use super::error::DecodeError;
use super::text::Text;
use super::value::{Value, invalid_type};

/// One request, borrowed from its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Returned with the answer.
    pub id: u64,
    /// Name of the graph, present even for operations that need none.
    pub graph: &'a str,
    /// Proof of the secret, see [`super::Authenticator`].
    pub auth_token: &'a str,
    /// Name of the operation, see [`super::Method::from_name`].
    pub method: &'a str,
    /// Bytes that start with the undecoded parameters; more may follow them.
    pub params: Option<&'a [u8]>,
    /// Who asks, if the caller says so.
    pub agent_id: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Finds the fields in the body of a frame, in one pass: parameters at the end of the map, where the clients
    /// put them, are not even passed over. Unknown fields and bytes after the map are ignored.
    ///
    /// # Errors
    /// The body is no map, a field is missing, repeated or of a wrong type, or the MessagePack is broken.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let token = reader.token()?;
        let Token::Map(pairs) = token else {
            return Err(invalid_type(token, &"struct Request"));
        };
        let (mut id, mut graph, mut auth_token, mut method) = (None, None, None, None);
        let (mut params, mut agent_id) = (None, None);
        for left in (0..pairs).rev() {
            match field(&mut reader)? {
                b"id" => set(&mut id, "id", &mut reader, read::<u64>)?,
                b"graph" => set(&mut graph, "graph", &mut reader, read::<Text<'a>>)?,
                b"auth_token" => set(&mut auth_token, "auth_token", &mut reader, read::<Text<'a>>)?,
                b"method" => set(&mut method, "method", &mut reader, read::<MethodName<'a>>)?,
                b"agent_id" => set(&mut agent_id, "agent_id", &mut reader, read::<Option<Text<'a>>>)?,
                b"params" if left == 0 => {
                    set(&mut params, "params", &mut reader, |reader| Ok(reader.rest()))?
                }
                b"params" => set(&mut params, "params", &mut reader, raw)?,
                _ => reader.skip(1)?,
            }
        }
        Ok(Self {
            id: id.ok_or_else(|| DecodeError::missing_field("id"))?,
            graph: graph.ok_or_else(|| DecodeError::missing_field("graph"))?.0,
            auth_token: auth_token.ok_or_else(|| DecodeError::missing_field("auth_token"))?.0,
            method: method.ok_or_else(|| DecodeError::missing_field("method"))?.0,
            params,
            agent_id: agent_id.flatten().map(|text| text.0),
        })
    }
}

/// The bytes of a field's name; empty for a scalar that is no string, which is no field's name.
fn field<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    match reader.token()? {
        Token::Str(name) | Token::Bin(name) => Ok(name),
        Token::Nil | Token::Bool(_) | Token::Uint(_) | Token::Int(_) | Token::Float(_) => Ok(b""),
        container @ (Token::Array(_) | Token::Map(_) | Token::Ext) => {
            Err(invalid_type(container, &"field identifier"))
        }
    }
}

fn set<'a, T>(
    field: &mut Option<T>,
    name: &'static str,
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<(), DecodeError> {
    if field.is_some() {
        return Err(DecodeError::duplicate_field(name));
    }
    *field = Some(read(reader)?);
    Ok(())
}

fn read<'a, T: Deserialize<'a>>(reader: &mut Reader<'a>) -> Result<T, DecodeError> {
    T::deserialize(Value::new(reader, 1))
}

fn raw<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let start = reader.position();
    reader.skip(1)?;
    Ok(reader.since(start))
}

/// A method's name: a string, or the key of a map `{"Ping": nil}`.
struct MethodName<'a>(&'a str);

impl<'de: 'a, 'a> Deserialize<'de> for MethodName<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Method", &[], MethodNameVisitor)
    }
}

struct MethodNameVisitor;

impl<'de> Visitor<'de> for MethodNameVisitor {
    type Value = MethodName<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("string or map")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        let (name, value) = access.variant::<Text<'de>>()?;
        value.unit_variant()?;
        Ok(MethodName(name.0))
    }
}

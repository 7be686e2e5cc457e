//! The request map (`docs/reference-protocol.md` section 2.1): who asks what of which graph, with the parameters still undecoded.

use std::fmt;

use epistemic_storage::properties::token::{Reader, Token};
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};

use super::error::DecodeError;
use super::response::ReplyTo;
use super::text::Text;
use super::value::{Value, invalid_type};

/// What the tokens of clients from 2.27 on begin with.
const CODED: [&str; 2] = [epistemic_signing::PREFIX, "anon1."];

/// One request, borrowed from its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Returned with the answer.
    pub id: u64,
    /// Name of the graph, present even for operations that need none.
    pub graph: &'a str,
    /// Proof of the secret, see [`super::TokenKey`].
    pub auth_token: &'a str,
    /// Name of the operation, see [`super::method_named`].
    pub method: &'a str,
    /// Bytes that start with the undecoded parameters; more may follow them.
    pub params: Option<&'a [u8]>,
    /// Who asks, if the caller says so.
    pub agent_id: Option<&'a str>,
    /// The answer is to have the form of clients before 2.27, whatever the token.
    pub plain: bool,
    /// The map has no other fields than these, and says who asks, be it with nil.
    pub exact: bool,
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
        let (mut params, mut agent_id, mut plain, mut known) = (None, None, None, true);
        for left in (0..pairs).rev() {
            match field(&mut reader)? {
                b"id" => set(&mut id, "id", &mut reader, read::<u64>)?,
                b"graph" => set(&mut graph, "graph", &mut reader, read::<Text<'a>>)?,
                b"auth_token" => set(&mut auth_token, "auth_token", &mut reader, read::<Text<'a>>)?,
                b"method" => set(&mut method, "method", &mut reader, read::<MethodName<'a>>)?,
                b"agent_id" => set(&mut agent_id, "agent_id", &mut reader, read::<Option<Text<'a>>>)?,
                b"plain" => set(&mut plain, "plain", &mut reader, read::<bool>)?,
                b"params" if left == 0 => {
                    set(&mut params, "params", &mut reader, |reader| Ok(reader.rest()))?
                }
                b"params" => set(&mut params, "params", &mut reader, raw)?,
                _ => {
                    known = false;
                    reader.skip(1)?;
                }
            }
        }
        Ok(Self {
            id: id.ok_or_else(|| DecodeError::missing_field("id"))?,
            graph: graph.ok_or_else(|| DecodeError::missing_field("graph"))?.0,
            auth_token: auth_token.ok_or_else(|| DecodeError::missing_field("auth_token"))?.0,
            method: method.ok_or_else(|| DecodeError::missing_field("method"))?.0,
            params,
            plain: plain.unwrap_or(false),
            exact: known && agent_id.is_some(),
            agent_id: agent_id.flatten().map(|text| text.0),
        })
    }

    /// Whom to answer. Clients from 2.27 on, which sign their requests, or send neither token nor identity and say so, get
    /// codes.
    pub fn reply_to(&self) -> ReplyTo {
        let anonymous = self.auth_token.is_empty() && self.exact && self.agent_id.is_none();
        let coded = anonymous || CODED.iter().any(|prefix| self.auth_token.starts_with(prefix));
        ReplyTo { id: self.id, coded: coded && !self.plain }
    }
}

/// What stands in a request before its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// As in [`Envelope`].
    pub id: u64,
    /// As in [`Envelope`].
    pub auth_token: &'a str,
}

/// Id and token of a request, if they stand before its parameters. Nothing from there on is looked at, nor behind a container
/// or a field that is not known.
pub fn before_params(body: &[u8]) -> Option<Head<'_>> {
    let mut reader = Reader::new(body);
    let Token::Map(pairs) = reader.token().ok()? else { return None };
    let (mut id, mut auth_token) = (None, None);
    for _ in 0..pairs {
        match field(&mut reader).ok()? {
            b"id" => id = Some(read::<u64>(&mut reader).ok()?),
            b"auth_token" => auth_token = Some(read::<Text<'_>>(&mut reader).ok()?.0),
            b"graph" | b"method" | b"agent_id" => {
                if let Token::Array(_) | Token::Map(_) | Token::Ext = reader.token().ok()? {
                    return None;
                }
            }
            _ => break,
        }
        if let (Some(id), Some(auth_token)) = (id, auth_token) {
            return Some(Head { id, auth_token });
        }
    }
    None
}

/// The id in a body that is no request, so that its sender learns which of its requests is answered; 0 when it cannot
/// be found.
pub fn id_of(body: &[u8]) -> u64 {
    let find = || -> Result<Option<u64>, DecodeError> {
        let mut reader = Reader::new(body);
        let Token::Map(pairs) = reader.token()? else { return Ok(None) };
        for _ in 0..pairs {
            if field(&mut reader)? == b"id" {
                return read::<u64>(&mut reader).map(Some);
            }
            reader.skip(1)?;
        }
        Ok(None)
    };
    find().ok().flatten().unwrap_or(0)
}

/// The bytes of a field's name; empty for a scalar that is no string, which is no field's name.
pub(super) fn field<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
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

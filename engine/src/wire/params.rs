//! Decoding of parameters. Each operation's are a struct in the file of its handler; those that several operations have are
//! here. Strings borrow from the frame, bytes too unless they came as a list of integers.
//!
//! The order of fields is the order in which missing ones are reported. Unknown parameters are ignored, repeated
//! ones are errors.

use epistemic_storage::properties::token::{Reader, Token};
use serde::Deserialize;
use serde::de::Error;

use super::error::DecodeError;
use super::method::Method;
use super::text::{text, texts};
use super::value::{Value, invalid_type};

/// What an operation takes.
pub trait Params<'a>: Sized {
    /// Decodes the parameters of `method`; `raw` is [`super::Envelope::params`].
    ///
    /// # Errors
    /// They do not fit.
    fn decode(method: Method, raw: Option<&'a [u8]>) -> Result<Self, DecodeError>;
}

/// A map of parameters.
impl<'a, T: Deserialize<'a>> Params<'a> for T {
    fn decode(method: Method, raw: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        let raw = raw.ok_or_else(|| DecodeError::missing_field("params"))?;
        let mut reader = Reader::new(raw);
        let token = Reader::new(raw).token()?;
        if let Token::Map(_) = token {
            return T::deserialize(Value::new(&mut reader, 1));
        }
        Err(invalid_type(token, &format!("struct variant Method::{method}").as_str()))
    }
}

/// None: absent, nil or an empty map.
#[derive(Debug)]
pub struct NoParams;

impl<'a> Params<'a> for NoParams {
    fn decode(method: Method, raw: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        match raw.map(|raw| Reader::new(raw).token()).transpose()? {
            None | Some(Token::Nil | Token::Map(0)) => Ok(Self),
            Some(other) => Err(invalid_type(other, &format!("unit variant Method::{method}").as_str())),
        }
    }
}

/// Parameters that may be left out, all of them.
#[derive(Debug)]
pub struct OrNone<T>(pub T);

impl<'a, T: Default + Deserialize<'a>> Params<'a> for OrNone<T> {
    fn decode(method: Method, raw: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        match NoParams::decode(method, raw) {
            Ok(NoParams) => Ok(Self(T::default())),
            Err(_) => T::decode(method, raw).map(Self),
        }
    }
}

/// Those that the handler decodes itself.
#[derive(Debug)]
pub struct Undecoded;

impl<'a> Params<'a> for Undecoded {
    fn decode(_: Method, _: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

/// One node.
#[derive(Debug, Deserialize)]
pub struct NodeId<'a> {
    /// Its id.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
}

/// Several nodes.
#[derive(Debug, Deserialize)]
pub struct NodeIds<'a> {
    /// Ids in the order of the request, repeats kept.
    #[serde(borrow, deserialize_with = "texts")]
    pub node_ids: Vec<&'a str>,
}

/// Two nodes, with or without an edge between them.
#[derive(Debug, Deserialize)]
pub struct EdgeEnds<'a> {
    /// Where the edge starts.
    #[serde(borrow, deserialize_with = "text")]
    pub source_id: &'a str,
    /// Where it ends.
    #[serde(borrow, deserialize_with = "text")]
    pub target_id: &'a str,
}

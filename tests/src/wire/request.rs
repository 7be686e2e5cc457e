//! One request and one answer, as frame bodies.

use super::{Value, WireError, field, pack, token, unpack};

/// A request as a list of envelope fields, each of which may be changed or left out before it is sent.
#[derive(Debug, Clone)]
pub struct Request {
    fields: Vec<(Value, Value)>,
}

impl Request {
    /// A complete request with a valid token.
    pub fn new(id: u64, secret: &str, graph: &str, method: &str, params: Option<Value>) -> Request {
        let mut request = Request { fields: Vec::new() }
            .with("id", id)
            .with("graph", graph)
            .with("auth_token", token(secret, id))
            .with("method", method);
        if let Some(params) = params {
            request = request.with("params", params);
        }
        request
    }

    /// Its id; 0 when it has none.
    pub fn id(&self) -> u64 {
        let id = self.fields.iter().find(|(key, _)| key.as_str() == Some("id"));
        id.and_then(|(_, id)| id.as_u64()).unwrap_or(0)
    }

    /// Sets a field; a field that is already there keeps its place.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Request {
        let value = value.into();
        match self.fields.iter_mut().find(|(key, _)| key.as_str() == Some(name)) {
            Some(slot) => slot.1 = value,
            None => self.fields.push((name.into(), value)),
        }
        self
    }

    /// Leaves a field out.
    pub fn without(mut self, name: &str) -> Request {
        self.fields.retain(|(key, _)| key.as_str() != Some(name));
        self
    }

    /// Adds a field even if its name is there already, which the protocol forbids.
    pub fn with_repeated(mut self, name: &str, value: impl Into<Value>) -> Request {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The frame's body: the request as MessagePack, without a length.
    pub fn body(&self) -> Vec<u8> {
        pack(&Value::Map(self.fields.clone()))
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The `id` in the answer, 0 when the server could not find the request's.
    pub id: u64,
    /// The result, or the error text.
    pub outcome: Result<Value, String>,
}

impl Response {
    /// Decodes a frame's body, demanding exactly one of `result` and `error`.
    pub fn decode(body: &[u8]) -> Result<Response, WireError> {
        let value = unpack(body)?;
        let bad = || WireError::Protocol(format!("{value}"));
        let id = field(&value, "id").and_then(Value::as_u64).ok_or_else(bad)?;
        let outcome = match (field(&value, "result"), field(&value, "error")) {
            (Some(result), None) => Ok(result.clone()),
            (None, Some(Value::String(text))) => Err(text.as_str().ok_or_else(bad)?.to_owned()),
            _ => return Err(bad()),
        };
        Ok(Response { id, outcome })
    }
}

//! A request as bytes.

use rmp_serde::Serializer;
use serde::Serialize;

use crate::error::CallError;
use crate::signer::Signer;

/// The envelope. Parameters that serialise to nil are what the protocol calls "no parameters".
#[derive(Serialize)]
pub(super) struct Request<'a, P: ?Sized> {
    pub(super) id: u64,
    pub(super) graph: &'a str,
    pub(super) auth_token: &'a str,
    pub(super) method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agent_id: Option<&'a str>,
    /// The answer is to have the form of requests that are not signed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) plain: bool,
    pub(super) params: &'a P,
}

impl<P: Serialize + ?Sized> Request<'_, P> {
    /// The whole frame, length prefix included.
    pub(super) fn encode(&self) -> Result<Vec<u8>, CallError> {
        let mut frame = vec![0; 4];
        self.serialize(&mut Serializer::new(&mut frame).with_struct_map())
            .map_err(|error| self.params_error(&error.to_string()))?;
        self.with_length(frame)
    }

    /// The whole frame, signed, for this endpoint.
    pub(super) fn sign(&self, signer: &Signer, endpoint: &str) -> Result<Vec<u8>, CallError> {
        let mut params = Vec::new();
        self.params
            .serialize(&mut Serializer::new(&mut params).with_struct_map())
            .map_err(|error| self.params_error(&error.to_string()))?;
        let agent_id = signer.agent_id(self.agent_id);
        let token = signer
            .token(endpoint, self.id, self.graph, self.method, agent_id, &params)
            .map_err(|error| self.params_error(&error.to_string()))?;
        let Self { id, graph, method, .. } = *self;
        let request = Request {
            id,
            graph,
            auth_token: &token,
            method,
            agent_id: Some(agent_id),
            plain: true,
            params: &(),
        };
        let mut frame = vec![0; 4];
        request
            .serialize(&mut Serializer::new(&mut frame).with_struct_map())
            .map_err(|error| self.params_error(&error.to_string()))?;
        // The parameters, which come last, are there as nil.
        frame.pop();
        frame.extend_from_slice(&params);
        self.with_length(frame)
    }

    fn params_error(&self, reason: &str) -> CallError {
        CallError::Params { method: self.method.to_owned(), reason: reason.to_owned() }
    }

    fn with_length(&self, mut frame: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let length = frame.len() - 4;
        let prefix = u32::try_from(length)
            .map_err(|_| CallError::RequestTooLarge { method: self.method.to_owned(), length })?;
        frame[..4].copy_from_slice(&prefix.to_be_bytes());
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use rmpv::Value;

    use super::*;
    use crate::client::Bin;

    #[derive(Serialize)]
    struct AddNode<'a> {
        node_id: &'a str,
        properties_msgpack: Bin<'a>,
    }

    #[test]
    fn structs_are_maps_and_bytes_are_bins() {
        let params = AddNode { node_id: "n", properties_msgpack: Bin(&[0x80]) };
        let request = Request {
            id: 7,
            graph: "g",
            auth_token: "t",
            method: "AddNode",
            agent_id: Some("a"),
            plain: false,
            params: &params,
        };
        let frame = request.encode().unwrap();
        assert_eq!(frame[..4], u32::try_from(frame.len() - 4).unwrap().to_be_bytes());
        let pair = |key: &str, value| (Value::from(key), value);
        let params = vec![pair("node_id", "n".into()), pair("properties_msgpack", Value::Binary(vec![0x80]))];
        let expected = Value::Map(vec![
            pair("id", 7.into()),
            pair("graph", "g".into()),
            pair("auth_token", "t".into()),
            pair("method", "AddNode".into()),
            pair("agent_id", "a".into()),
            pair("params", Value::Map(params)),
        ]);
        assert_eq!(rmpv::decode::read_value(&mut &frame[4..]).unwrap(), expected);
    }

    #[test]
    fn no_parameters_are_nil_and_no_identity_is_absent() {
        let request = Request {
            id: 1,
            graph: "",
            auth_token: "",
            method: "Ping",
            agent_id: None,
            plain: false,
            params: &(),
        };
        let value = rmpv::decode::read_value(&mut &request.encode().unwrap()[4..]).unwrap();
        assert_eq!(value.as_map().unwrap().len(), 5);
        assert!(value["params"].is_nil());
    }
}

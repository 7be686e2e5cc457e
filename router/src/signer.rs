//! Requests that are signed: the token covers all of a request and is used once.

use std::time::SystemTime;

use epistemic_protocol::ConfigError;
use epistemic_signing::{BodyError, BodyHash, Context, Key, Request, Token};

/// Variable with the claims that requests are signed with, the JSON object that the published command line tool takes.
/// Without it a client that has an agent_id signs as that where the server takes it, and requests of others carry a token over their id
/// ([`MinAuth`](crate::MinAuth)).
pub const CONTEXT_VAR: &str = "EPISTEMIC_GRAPH_REQUEST_CONTEXT_JSON";

/// As `node` of the claims: the endpoint that the request goes to, which a server of that `--node-id` takes and no other does.
const ENDPOINT: &str = "{endpoint}";

/// A secret and the claims of who uses it, for those who make frames themselves; a [`Client`](crate::Client) has its own.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Key,
    context: Context,
}

impl Signer {
    pub(crate) fn new(secret: &str, context: Context) -> Self {
        Self { key: Key::new(secret), context }
    }

    /// For who has a name and no claims of a deployment: servers that expect some refuse it.
    pub(crate) fn of(key: Key, principal: &str) -> Self {
        const ANY: &str = "epistemic-graph";
        let context = Context {
            principal: principal.to_owned(),
            tenant: ANY.to_owned(),
            audience: ANY.to_owned(),
            agent_id: principal.to_owned(),
            roles: Vec::new(),
            scopes: vec!["kg:admin".to_owned()],
            policy_version: "1".to_owned(),
            delegation: Vec::new(),
            node: None,
            priority: None,
        };
        Self { key, context }
    }

    /// The claims in [`CONTEXT_VAR`], if it is set.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] when they do not fit together.
    pub(crate) fn context_from_env() -> Result<Option<Context>, ConfigError> {
        let Some(text) = std::env::var(CONTEXT_VAR).ok().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let refuse = |text, reason| ConfigError::Setting { name: CONTEXT_VAR, text, reason };
        let Ok(context) = serde_json::from_str::<Context>(&text) else {
            return Err(refuse(text, "it is no JSON object of the claims of a request"));
        };
        if context.check().is_err() {
            return Err(refuse(
                text,
                "its claims are blank, repeated, or do not lead from principal to agent_id",
            ));
        }
        Ok(Some(context))
    }

    /// Who acts when `agent_id` is given or not: the agent of the claims, or whom the principal delegates to.
    pub(crate) fn agent_id<'a>(&'a self, agent_id: Option<&'a str>) -> &'a str {
        agent_id.unwrap_or(&self.context.agent_id)
    }

    /// The token of a request to `endpoint` with these parameters, which are one MessagePack value.
    ///
    /// # Errors
    /// They are not those of the method.
    pub fn token(
        &self,
        endpoint: &str,
        id: u64,
        graph: &str,
        method: &str,
        agent_id: &str,
        params: &[u8],
    ) -> Result<String, BodyError> {
        let body = BodyHash::of(method, Some(params))?;
        let mut context = self.context.clone();
        if context.node.as_deref() == Some(ENDPOINT) {
            context.node = Some(endpoint.to_owned());
        }
        if agent_id != context.agent_id {
            context.delegation = match context.principal == agent_id {
                true => Vec::new(),
                false => vec![context.principal.clone(), agent_id.to_owned()],
            };
            context.agent_id = agent_id.to_owned();
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let nonce = hex::encode(rand::random::<[u8; 24]>());
        let request = Request { id, graph, method, body };
        Ok(Token::sign(&self.key, &request, context, now, nonce, None).encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Context {
            principal: "p".into(),
            tenant: "t".into(),
            audience: "a".into(),
            agent_id: "p".into(),
            roles: Vec::new(),
            scopes: texts(&["kg:admin"]),
            policy_version: "1".into(),
            delegation: Vec::new(),
            node: None,
            priority: None,
        }
    }

    #[test]
    fn each_token_is_of_its_request_with_claims_that_fit() {
        let signer = Signer::new("s", context());
        let params = b"\x81\xa7node_id\xa1n";
        let body = BodyHash::of("HasNode", Some(params)).unwrap();
        let mut nonces = Vec::new();
        for (agent, delegation) in [("p", 0), ("q", 2), ("p", 0)] {
            let text = signer.token("tcp://h:1", 7, "g", "HasNode", agent, params).unwrap();
            let token = Token::parse(&text).unwrap();
            assert!(token.is_signed(&Key::new("s"), &Request { id: 7, graph: "g", method: "HasNode", body }));
            assert_eq!(token.context.check(), Ok(()));
            assert_eq!((&*token.context.agent_id, token.context.delegation.len()), (agent, delegation));
            nonces.push(token.nonce);
        }
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), 3);
        assert!(signer.token("tcp://h:1", 7, "g", "HasNode", "p", b"\x80").is_err());
    }

    #[test]
    fn a_name_alone_has_claims_that_fit() {
        let signer = Signer::of(Key::new("s"), "acme");
        let token = Token::parse(&signer.token("tcp://h:1", 7, "g", "NodeCount", "acme", b"\xc0").unwrap());
        let context = token.unwrap().context;
        assert_eq!((context.check(), &*context.principal, &*context.agent_id), (Ok(()), "acme", "acme"));
    }

    #[test]
    fn the_server_may_be_named_by_its_endpoint() {
        for (node, named) in [(None, None), (Some("n"), Some("n")), (Some("{endpoint}"), Some("tcp://h:1"))] {
            let signer = Signer::new("s", Context { node: node.map(str::to_owned), ..context() });
            let text = signer.token("tcp://h:1", 7, "g", "NodeCount", "p", b"\xc0").unwrap();
            assert_eq!(Token::parse(&text).unwrap().context.node.as_deref(), named);
        }
    }
}

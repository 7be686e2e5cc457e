//! Signed tokens.

use std::sync::OnceLock;

use epistemic_signing::{BodyHash, Context, Key, Request, Token};

const SECRET: &str = "a secret of the fuzzer";
const PARAMS: &[u8] = b"\x81\xa7node_id\xa1a";

/// The request that tokens are for.
fn request() -> Request<'static> {
    let body = BodyHash::of("HasNode", Some(PARAMS));
    Request { id: 7, graph: "g", method: "HasNode", body: body.unwrap_or_else(|error| panic!("{error}")) }
}

/// The one token that was signed for it.
pub fn signed() -> &'static Token {
    static SIGNED: OnceLock<Token> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let context = Context {
            principal: "acme".to_owned(),
            tenant: "acme".to_owned(),
            audience: "tcp://shard-1:9101".to_owned(),
            agent_id: "agent-1".to_owned(),
            roles: vec!["writer".to_owned()],
            scopes: vec!["graph:read".to_owned(), "graph:write".to_owned()],
            policy_version: "1".to_owned(),
            delegation: vec!["acme".to_owned(), "agent-1".to_owned()],
            node: None,
            priority: Some("low".to_owned()),
        };
        let nonce = "0123456789abcdef0123456789abcdef".to_owned();
        Token::sign(&Key::new(SECRET), &request(), context, 1_795_471_275, nonce, None)
    })
}

/// A token, which is right for the request only if it says what the one says that was signed; and parameters in their signed
/// form.
pub fn token(data: &[u8]) -> bool {
    let _ = BodyHash::of("AddNode", Some(data));
    let Some(token) = std::str::from_utf8(data).ok().and_then(|text| Token::parse(text).ok()) else {
        return false;
    };
    let _ = token.context.check();
    if token.is_signed(&Key::new(SECRET), &request()) {
        // This one is not signed.
        let mut genuine = signed().clone();
        genuine.oidc_token.clone_from(&token.oidc_token);
        assert_eq!(token, genuine, "forged");
    }
    let encoded = token.encode();
    assert_eq!(Token::parse(&encoded).as_ref(), Ok(&token), "read again");
    true
}

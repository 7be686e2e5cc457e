//! Requests that the published client signed, and what is signed of requests that it did not send.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use epistemic_signing::{BodyHash, Context, Key, PREFIX, Request, Token, body};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    secret: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    id: u64,
    graph: String,
    method: String,
    params_hex: Option<String>,
    context: serde_json::Value,
    timestamp: u64,
    nonce: String,
    idempotency_key: String,
    body_hex: String,
    mac: String,
    token_json: Option<String>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("fixtures/client-2.27.7.json")).unwrap()
}

impl Vector {
    fn params(&self) -> Option<Vec<u8>> {
        self.params_hex.as_ref().map(|digits| hex::decode(digits).unwrap())
    }

    /// The claims, and the token of an identity provider that the caller keeps among them.
    fn context(&self) -> (Context, Option<String>) {
        let mut claims = self.context.clone();
        let oidc = claims.as_object_mut().unwrap().remove("oidc_token");
        let mut context: Context = serde_json::from_value(claims).unwrap();
        context.priority = context.priority.map(|priority| priority.trim().to_owned());
        (context, oidc.map(|token| token.as_str().unwrap().trim().to_owned()))
    }
}

#[test]
fn tokens_are_those_of_the_published_client() {
    let Golden { secret, vectors } = golden();
    let key = Key::new(&secret);
    assert_eq!(vectors.len(), 60);
    for vector in &vectors {
        let name = &vector.name;
        let params = vector.params();
        let canonical = body::canonical(&vector.method, params.as_deref()).unwrap();
        assert_eq!(hex::encode(canonical), vector.body_hex, "{name}");
        let body = BodyHash::of(&vector.method, params.as_deref()).unwrap();
        let request = Request { id: vector.id, graph: &vector.graph, method: &vector.method, body };
        let own_key = Some(vector.idempotency_key.clone()).filter(|key| !key.starts_with("rpc:"));
        let (mut context, oidc) = vector.context();
        if let Some(json) = &vector.token_json {
            // The node of a connection is no claim of its caller.
            let token: serde_json::Value = serde_json::from_str(json).unwrap();
            context = serde_json::from_value(token["context"].clone()).unwrap();
        }
        let mut token = Token::sign(&key, &request, context, vector.timestamp, vector.nonce.clone(), own_key);
        token.oidc_token = oidc;
        let encoded = token.encode();
        let json = String::from_utf8(hex::decode(&encoded[PREFIX.len()..]).unwrap()).unwrap();
        if name != "node_of_connection" {
            assert!(json.contains(&vector.mac), "{name}: {json}");
        }
        if let Some(expected) = &vector.token_json {
            assert_eq!(&json, expected, "{name}");
        }
        let read = Token::parse(&encoded).unwrap();
        assert_eq!((&read, read.context.check()), (&token, Ok(())), "{name}");
        assert_eq!(read.idempotency_key, vector.idempotency_key, "{name}");
        assert!(read.is_signed(&key, &request), "{name}");
        assert!(!read.is_signed(&Key::new("other"), &request), "{name}");
        for wrong in [
            Request { id: vector.id ^ 1, ..request },
            Request { graph: "other", ..request },
            Request { method: "Other", ..request },
            Request { body: BodyHash::of("Other", None).unwrap(), ..request },
        ] {
            assert!(!read.is_signed(&key, &wrong), "{name}: {wrong:?}");
        }
    }
}

#[test]
fn what_is_not_signed_has_no_body() {
    for (method, params, error) in [
        ("HasNode", None, "missing parameter `node_id`"),
        ("HasNode", Some(&b"\x80"[..]), "missing parameter `node_id`"),
        ("HasNode", Some(b"\x81\xa7node_id\x05"), "node_id: a value of a wrong type"),
        ("HasNode", Some(b"\x82\xa7node_id\xa1a\xa1x\x05"), "unknown parameter `x`"),
        ("HasNode", Some(b"\x82\xa7node_id\xa1a\xa7node_id\xa1a"), "repeated parameter `node_id`"),
        ("HasNode", Some(b"\x81\xa7node_id\xa5a"), "broken MessagePack"),
        ("Ping", Some(b"\x81\xa1x\x05"), "unknown parameter `x`"),
        ("GetSubgraph", Some(b"\x81\xa8node_ids\xdd\xff\xff\xff\xff"), "broken MessagePack"),
        (
            "AddNode",
            Some(b"\x81\xb2properties_msgpack\xdd\xff\xff\xff\xff"),
            "properties_msgpack: a value of a wrong type",
        ),
    ] {
        let found = BodyHash::of(method, params).unwrap_err();
        assert_eq!(found.to_string(), error, "{method}");
    }
}

#[test]
fn additions_are_signed_and_missing_ones_change_nothing() {
    let plain = body::canonical("Fork", None).unwrap();
    assert_eq!(plain, b"\x81\xa6method\xa4Fork");
    assert_eq!(body::canonical("Fork", Some(b"\xc0")).unwrap(), plain);
    let copy = b"\x81\xaagraph_name\xa1c";
    assert_eq!(
        body::canonical("Fork", Some(copy)).unwrap(),
        [b"\x82\xa6method\xa4Fork\xa6params", &copy[..]].concat()
    );
    let wide = b"\x81\xa6cursor\xcd\x00\x01";
    let ours = [b"\x82\xa6method\xacSnapshotRead\xa6params", &wide[..]].concat();
    assert_eq!(body::canonical("SnapshotRead", Some(wide)).unwrap(), ours, "as it is on the wire");
}

#[test]
fn tokens_of_another_form_are_none() {
    let good = golden().vectors[0].token_json.clone().unwrap();
    let token = |json: &str| Token::parse(&format!("{PREFIX}{}", hex::encode(json)));
    assert!(token(&good).is_ok() && token(&format!(" {good}\n")).is_ok());
    for json in [
        good.replace("\"nonce\"", "\"once\""),
        good.replace("\"roles\"", "\"rolls\""),
        good.replace("{\"context\"", "{\"more\":1,\"context\""),
        good.replace("\"timestamp\":", "\"timestamp\":-"),
        good.replace("\"timestamp\":1767225600", "\"timestamp\":\"1767225600\""),
        good.replace("\"timestamp\":", "\"nonce\":\"x\",\"timestamp\":"),
        format!("{good}x"),
        good.replace("\"planner\"", &"x".repeat(40 << 10)) + &" ".repeat(40 << 10),
    ] {
        assert!(token(&json).is_err(), "{json:.300}");
    }
    for text in ["", "eg2.", "eg2.7", "eg2.zz", "EG2.7b7d"] {
        assert!(Token::parse(text).is_err(), "{text}");
    }
}

#[test]
fn claims_say_something_once_and_delegation_runs_to_the_agent() {
    let (context, _) = golden().vectors[0].context();
    let of = |change: &dyn Fn(&mut Context)| {
        let mut context = context.clone();
        change(&mut context);
        context.check().map_err(|error| error.to_string())
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(of(&|_| {}), Ok(()));
    assert_eq!(of(&|context| context.roles.clear()), Ok(()));
    for (change, error) in [
        (&(|context: &mut Context| context.tenant = " ".into()) as &dyn Fn(&mut Context), "tenant is blank"),
        (&|context| context.node = Some(String::new()), "node is blank"),
        (&|context| context.roles = texts(&[""]), "roles is blank"),
        (&|context| context.scopes = texts(&["a", "b", "a"]), "an entry of scopes is there twice"),
        (
            &|context| context.agent_id = "bob".into(),
            "delegation does not run from the principal to the agent",
        ),
        (
            &|context| context.delegation = texts(&["x"]),
            "delegation does not run from the principal to the agent",
        ),
    ] {
        assert_eq!(of(change), Err(error.to_owned()));
    }
    let delegated = |context: &mut Context| {
        context.delegation = vec![context.principal.clone(), "via".into(), "bob".into()];
        context.agent_id = "bob".into();
    };
    assert_eq!(of(&delegated), Ok(()));
}

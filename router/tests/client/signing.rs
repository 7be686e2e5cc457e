//! When requests are signed, and that nobody talks a client out of it.

use std::sync::Arc;

use epistemic_router::{Client, ConnectOptions, ErrorCode, MinAuth, Secret};
use parking_lot::Mutex;

use crate::support::{Reply, SECRET, Shard, ok};

/// The tokens that a server got: `true` for those of a request as a whole.
type Tokens = Arc<Mutex<Vec<(String, bool)>>>;

/// A server that takes signed requests, or only the others.
async fn shard(signed: bool) -> (Shard, Tokens) {
    let tokens = Tokens::default();
    let seen = Arc::clone(&tokens);
    let shard = Shard::start(move |method, request| {
        let is_signed = request["auth_token"].as_str().unwrap().starts_with("eg2.");
        seen.lock().push((method.to_owned(), is_signed));
        if is_signed == signed { ok() } else { Reply::Error("Authentication failed".to_owned()) }
    })
    .await;
    (shard, tokens)
}

async fn client(shard: &Shard, agent: Option<&str>, min_auth: MinAuth, secret: &str) -> Client {
    let agent_id = agent.map(str::to_owned);
    let options = ConnectOptions { agent_id, min_auth, ..ConnectOptions::default() };
    Client::connect(&shard.endpoint(), &Secret::new(secret), options).await.unwrap()
}

fn told(tokens: &Tokens) -> Vec<(String, bool)> {
    std::mem::take(&mut tokens.lock())
}

#[tokio::test]
async fn who_has_a_name_signs_where_the_server_takes_it() {
    let (shard, tokens) = shard(true).await;
    let client = client(&shard, Some("acme"), MinAuth::ById, SECRET).await;
    // Calls that begin together wait for one question.
    let calls = tokio::join!(client.call("g", "NodeCount", &()), client.call("g", "EdgeCount", &()));
    assert!(calls.0.is_ok() && calls.1.is_ok(), "{calls:?}");
    let told = told(&tokens);
    assert_eq!(told.iter().filter(|(method, _)| method == "Ping").count(), 1, "{told:?}");
    assert!(told.len() == 3 && told.iter().all(|(_, signed)| *signed), "{told:?}");
}

#[tokio::test]
async fn a_server_that_does_not_take_it_gets_the_other_token_unless_that_is_too_weak() {
    let (shard, tokens) = shard(false).await;
    let weak = client(&shard, Some("acme"), MinAuth::ById, SECRET).await;
    weak.call("g", "NodeCount", &()).await.unwrap();
    weak.call("g", "NodeCount", &()).await.unwrap();
    let expected = [("Ping", true), ("NodeCount", false), ("NodeCount", false)];
    assert_eq!(told(&tokens), expected.map(|(method, signed)| (method.to_owned(), signed)));
    for agent in [Some("acme"), None] {
        let strict = client(&shard, agent, MinAuth::Signed, SECRET).await;
        for _ in 0..2 {
            let error = strict.call("g", "NodeCount", &()).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::AuthenticationFailed, "{error}");
        }
        let told = told(&tokens);
        assert!(told.len() == 2 && told.iter().all(|(_, signed)| *signed), "{told:?}");
    }
}

/// By signing he would get a name, and his graphs an owner.
#[tokio::test]
async fn who_has_no_name_signs_only_if_he_must() {
    let (shard, tokens) = shard(true).await;
    let nameless = client(&shard, None, MinAuth::ById, SECRET).await;
    assert!(nameless.call("g", "NodeCount", &()).await.is_err());
    assert_eq!(told(&tokens), [("NodeCount".to_owned(), false)]);
    client(&shard, None, MinAuth::Signed, SECRET).await.call("g", "NodeCount", &()).await.unwrap();
    assert_eq!(told(&tokens), [("NodeCount".to_owned(), true)]);
    // Without anything to sign with nothing is sent.
    let empty = client(&shard, Some("acme"), MinAuth::Signed, "").await;
    let error = empty.call("g", "NodeCount", &()).await.unwrap_err();
    assert!(
        error.code() == ErrorCode::NotSent && error.to_string().contains("EPISTEMIC_GRAPH_MIN_AUTH"),
        "{error}"
    );
    assert!(told(&tokens).is_empty());
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let (shard, tokens) = shard(false).await;
    let options =
        ConnectOptions { agent_id: Some("acme".to_owned()), sign: false, ..ConnectOptions::default() };
    let client = Client::connect(&shard.endpoint(), &Secret::new(SECRET), options).await.unwrap();
    client.call("g", "NodeCount", &()).await.unwrap();
    assert_eq!(told(&tokens), [("NodeCount".to_owned(), false)]);
}

/// What is wrong beside the token is told by the call.
#[tokio::test]
async fn another_error_than_of_the_token_ends_the_call_and_the_next_one_asks_again() {
    let shard = Shard::start(|method, _| match method {
        "Ping" => Reply::Error("BUSY: later".to_owned()),
        _ => ok(),
    })
    .await;
    let client = client(&shard, Some("acme"), MinAuth::ById, SECRET).await;
    for count in 1..3 {
        let error = client.call("g", "NodeCount", &()).await.unwrap_err();
        assert_eq!((error.code(), shard.count("Ping")), (ErrorCode::Busy, count));
    }
}

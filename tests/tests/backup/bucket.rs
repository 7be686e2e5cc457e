//! Backups in an S3-compatible server.

use anyhow::{Context, Result};
use epistemic_tests::ports::free_loopback_addr;
use epistemic_tests::proxy::{Fault, Proxy};
use epistemic_tests::s3::S3Server;

use super::{GRAPH, Shard, done, fails, json, runs};

const URL: &str = "s3://backups/tier/shard 1";

fn env(shard: &Shard, addr: std::net::SocketAddr) -> Vec<(String, String)> {
    [shard.env.clone(), S3Server::env(addr)].concat()
}

#[test]
fn a_bucket_keeps_a_chain_with_objects_of_many_parts_and_is_thinned_out() -> Result<()> {
    let (s3, mut shard) = (S3Server::start()?, Shard::start()?);
    let env = env(&shard, s3.addr());
    let create = ["backup", "create", "--to", URL, "--endpoint", &shard.endpoint.clone()];
    // Two parts and some: what cannot be compressed.
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    for number in 0..34 {
        let properties: Vec<u8> = (0..1 << 20).map(|_| byte()).collect();
        shard.client.add_node(GRAPH, &format!("large {number}"), &properties)?;
    }
    assert_eq!(done(&json(&env, &create)?)?, "full");
    shard.add(0, 3)?;
    assert_eq!(done(&json(&env, &create)?)?, "increment");
    let state = shard.digest(GRAPH)?;
    let verified = json(&env, &["backup", "verify", "--from", URL])?;
    assert_eq!(verified["damage"], serde_json::json!([]), "{verified}");
    let args =
        ["backup", "restore", "--from", URL, "--graph", GRAPH, "--as", "copy", "--endpoint", &shard.endpoint];
    json(&env, &args)?;
    assert_eq!(shard.digest("copy")?, state);

    let pruned = json(&env, &["backup", "prune", "--from", URL, "--keep-last", "1"])?;
    assert_eq!((&pruned["objects"], pruned["removed"].as_array().map(Vec::len)), (&0.into(), Some(1)));
    json(&env, &[&create[..], &["--full"]].concat())?;
    let pruned = json(&env, &["backup", "prune", "--from", URL, "--keep-last", "1"])?;
    assert_eq!(pruned["kept"].as_array().context("kept")?, &runs(&env, URL)?);
    json(&env, &["backup", "verify", "--from", URL])?;
    Ok(())
}

#[test]
fn requests_that_fail_are_repeated_and_a_run_is_whole_or_invisible() -> Result<()> {
    let (s3, mut shard) = (S3Server::start()?, Shard::start()?);
    let proxy = Proxy::before(s3.addr())?;
    let (direct, proxied) = (env(&shard, s3.addr()), env(&shard, proxy.addr()));
    let create = ["backup", "create", "--to", URL, "--endpoint", &shard.endpoint.clone()];
    json(&direct, &create)?;
    let faults = [Fault::Cut, Fault::Unavailable, Fault::Lost];
    let mut failed = 0;
    for request in 0.. {
        shard.add(request, 1)?;
        proxy.set(faults[request % faults.len()], request);
        let before = runs(&direct, URL)?.len();
        let output = super::egctl(&proxied, &create)?;
        let unmet = proxy.clear();
        let seen = runs(&direct, URL)?.len();
        assert_eq!(seen, before + usize::from(output.status.success()), "request {request}");
        if !output.status.success() {
            failed += 1;
            assert_eq!(done(&json(&direct, &create)?)?, "increment", "request {request}");
        }
        // With few manifests a run has few requests, so that the loop ends.
        json(&direct, &["backup", "prune", "--from", URL, "--keep-last", "1"])?;
        if unmet {
            assert!(request > 5, "a run has more requests");
            break;
        }
    }
    eprintln!("{failed} runs failed");
    let verified = json(&direct, &["backup", "verify", "--from", URL])?;
    assert_eq!(verified["damage"], serde_json::json!([]), "{verified}");
    Ok(())
}

#[test]
fn what_is_said_about_a_bucket_has_no_credentials_in_it() -> Result<()> {
    let shard = Shard::start()?;
    let mut env = env(&shard, free_loopback_addr()?);
    env.push(("RUST_LOG".to_owned(), "trace".to_owned()));
    let create = ["backup", "create", "--to", URL, "--endpoint", &shard.endpoint];
    let said = super::egctl(&env, &create)?;
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("egctl: ") && !said.contains("test-secret-key"), "{said}");
    fails(&shard.env, 2, &["backup", "list", "--from", "s3:///x"]);
    Ok(())
}

/// What an operator can do something about is told in words, with what to do.
#[test]
fn errors_of_a_bucket_say_what_to_do() -> Result<()> {
    let (s3, shard) = (S3Server::start()?, Shard::start()?);
    let env = env(&shard, s3.addr());
    let create = |url| ["backup", "create", "--to", url, "--endpoint", &shard.endpoint];
    let none = fails(&env, 1, &create("s3://no-such-bucket/x"));
    assert!(none.contains("there is no such bucket") && !none.contains('<'), "{none}");
    let without = |names: &[&str]| -> Vec<_> {
        env.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect()
    };
    let half = fails(&without(&["AWS_SECRET_ACCESS_KEY"]), 2, &create(URL));
    assert!(half.contains("AWS_SECRET_ACCESS_KEY is not"), "{half}");
    let clear = fails(&without(&["AWS_ALLOW_HTTP"]), 2, &create(URL));
    assert!(clear.contains("AWS_ALLOW_HTTP=true"), "{clear}");
    // A machine without credentials of its own: nobody answers there.
    let mut lonely = without(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    lonely.push(("AWS_METADATA_ENDPOINT".to_owned(), format!("http://{}", free_loopback_addr()?)));
    let lonely = fails(&lonely, 1, &create(URL));
    assert!(lonely.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{lonely}");
    Ok(())
}

//! `egctl` killed in the middle.

use std::process::{Child, Stdio};

use anyhow::Result;
use epistemic_tests::Value;
use epistemic_tests::proxy::{Fault, Proxy};
use epistemic_tests::s3::S3Server;

use super::{GRAPH, Shard, command, done, json, runs};

const URL: &str = "s3://backups/killed";

/// Starts `egctl`, waits until it asks for the answer that does not come, and kills it.
fn kill_at(proxy: &Proxy, request: usize, env: &[(String, String)], args: &[&str]) -> Result<bool> {
    proxy.set(Fault::Stall, request);
    let mut child: Child = command(env, args)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let done = loop {
        if proxy.wait_until_met(std::time::Duration::from_millis(20)).is_ok() {
            child.kill()?;
            child.wait()?;
            break false;
        }
        if child.try_wait()?.is_some_and(|status| status.success()) {
            break true;
        }
    };
    proxy.clear();
    Ok(done)
}

#[test]
fn a_backup_that_is_killed_is_invisible_and_the_next_one_works() -> Result<()> {
    let (s3, mut shard) = (S3Server::start()?, Shard::start()?);
    let proxy = Proxy::before(s3.addr())?;
    let direct = [shard.env.clone(), S3Server::env(s3.addr())].concat();
    let proxied = [shard.env.clone(), S3Server::env(proxy.addr())].concat();
    let create = ["backup", "create", "--to", URL, "--endpoint", &shard.endpoint.clone()];
    json(&direct, &create)?;
    for request in 0.. {
        shard.add(request, 1)?;
        let before = runs(&direct, URL)?.len();
        if kill_at(&proxy, request, &proxied, &create)? {
            assert!(request > 5, "a run has more requests");
            break;
        }
        let seen = runs(&direct, URL)?.len();
        let created = json(&direct, &create)?;
        // Killed behind its manifest the run is there, and there is nothing new.
        assert_eq!(
            done(&created)?,
            if seen > before { "unchanged" } else { "increment" },
            "request {request}"
        );
        json(&direct, &["backup", "prune", "--from", URL, "--keep-last", "1", "--leftovers-after", "0"])?;
    }
    let verified = json(&direct, &["backup", "verify", "--from", URL])?;
    assert_eq!(verified["damage"], serde_json::json!([]), "{verified}");
    Ok(())
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_graph_and_the_next_one_works() -> Result<()> {
    let (s3, mut shard) = (S3Server::start()?, Shard::start()?);
    let proxy = Proxy::before(s3.addr())?;
    let direct = [shard.env.clone(), S3Server::env(s3.addr())].concat();
    let proxied = [shard.env.clone(), S3Server::env(proxy.addr())].concat();
    for number in 0..3 {
        shard.add(number, 1)?;
        json(&direct, &["backup", "create", "--to", URL, "--endpoint", &shard.endpoint])?;
    }
    let backed_up = shard.digest(GRAPH)?;
    shard.add(10, 5)?;
    let old = shard.digest(GRAPH)?;
    let names = shard.names()?;
    let restore =
        ["backup", "restore", "--from", URL, "--graph", GRAPH, "--replace", "--endpoint", &shard.endpoint];
    let mut requests = 0;
    while !kill_at(&proxy, requests, &proxied, &restore)? {
        assert_eq!(
            (shard.digest(GRAPH)?, shard.names()?),
            (old.clone(), names.clone()),
            "request {requests}"
        );
        requests += 1;
    }
    // A list, three manifests, three objects, and the header of one of them before.
    assert!(requests > 7, "{requests}");
    assert_eq!((shard.digest(GRAPH)?.0, shard.names()?), (backed_up.0, names));
    let left = shard.client.call("__commons__", "MoveStatus", Some(Value::Map(Vec::new())))?;
    assert_eq!(left, Value::Array(Vec::new()), "copies that arrive");
    Ok(())
}

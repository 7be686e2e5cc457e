//! `egctl status` tells what is wrong with a shard, and waits for none.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use serde_json::Value;
use tempfile::TempDir;

use super::{SECRET, command, egctl};

const WITH_SECRET: [(&str, &str); 1] = [("GRAPH_SERVICE_AUTH_SECRET", SECRET)];

fn socket(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}

/// The row of an endpoint.
fn row<'a>(text: &'a str, endpoint: &str) -> Result<&'a str> {
    let found = text.lines().find(|line| line.starts_with(&format!("{endpoint} ")));
    found.with_context(|| format!("{endpoint} has no row in:\n{text}"))
}

#[test]
fn what_is_wrong_is_told_apart_and_nobody_is_waited_for() -> Result<()> {
    let folder = TempDir::new()?;
    let silent = folder.path().join("silent");
    let _silent = UnixListener::bind(&silent)?;
    let sound = ServerProcess::ours().start()?;
    let stranger = ServerProcess::ours().secret("another secret than the others have").start()?;
    let foreign = ServerProcess::ours();
    let own = format!("unix://{}", foreign.socket().display());
    let foreign = foreign
        .arg("--advertise")
        .arg(&own)
        .arg("--endpoints")
        .arg(format!("{own},tcp://127.0.0.1:1"))
        .start()?;
    let (hung, nobody) = (
        format!("unix://{}", silent.display()),
        format!("unix://{}", folder.path().join("nobody").display()),
    );
    let (sound, stranger, foreign) = (socket(&sound), socket(&stranger), socket(&foreign));
    let all = [&hung, &sound, &nobody, &stranger, &foreign].map(String::as_str).join(",");

    let begun = Instant::now();
    let output = egctl(&WITH_SECRET, &["status", "--timeout", "3", "--endpoints", &all])?;
    let (text, error) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(output.status.code() == Some(3), "{error}");
    ensure!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let blamed = |endpoint: &str| {
        let named = [format!("{endpoint}: "), format!("'{endpoint}'")];
        error.lines().any(|line| named.iter().any(|name| line.contains(name)))
    };
    for (endpoint, state) in [
        (&hung, " HUNG "),
        (&sound, " up "),
        (&nobody, " refused "),
        (&stranger, " wrong secret "),
        (&foreign, " other list "),
    ] {
        ensure!(row(&text, endpoint)?.contains(state), "{endpoint} is not{state}in:\n{text}");
        ensure!(blamed(endpoint) == (*endpoint != sound), "{endpoint}: {error}");
    }
    let place = |endpoint: &str| row(&text, endpoint).map(|row| text.find(row));
    ensure!(place(&sound)? < place(&hung)?, "a row comes when its shard answers:\n{text}");
    for part in ["Authentication failed (it has another secret)", "tcp://127.0.0.1:1", "SHORT SECRET"] {
        ensure!(text.contains(part), "{part:?} is not in:\n{text}");
    }

    for (endpoints, code) in [(&stranger, 1), (&foreign, 2), (&sound, 0), (&hung, 3)] {
        let output = egctl(&WITH_SECRET, &["status", "--timeout", "1", "--endpoints", endpoints, "--json"])?;
        ensure!(output.status.code() == Some(code), "{endpoints}: {output:?}");
        let found: Value = serde_json::from_slice(&output.stdout)?;
        let shard = &found["shards"][0];
        ensure!(shard["reachable"] == (code != 3), "{shard}");
        ensure!(shard["state"].as_array().map(Vec::is_empty) == Some(code == 0), "{shard}");
    }
    // One shard is meant, whatever list it has.
    let output = egctl(&WITH_SECRET, &["status", "--endpoint", &foreign])?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

#[test]
fn it_looks_again_and_again() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let args = ["status", "--watch", "0.05", "--json", "--endpoint", &socket(&server)];
    let mut watch = command(&WITH_SECRET)?.args(args).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("its output")?).lines();
    for _ in 0..3 {
        let shard: Value = serde_json::from_str(&lines.next().context("a line for each look")??)?;
        ensure!(shard["status"]["pid"] == server.pid() && shard["reachable"] == true, "{shard}");
    }
    // Who reads no more has seen enough.
    drop(lines);
    ensure!(watch.wait()?.success());
    Ok(())
}

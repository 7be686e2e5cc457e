//! What goes into a bundle.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_operations::error::message_of;
use epistemic_router::{EndpointList, SECRET_VAR};
use epistemic_storage::clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::archive::Archive;
use super::redact::Redaction;
use crate::shards::{Answers, ShardArgs};
use crate::version::version;

/// What each shard is asked for.
const METHODS: [(&str, &str); 3] =
    [("Health", "health"), ("ShardStatus", "status"), ("GraphStats", "graphs")];
/// Bytes of a log from its end.
const LOG_BYTES: u64 = 1 << 20;
/// Bytes of a page of metrics.
const PAGE_BYTES: u64 = 64 << 20;
const PAGE_LIMIT: Duration = Duration::from_secs(10);
/// Variables that say how programs of the tier behave; of others not even the names are told.
const VARIABLES: [&str; 4] = ["GRAPH_", "KG_DEFAULT_GRAPH", "EPISTEMIC_GRAPH_", "EGCTL_"];

/// The program, the machine, and what it was told.
pub(super) fn about(list: EndpointList) -> Result<Vec<u8>> {
    let machine = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let variables: Vec<_> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| VARIABLES.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    let endpoints: Vec<_> = list.as_slice().iter().map(ToString::to_string).collect();
    let about = json!({
        "egctl": version(),
        "unix_ms": clock::unix_ms(),
        "system": [text(machine.sysname()), text(machine.release()), text(machine.machine())],
        "endpoints": endpoints,
        "fingerprint": list.fingerprint(),
        "variables_that_are_set": variables,
    });
    Ok(serde_json::to_vec_pretty(&about)?)
}

/// What the shards say of themselves.
pub(super) async fn shards<W: Write>(
    shards: &ShardArgs,
    redaction: Redaction,
    archive: &mut Archive<W>,
    missing: &mut Vec<String>,
) -> Result<()> {
    for (method, name) in METHODS {
        let answers: Answers<Value> = shards.ask_all(method).await?;
        for (number, (endpoint, answer)) in answers.0.into_iter().enumerate() {
            let told = match answer {
                Ok(told) => redaction.json(told),
                Err(error) => {
                    missing.push(format!("{method} of {endpoint}: {}", message_of(&error)));
                    json!({"endpoint": endpoint.to_string(), "error": message_of(&error)})
                }
            };
            archive.add(&format!("shard-{}/{name}.json", number + 1), &serde_json::to_vec_pretty(&told)?)?;
        }
    }
    Ok(())
}

/// Pages of metrics.
pub(super) async fn metrics<W: Write>(
    urls: &[String],
    redaction: Redaction,
    archive: &mut Archive<W>,
    missing: &mut Vec<String>,
) -> Result<()> {
    for (number, url) in urls.iter().enumerate() {
        match page(url).await {
            Ok(page) => {
                archive.add(&format!("metrics-{}.txt", number + 1), redaction.metrics(&page).as_bytes())?;
            }
            Err(error) => missing.push(format!("{url}: {}", message_of(&error))),
        }
    }
    Ok(())
}

async fn page(url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").context("only http:// can be asked")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/metrics" } else { path };
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(PAGE_BYTES).read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let Ok(answer) = tokio::time::timeout(PAGE_LIMIT, exchange).await else {
        bail!("no answer within {PAGE_LIMIT:?}");
    };
    let answer = answer?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no header")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "it answered with: {status}");
    Ok(body.to_owned())
}

/// The ends of logs, without the secret that the shards are asked with.
pub(super) fn logs<W: Write>(
    paths: &[PathBuf],
    shards: &ShardArgs,
    archive: &mut Archive<W>,
    missing: &mut Vec<String>,
) -> Result<()> {
    let secret = shards.secret_text();
    for (number, path) in paths.iter().enumerate() {
        match end_of(path) {
            Ok(end) => {
                let end = String::from_utf8_lossy(&end);
                let end = match secret.as_deref().filter(|secret| !secret.is_empty()) {
                    Some(secret) => end.replace(secret, "(the secret)"),
                    None => end.into_owned(),
                };
                archive.add(&format!("log-{}.txt", number + 1), end.as_bytes())?;
            }
            Err(error) => missing.push(message_of(&error)),
        }
    }
    Ok(())
}

fn end_of(path: &Path) -> Result<Vec<u8>> {
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
    let mut end = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut end)?;
    Ok(end)
}

impl ShardArgs {
    /// The text of the secret, where it can be had, to look for it.
    fn secret_text(&self) -> Option<String> {
        match self.secret_file() {
            Some(path) => Some(fs_err::read_to_string(path).ok()?.trim().to_owned()),
            None => std::env::var(SECRET_VAR).ok(),
        }
    }
}

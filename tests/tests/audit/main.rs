//! The audit log of a real server: what has lines, what they say, and what becomes of them when the disk is full or the server is
//! killed.

mod events;
mod full_disk;
mod killed;
mod refusals;
mod socket;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerBuilder, ServerProcess};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// A server with its audit log in this file.
fn logging(log: &Path, mode: &str) -> ServerBuilder {
    ServerProcess::ours().arg("--audit-log").arg(log).arg("--audit").arg(mode)
}

/// All lines of the file that are whole.
fn lines(log: &Path) -> Result<Vec<Value>> {
    let text = fs_err::read_to_string(log)?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// Those of one event that have these texts in these fields.
fn of<'a>(lines: &'a [Value], event: &str, fields: &[(&str, &str)]) -> Vec<&'a Value> {
    let has = |line: &Value, (name, text): &(&str, &str)| line[*name].as_str() == Some(text);
    lines
        .iter()
        .filter(|line| has(line, &("event", event)) && fields.iter().all(|field| has(line, field)))
        .collect()
}

/// Waits until there is such a line.
fn wait_for(log: &Path, event: &str, fields: &[(&str, &str)]) -> Result<Value> {
    let found = poll(SOON, LOOK, || {
        let lines = lines(log)?;
        Ok::<_, anyhow::Error>(of(&lines, event, fields).first().map(|line| (*line).clone()))
    })?;
    found.with_context(|| format!("no line {event} {fields:?}: {:#?}", lines(log)))
}

/// The log, which is one file, is one chain: each line has its own hash, and that of the line before.
fn is_sound(log: &Path) -> Result<()> {
    let text = fs_err::read_to_string(log)?;
    let (mut previous, mut sequence) = ("0".repeat(64), 0);
    for line in text.lines() {
        let (sealed, _) = line.split_at_checked(line.len().saturating_sub(75)).context("a line")?;
        let hash = hex::encode(Sha256::digest(sealed));
        ensure!(line == format!("{sealed},\"hash\":\"{hash}\"}}"), "{line}");
        let line: Value = serde_json::from_str(line)?;
        sequence += 1;
        ensure!(line["previous"] == previous.as_str() && line["sequence"] == sequence, "{line}");
        previous = hash;
    }
    ensure!(sequence > 0 && text.ends_with('\n'), "{text}");
    Ok(())
}

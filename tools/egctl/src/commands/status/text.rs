//! The status of shards for people: a row each, and what is to be said of it below all rows.

use std::io::{self, Write};
use std::time::Duration;

use epistemic_operations::names::shown;
use epistemic_router::status::{MemoryStatus, ShardStatus};
use indicatif::{HumanBytes, HumanDuration};

use super::shard::Shard;
use super::{ago, scrub_line};
use crate::table::shortened;

const HEADING: [&str; 8] = ["shard", "state", "pid", "up", "graphs", "size", "durability", "checkpoint"];
/// Characters of the columns behind the first, whose rows are printed before the next ones are known.
const WIDTHS: [usize; 7] = [18, 7, 10, 6, 10, 10, 0];

/// The heading above rows whose first column has `width` characters.
pub(super) fn write_heading(out: &mut dyn Write, width: usize) -> io::Result<()> {
    write_row(out, width, &HEADING.map(str::to_owned))
}

/// The row of a shard.
pub(super) fn write_shard(out: &mut dyn Write, width: usize, shard: &Shard) -> io::Result<()> {
    write_row(out, width, &row(shard))
}

fn write_row(out: &mut dyn Write, width: usize, cells: &[String; 8]) -> io::Result<()> {
    let widths = [width].into_iter().chain(WIDTHS);
    let line: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    writeln!(out, "{}", line.join("  ").trim_end())
}

fn row(shard: &Shard) -> [String; 8] {
    let words: Vec<_> = shard.state.iter().map(|state| state.word()).collect();
    let state = if words.is_empty() { "up".to_owned() } else { words.join(", ") };
    let Some(status) = &shard.status else {
        let blank = || "-".to_owned();
        return [shard.endpoint.clone(), state, blank(), blank(), blank(), blank(), blank(), blank()];
    };
    let newest = status.checkpoints.last().map(|checkpoint| ago(checkpoint.created_ms));
    [
        shard.endpoint.clone(),
        state,
        status.pid.to_string(),
        HumanDuration(Duration::from_secs(status.uptime_s)).to_string(),
        status.graphs.to_string(),
        HumanBytes(status.bytes).to_string(),
        status.durability.clone(),
        newest.unwrap_or_else(|| "none".to_owned()),
    ]
}

/// What the row has no room for.
pub(super) fn write_details(out: &mut dyn Write, shard: &Shard) -> io::Result<()> {
    if shard.status.is_none() && shard.error.is_none() {
        return Ok(());
    }
    writeln!(out, "\n{}", shard.endpoint)?;
    if let Some(error) = &shard.error {
        writeln!(out, "  {}: {error}", shard.state.first().map_or("error", |state| state.word()))?;
    }
    let Some(status) = &shard.status else { return Ok(()) };
    let directory = match (&status.persist_dir, &status.store_url) {
        (Some(directory), _) => format!("directory {directory}"),
        (None, Some(url)) => format!("object store {url}"),
        (None, None) => "directory none, in memory".to_owned(),
    };
    let store = status.store_id.as_deref().unwrap_or("-");
    writeln!(out, "  version {}, backend {}, sequence {}", status.version, status.backend, status.sequence)?;
    writeln!(out, "  {directory}, store {store}")?;
    write_role(out, status)?;
    match status.checkpoint_interval_s {
        0 => writeln!(out, "  checkpoints: {}, automatic ones are off", status.checkpoints.len())?,
        every => writeln!(out, "  checkpoints: {}, one every {every} s", status.checkpoints.len())?,
    }
    if let Some(found) = &status.ownership
        && found.two_owners + found.no_owner > 0
    {
        let graphs: Vec<_> = found.graphs.iter().map(|graph| shortened(graph)).collect();
        let (two, none) = (found.two_owners, found.no_owner);
        writeln!(out, "  TWO OWNERS: {two}, NO OWNER: {none} (egctl owners check): {}", graphs.join(", "))?;
    }
    if let Some(memory) = &status.memory {
        write_memory(out, memory)?;
    }
    writeln!(out, "  scrub: {}", status.scrub.as_ref().map_or_else(|| "none".into(), scrub_line))?;
    let refusal = status.poisoned.as_ref().or(status.refusal.as_ref());
    if let Some(reason) = refusal.filter(|_| status.role.as_deref() != Some("standby")) {
        writeln!(out, "  TAKES NO WRITES: {reason}")?;
    }
    if status.plaintext_tcp {
        writeln!(
            out,
            "  NO TLS: it takes requests in the clear beyond loopback (--tls-cert, --tls require)"
        )?;
    }
    if let Some(not_after) = status.tls_not_after_s {
        writeln!(out, "  TLS: {}", certificate_line(not_after))?;
    }
    if status.short_secret {
        writeln!(
            out,
            "  SHORT SECRET: it has fewer than 16 bytes and can be guessed from one request that was overheard"
        )?;
    }
    write_damage(out, status)
}

/// Who serves the store, where others could.
fn write_role(out: &mut dyn Write, status: &ShardStatus) -> io::Result<()> {
    let Some(role) = &status.role else { return Ok(()) };
    let owner = status.owner.as_ref().map_or_else(|| "nobody yet".to_owned(), ToString::to_string);
    if role == "standby" {
        return writeln!(out, "  STANDS BY, the owner is {owner}");
    }
    if role == "replica" {
        let age = status.staleness_ms.map_or_else(|| "-".to_owned(), |age| age.to_string());
        return writeln!(out, "  READ REPLICA, up to {age} ms old, the owner is {owner}");
    }
    let epoch = status
        .owner
        .as_ref()
        .and_then(|owner| owner.epoch)
        .map_or_else(|| "-".into(), |epoch| epoch.to_string());
    let standbys: Vec<_> = status.standbys.iter().map(ToString::to_string).collect();
    let standbys = if standbys.is_empty() { "NONE".to_owned() } else { standbys.join(", ") };
    writeln!(out, "  owner {owner}, epoch {epoch}, stand-bys: {standbys}")
}

/// For how long a certificate is good.
fn certificate_line(not_after_s: u64) -> String {
    let now = epistemic_storage::clock::unix_ms() / 1000;
    match not_after_s.checked_sub(now) {
        Some(left) => format!("its certificate ends in {}", HumanDuration(Duration::from_secs(left))),
        None => "ITS CERTIFICATE HAS EXPIRED".to_owned(),
    }
}

/// What is damaged, with the graphs that it struck and what to do.
fn write_damage(out: &mut dyn Write, status: &ShardStatus) -> io::Result<()> {
    let Some(damage) = status.damage.as_ref().filter(|damage| damage.is_any()) else { return Ok(()) };
    for line in damage.lines() {
        writeln!(out, "  DAMAGED: {line}")?;
    }
    for graph in &damage.graphs {
        writeln!(out, "    {}: {}", shown(&graph.graph), graph.reason)?;
    }
    writeln!(out, "  what to do: docs/errors/corrupt.md")
}

/// What is resident of the budget, and the parts of it that are nearly full.
fn write_memory(out: &mut dyn Write, memory: &MemoryStatus) -> io::Result<()> {
    // Others are caches, which are full when they are warm.
    const BY_REQUESTS: [&str; 6] = ["names", "strangers", "requests", "answers", "transfers", "transactions"];
    let full = memory.parts.iter().filter_map(|(name, part)| {
        let by_requests = BY_REQUESTS.contains(&name.as_str());
        let used = part.used.filter(|used| by_requests && used / 4 >= part.budget / 5)?;
        Some(format!("{} {} of {}", shown(name), HumanBytes(used), HumanBytes(part.budget)))
    });
    let full: Vec<_> = full.collect();
    write!(out, "  memory: {} of {}", HumanBytes(memory.resident), HumanBytes(memory.budget))?;
    if !full.is_empty() {
        write!(out, ", nearly full: {}", full.join(", "))?;
    }
    if memory.refused > 0 {
        write!(out, ", no room {} times", memory.refused)?;
    }
    writeln!(out)
}

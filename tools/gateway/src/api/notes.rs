//! What is wrong with a shard, worst first: a code for programs, and a sentence that stands without the shard's name.

use epistemic_router::EndpointList;
use epistemic_router::owners::{Conflict, Kind, Survey};
use epistemic_router::status::ShardStatus;
use serde::Serialize;

use crate::backups::Backups;
use crate::clock::unix_ms;
use crate::watch::{Known, Look, Watched};

/// Clocks that differ by more make times wrong, and signed requests fail.
const CLOCKS_MS: u64 = 5_000;
/// Seconds after its start that a shard is called new.
const NEW_S: u64 = 600;
/// Graphs that are named.
const NAMED: usize = 5;
/// Seconds that a checkpoint may be late.
const PATIENCE_S: u64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Bad,
    Warn,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct Note {
    pub(super) code: &'static str,
    pub(super) level: Level,
    pub(super) text: String,
    /// Since when, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    /// The graph that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<String>,
}

/// Collects them.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    fn add(&mut self, code: &'static str, level: Level, text: impl Into<String>) -> &mut Note {
        self.0.push(Note { code, level, text: text.into(), since_ms: None, graph: None });
        self.0.last_mut().expect("it was just put there")
    }

    /// Of a shard as it was seen last, and as it was known last.
    pub(super) fn of(
        shard: &Watched,
        look: Option<&Look>,
        known: Option<&Known>,
        ours: &EndpointList,
        backups: Option<&Backups>,
        survey: Option<&Survey>,
    ) -> Vec<Note> {
        let mut notes = Self::default();
        if let Some(look) = look {
            notes.transport(look, known);
            if let Some(text) = &look.store_changed {
                notes.add("store_changed", Level::Bad, text.clone());
            }
        }
        // What was known of a shard that is down is not wrong with it now, but for what it leaves behind.
        if let Some(known) = known.filter(|_| shard.trouble().is_none()) {
            if let Some(text) = known.answer.health.other_list(ours) {
                notes.add("other_list", Level::Bad, text);
            }
            if let Some(status) = &known.answer.status {
                notes.writes(status);
                notes.damage(status);
                notes.room(status);
                notes.checkpoint(status, shard);
            }
            if known.answer.health.uptime_s < NEW_S && shard.restarted() {
                notes.add("restarted", Level::Warn, "Started anew since the gateway watches it");
            }
        }
        if let Some(backups) = backups {
            notes.backups(backups);
        }
        if let Some(survey) = survey {
            notes.owners(survey, shard);
        }
        notes.0.sort_by_key(|note| note.level);
        notes.0
    }

    fn transport(&mut self, look: &Look, known: Option<&Known>) {
        let Err(trouble) = &look.seen.answer else { return };
        let (code, level, text) = if look.hung {
            ("hung", Level::Bad, format!("Takes connections and does not answer: {}", trouble.reason))
        } else if trouble.answered {
            ("refused", Level::Warn, format!("Does not answer this gateway: {}", trouble.reason))
        } else {
            ("unreachable", Level::Bad, format!("Unreachable: {}", trouble.reason))
        };
        self.add(code, level, text).since_ms = known.map(|known| known.at_ms);
    }

    fn writes(&mut self, status: &ShardStatus) {
        if let Some(reason) = &status.poisoned {
            self.add("poisoned", Level::Bad, format!("Takes no writes since one failed: {reason}"));
        } else if let Some(reason) = &status.refusal {
            self.add("read_only", Level::Bad, format!("Takes no writes: {reason}"));
        }
        if status.plaintext_tcp {
            self.add("plaintext", Level::Warn, "Takes requests in the clear on an address beyond loopback");
        }
        if status.short_secret {
            self.add("short_secret", Level::Warn, "Its secret is so short that it can be guessed");
        }
        let off = status.unix_ms.map(|theirs| theirs.abs_diff(unix_ms()));
        if let Some(off) = off.filter(|off| *off > CLOCKS_MS) {
            let text = format!("Its clock and the gateway's differ by {} s", off / 1000);
            self.add("clock", Level::Warn, text);
        }
    }

    fn damage(&mut self, status: &ShardStatus) {
        let Some(damage) = &status.damage else { return };
        for graph in damage.graphs.iter().take(NAMED) {
            let text = format!("A graph is quarantined and takes no writes: {}", graph.reason);
            self.add("quarantine", Level::Bad, text).graph = Some(graph.graph.clone());
        }
        let told = damage.graphs.len().min(NAMED) as u64;
        if let Some(more) = damage.quarantined_graphs.checked_sub(told).filter(|more| *more > 0) {
            let text = format!(
                "{more} {}graphs are quarantined and take no writes",
                if told > 0 { "more " } else { "" }
            );
            self.add("quarantine", Level::Bad, text);
        }
        if let Some(reason) = &damage.store {
            self.add(
                "damaged",
                Level::Bad,
                format!("Tables are not merged since damage was found: {reason}"),
            );
        }
        if let Some(reason) = &damage.channels {
            self.add("damaged", Level::Bad, format!("Channels cannot be used: {reason}"));
        }
    }

    fn room(&mut self, status: &ShardStatus) {
        if let (Some(free), Some(all)) = (status.free_bytes, status.disk_bytes) {
            let low = (all / 10).max(status.reserve_bytes.unwrap_or(0).saturating_mul(2));
            if free < low {
                self.add(
                    "disk_low",
                    Level::Warn,
                    format!("Its disk has {} MiB left of {}", free >> 20, all >> 20),
                );
            }
        }
        if let Some(memory) = &status.memory
            && memory.resident > memory.budget
        {
            let (resident, budget) = (memory.resident >> 20, memory.budget >> 20);
            self.add(
                "memory_high",
                Level::Warn,
                format!("Uses {resident} MiB of memory, {budget} are its budget"),
            );
        }
    }

    fn checkpoint(&mut self, status: &ShardStatus, shard: &Watched) {
        let every = status.checkpoint_interval_s;
        let Some(newest) = status.checkpoints.last().filter(|_| every > 0) else { return };
        let (created, now) = (newest.created_ms, unix_ms());
        let age = now.saturating_sub(created) / 1000;
        let due = now.saturating_sub((every + PATIENCE_S) * 1000);
        // While nothing changes none is made, and none is missing.
        if age > 2 * every + PATIENCE_S && shard.series().committed_between(created + PATIENCE_S * 1000, due)
        {
            let text = format!("The newest checkpoint is {age} s old, one is due every {every} s");
            self.add("checkpoint_late", Level::Warn, text).since_ms = Some(created + every * 1000);
        }
    }

    fn backups(&mut self, backups: &Backups) {
        for (code, what, made) in
            [("backup_late", "backup", &backups.backup), ("drill_late", "restore drill", &backups.drill)]
        {
            let text = match made.at_ms {
                Some(_) if made.is_late(unix_ms()) => {
                    format!("The newest {what} is late: one is due every {} h", made.every_s / 3600)
                }
                None => format!("No {what} has succeeded"),
                Some(_) => continue,
            };
            self.add(code, Level::Warn, text).since_ms = made.due_ms();
        }
    }

    fn owners(&mut self, survey: &Survey, shard: &Watched) {
        let own = survey.conflicts.iter().filter(|conflict| concerns(conflict, shard));
        for conflict in own.take(NAMED) {
            let (code, text) = match conflict.kind {
                Kind::TwoOwners => ("two_owners", "A graph is served by another shard too"),
                Kind::NoOwner => ("no_owner", "A graph has left and no shard serves it"),
            };
            self.add(code, Level::Bad, text).graph = Some(conflict.graph.clone());
        }
    }
}

/// Whether it serves the graph, or sends clients elsewhere.
fn concerns(conflict: &Conflict, shard: &Watched) -> bool {
    conflict.owners.iter().chain(&conflict.signposts).any(|place| place.endpoint == shard.endpoint)
}

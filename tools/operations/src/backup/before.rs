//! The run that a new one goes on from.

use std::collections::BTreeMap;

use anyhow::Result;

use super::create::Plan;
use super::error::{BackupError, BackupRefused};
use super::line::Line;
use super::manifest::Manifest;
use super::objects::Objects;
use super::runs::Listed;
use crate::encryption::Locked;

const CLEAR: &str = "the backup before is in the clear";
const FOR_OTHERS: &str = "the backup before is encrypted for others";
const ENCRYPTED: &str = "the backup before is encrypted";
const CLOSED: &str = "as asked for, without the identity of the backup before";

/// What a new run knows of those before. What is encrypted is never mixed with what is not, nor with what others can read: a
/// run goes on from one for the same recipients, or begins anew.
#[derive(Default)]
pub(super) struct Before {
    /// The run that is gone on from.
    pub(super) known: Option<Manifest>,
    /// Why none is, although there is one.
    pub(super) anew: Option<&'static str>,
    /// The newest run that was looked at.
    pub(super) newest: Option<String>,
    /// What is to be said about runs that are damaged.
    pub(super) warnings: Vec<String>,
}

impl Before {
    /// By the newest run of a store whose manifest is intact.
    ///
    /// # Errors
    /// It is encrypted, and the identity to go on from it or the recipients of the new run are missing; the objects fail.
    pub(super) fn load(objects: &Objects, listed: &Listed, store: &str, plan: &Plan<'_>) -> Result<Self> {
        let mut before = Self::default();
        for run in listed.stores.get(store).into_iter().flatten().rev() {
            match Listed::load(objects, store, run)?.map(|run| run.manifest) {
                Some(Ok(manifest)) => return before.opened(objects, manifest, plan),
                Some(Err(BackupError::Locked(locked))) => {
                    return before.closed(objects, &run.name, locked, plan);
                }
                Some(Err(error)) => before.warnings.push(error.to_string()),
                None => {}
            }
        }
        let mut joined = None;
        for run in listed.load_v1(objects)? {
            match run.manifest {
                Ok(manifest) if manifest.store == store => joined = Some(join(joined, manifest)),
                Ok(_) => {}
                Err(error) => before.warnings.push(error.to_string()),
            }
        }
        match joined {
            Some(manifest) => before.opened(objects, manifest, plan),
            None => Ok(before),
        }
    }

    fn opened(self, objects: &Objects, manifest: Manifest, plan: &Plan<'_>) -> Result<Self> {
        if manifest.recipients == objects.keys().recipients() {
            return Ok(Self { newest: Some(manifest.run.clone()), known: Some(manifest), ..self });
        }
        match manifest.is_encrypted() {
            true => self.anew(objects, &manifest.run, &manifest.recipients, plan),
            false => self.begin(CLEAR, &manifest.run, plan),
        }
    }

    fn closed(self, objects: &Objects, run: &str, locked: Locked, plan: &Plan<'_>) -> Result<Self> {
        if locked.recipients != objects.keys().recipients() {
            return self.anew(objects, run, &locked.recipients, plan);
        }
        match plan.full {
            true => self.begin(CLOSED, run, plan),
            false => Err(BackupRefused::CannotGoOn { locked }.into()),
        }
    }

    /// Behind an encrypted run for other recipients than those of the new one.
    fn anew(self, objects: &Objects, run: &str, recipients: &[String], plan: &Plan<'_>) -> Result<Self> {
        if !objects.keys().recipients().is_empty() {
            return self.begin(FOR_OTHERS, run, plan);
        }
        if !plan.unencrypted {
            let (run, recipients) = (run.to_owned(), recipients.to_vec());
            return Err(BackupRefused::WouldBeClear { run, recipients }.into());
        }
        self.begin(ENCRYPTED, run, plan)
    }

    fn begin(mut self, reason: &'static str, run: &str, plan: &Plan<'_>) -> Result<Self> {
        if !plan.graphs.is_empty() {
            return Err(BackupRefused::NotOfAll { reason }.into());
        }
        if reason != CLOSED {
            let others =
                "all graphs begin new chains; the runs before stay as they are until prune removes them";
            self.warnings.push(format!("{reason}: {others}"));
        }
        Ok(Self { anew: Some(reason), newest: Some(run.to_owned()), ..self })
    }
}

/// Runs of version 1 of some graphs have those alone: what the runs before them know of others stays.
fn join(before: Option<Manifest>, later: Manifest) -> Manifest {
    let Some(before) = before.filter(|_| !later.is_of_all()) else { return later };
    let mut lines: BTreeMap<String, Line> =
        before.inline.into_iter().map(|line| (line.name.clone(), line)).collect();
    lines.extend(later.inline.into_iter().map(|line| (line.name.clone(), line)));
    Manifest { settled_ms: before.settled_ms, inline: lines.into_values().collect(), ..later }
}

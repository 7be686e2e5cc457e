//! Identities and channels: what a shard keeps beside its graphs.

use std::io::{self, Read};

use anyhow::Result;
use epistemic_storage::service::{Header, inspect};
use sha2::{Digest, Sha256};

use super::error::{BackupRefused, in_object};
use super::manifest::{Manifest, Service};
use super::objects::Objects;
use super::pack::Packs;
use super::read::Checked;
use crate::hosts::Party;
use crate::remote::ServiceTaken;
use crate::streams::Tee;

/// What it is called in errors.
const WHAT: &str = "identities and channels";

/// Copies them, unless they are as in `known`: equal states are equal streams.
pub(super) fn back_up(party: &dyn Party, packs: &mut Packs<'_>, known: Option<&Service>) -> Result<Service> {
    if let Some(known) = known
        && sha256(party.export_service()?)? == known.stored.sha256
    {
        return Ok(known.clone());
    }
    let mut part = packs.begin()?;
    let mut stream = Tee { from: party.export_service()?, to: &mut part };
    let Header { identities, channels, .. } = inspect(&mut stream)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(Service { identities, channels, stored: part.finish()? })
}

fn sha256(mut stream: impl Read) -> Result<String> {
    let mut digest = Sha256::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&piece[..read]),
        }
    }
}

/// Reads the copy and compares it with its manifest.
///
/// # Errors
/// [`super::BackupError`] when it is damaged; the objects fail.
pub fn check(objects: &Objects, service: &Service) -> Result<()> {
    Checked::open(objects, WHAT, &service.stored)?.finish(WHAT, &service.stored)
}

/// Restores those of a run: agents and channels that are there already stay as they are. Durable on return.
///
/// # Errors
/// The object is damaged, which is found out before anything is restored; the target refuses or fails.
pub fn restore(objects: &Objects, service: &Service, target: &dyn Party) -> Result<ServiceTaken> {
    check(objects, service)?;
    let mut stream = Checked::open(objects, WHAT, &service.stored)?;
    let taken = target.import_service(&mut stream);
    taken.map_err(|error| in_object(WHAT, &service.stored.object, error))
}

/// Fails when graphs of a run would be open to everybody at the target: the store of the run had access control on, the
/// target has no identities, and gets none.
///
/// # Errors
/// As said; the target cannot be asked.
pub fn must_be_guarded(manifest: &Manifest, target: &dyn Party) -> Result<()> {
    let was_guarded = manifest.service.as_ref().is_some_and(|service| service.identities > 0);
    if !was_guarded || target.is_guarded()? {
        return Ok(());
    }
    let (from, to) = (manifest.source.clone(), target.endpoint().to_owned());
    Err(BackupRefused::Unguarded { from, to }.into())
}

/// Whether a run tells nothing of identities because its program did not know of them.
pub fn is_unknown(manifest: &Manifest) -> bool {
    manifest.service.is_none()
}

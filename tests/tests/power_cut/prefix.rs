//! `--durability interval` and `none`: a power cut may lose what was acknowledged last, but what is there is a prefix of what was
//! acknowledged, without a hole. Each cut drops everything that was not synced, or a random part of it.

use anyhow::{Context, Result, ensure};
use epistemic_tests::crash::{self, Mix};
use epistemic_tests::powercut::Loss;
use epistemic_tests::scratch;
use epistemic_tests::seed::{generator, number_from_env, seed};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::load::record_load_with_checkpoint;

fn what_survives_is_a_prefix(durability: &str, seed: u64) -> Result<()> {
    let cuts = number_from_env("EG_POWER_CUTS", 12);
    let server = || crash::server().arg("--durability").arg(durability);
    let load = record_load_with_checkpoint(server(), Mix::ALL, seed)?;
    let instants = load.recording.instants()?;
    let mut random = generator(seed, 1);
    let (mut done, mut of, mut partly) = (0, 0, 0);
    for cut in 0..cuts {
        let at = *instants.choose(&mut random).context("nothing was recorded")?;
        let loss = if cut % 2 == 0 { Loss::Strict } else { Loss::Random(random.random()) };
        let data = scratch::folder()?;
        load.recording.cut(at, loss, data.path())?;
        let told =
            || format!("--durability {durability}, cut at {at}, {loss:?}, {}", scratch::told(data.path()));
        let server = server().persist_dir(data.path()).start().with_context(told)?;
        let survived = load.writers.check_prefix(&server, at).with_context(told)?;
        done += survived.done;
        of += survived.of;
        partly += usize::from(survived.done > 0 && survived.done < survived.of);
    }
    ensure!(partly > 0, "every cut kept nothing or all: they prove nothing");
    eprintln!("figures: cuts={cuts} survived={done} of={of}");
    Ok(())
}

#[test]
fn what_survives_of_unsynced_writes_is_a_prefix() -> Result<()> {
    what_survives_is_a_prefix("none", seed("what_survives_of_unsynced_writes_is_a_prefix"))
}

#[test]
fn what_survives_of_writes_synced_at_intervals_is_a_prefix() -> Result<()> {
    what_survives_is_a_prefix("interval:20", seed("what_survives_of_writes_synced_at_intervals_is_a_prefix"))
}

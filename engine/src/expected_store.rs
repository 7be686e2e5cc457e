//! Which store a persist directory must hold: a directory that should have data and has none must not become a new, empty
//! store that nobody notices.

use std::path::{Path, PathBuf};

use epistemic_storage::{datadir::Identity, durable};
use fs_err as fs;

use crate::config::Config;

/// The directory does not hold the store that was expected, so nothing was opened or created.
#[derive(Debug, thiserror::Error)]
#[error("{0} (docs/errors/wrong-store.md)")]
pub(crate) struct WrongStore(String);

/// What the flags say of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever is there; an empty directory becomes a new store.
    Any,
    /// The one with this identity.
    Store(String),
    /// The one whose identity is in the file. Without that file: with `init` whatever is there, which is noted in it.
    Noted { file: PathBuf, init: bool },
}

/// Whether a store is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is opened.
    Store,
    /// It is about to be created.
    Nothing,
}

impl Expected {
    /// As configured.
    ///
    /// # Errors
    /// The text for standard error; the process exits with 2 then.
    pub(crate) fn of(config: &Config) -> Result<Self, String> {
        let store = config.expect_store.clone().filter(|store| !store.is_empty());
        let expected = match (store, &config.store_id_file) {
            (Some(_), Some(_)) => return Err("give --expect-store or --store-id-file, not both".into()),
            (Some(_), None) if config.init => {
                return Err(
                    "--init and --expect-store exclude each other: a new store has a new identity".into()
                );
            }
            (Some(store), None) => Self::Store(store),
            (None, Some(file)) => Self::Noted { file: file.clone(), init: config.init },
            (None, None) => Self::Any,
        };
        if config.is_in_memory() && (expected != Self::Any || config.init) {
            return Err(
                "--init, --expect-store and --store-id-file need a --persist-dir, a --store or a --follow"
                    .into(),
            );
        }
        Ok(expected)
    }

    /// Compares with what is in `dir`, before anything is opened or created there.
    ///
    /// # Errors
    /// [`WrongStore`]; a file that cannot be read.
    pub(crate) fn check(&self, dir: &Path) -> anyhow::Result<Found> {
        let found = Identity::load(dir)?.map(|identity| identity.store_id);
        self.compare(found, &dir.display().to_string())
    }

    /// Compares with the identity that was found at `place`, before anything is opened or created there.
    ///
    /// # Errors
    /// [`WrongStore`]; a file that cannot be read.
    pub(crate) fn compare(&self, found: Option<String>, place: &str) -> anyhow::Result<Found> {
        let (expected, from) = match self {
            Self::Any => (None, String::new()),
            Self::Store(store) => (Some(store.clone()), String::new()),
            Self::Noted { file, init } => match noted(file)? {
                None if !init => return Err(WrongStore(without_note(file, place, found.as_deref())).into()),
                noted => (noted, format!(", as '{}' says", file.display())),
            },
        };
        match (expected, &found) {
            (Some(expected), None) => Err(WrongStore(format!(
                "'{place}' holds no store, and the store {expected} was expected{from}: nothing was created. Is a file system \
                 not mounted, or the path another one?"
            ))
            .into()),
            (Some(expected), Some(found)) if expected != *found => Err(WrongStore(format!(
                "'{place}' holds the store {found}, and the store {expected} was expected{from}: nothing was opened. If {found} \
                 is right, say so where {expected} is said"
            ))
            .into()),
            (_, Some(_)) => Ok(Found::Store),
            (None, None) => Ok(Found::Nothing),
        }
    }

    /// Notes which store was opened, where that is asked for and not done yet. Durable on return.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn note(&self, store: &str) -> anyhow::Result<()> {
        let Self::Noted { file, .. } = self else { return Ok(()) };
        if noted(file)?.is_none() {
            durable::write(file, format!("{store}\n").as_bytes())?;
            tracing::info!("from now on the store {store} is expected, as noted in '{}'", file.display());
        }
        Ok(())
    }
}

/// The identity in a file; none without the file.
fn noted(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => Err(WrongStore(format!(
            "'{}' is empty: write the identity of the store into it, or remove it and start once with --init",
            file.display()
        ))
        .into()),
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn without_note(file: &Path, place: &str, found: Option<&str>) -> String {
    let found = match found {
        Some(store) => format!("the store {store}"),
        None => "no store".to_owned(),
    };
    format!(
        "there is no '{}' that says which store is expected, and '{place}' holds {found}: start once with --init if that is \
         right",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use epistemic_storage::{RocksOptions, datadir::DataDir};

    use super::*;

    fn expected(flags: &[&str]) -> Result<Expected, String> {
        let flags = ["epistemic-graph-server", "--persist-dir", "d"].iter().chain(flags);
        Expected::of(&Config::try_parse_from(flags).map_err(|error| error.to_string())?)
    }

    fn store(dir: &Path) -> String {
        let (owner, _store) = DataDir::open_store(dir, &RocksOptions::default()).unwrap();
        owner.identity().store_id.clone()
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        assert_eq!(expected(&[]), Ok(Expected::Any));
        assert_eq!(expected(&["--init"]), Ok(Expected::Any));
        assert_eq!(expected(&["--expect-store", ""]), Ok(Expected::Any));
        assert_eq!(expected(&["--expect-store", "x"]), Ok(Expected::Store("x".into())));
        for flags in
            [&["--init", "--expect-store", "x"][..], &["--expect-store", "x", "--store-id-file", "f"]]
        {
            assert!(expected(flags).is_err(), "{flags:?}");
        }
        let in_memory = Config::try_parse_from(["epistemic-graph-server", "--init"]).unwrap();
        assert!(Expected::of(&in_memory).is_err());
    }

    #[test]
    fn a_note_is_made_once_and_then_obeyed() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, file) = (folder.path().join("shard"), folder.path().join("shard.store"));
        let noted = |init| Expected::Noted { file: file.clone(), init };
        let refused = noted(false).check(&dir).unwrap_err();
        assert!(refused.is::<WrongStore>() && refused.to_string().contains("--init"), "{refused}");
        assert_eq!(noted(true).check(&dir).unwrap(), Found::Nothing);

        let first = store(&dir);
        assert_eq!(noted(true).check(&dir).unwrap(), Found::Store);
        noted(true).note(&first).unwrap();
        for init in [false, true] {
            assert_eq!(noted(init).check(&dir).unwrap(), Found::Store);
            let elsewhere = folder.path().join("not mounted");
            let refused = noted(init).check(&elsewhere).unwrap_err();
            assert!(refused.is::<WrongStore>() && refused.to_string().contains(&first), "{refused}");
            assert!(!elsewhere.exists());
        }
        let other = folder.path().join("other");
        let second = store(&other);
        let refused = noted(true).check(&other).unwrap_err().to_string();
        assert!(refused.contains(&first) && refused.contains(&second), "{refused}");
        noted(true).note(&second).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().trim(), first);
        fs::write(&file, "").unwrap();
        assert!(noted(true).check(&dir).unwrap_err().is::<WrongStore>());
    }

    #[test]
    fn one_store_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let id = store(folder.path());
        assert_eq!(Expected::Store(id).check(folder.path()).unwrap(), Found::Store);
        assert!(Expected::Store("another".into()).check(folder.path()).unwrap_err().is::<WrongStore>());
        assert_eq!(Expected::Any.check(&folder.path().join("new")).unwrap(), Found::Nothing);
    }
}

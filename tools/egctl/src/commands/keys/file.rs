//! The file as a document whose comments and order stay, and writing it back as a whole.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use epistemic_keys::{KeysFile, Stamp};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{Gid, Uid, fchown};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use crate::exit::{Exit, Failure};

/// Which file.
#[derive(Args, Debug)]
pub(super) struct FileArgs {
    /// The keys file of the shard.
    #[arg(long, env = "GRAPH_SERVICE_KEYS_FILE", value_name = "FILE")]
    keys_file: PathBuf,
}

/// An opened file.
pub(super) struct Document {
    path: PathBuf,
    /// As it was read; none for one that is to be made.
    before: Option<Stamp>,
    pub(super) parsed: KeysFile,
    edited: DocumentMut,
}

impl FileArgs {
    /// Reads it. It has to be there.
    pub(super) fn open(&self) -> Result<Document> {
        let read = epistemic_keys::read(&self.keys_file);
        let (text, parsed, stamp) =
            read.map_err(|error| Failure::new(Exit::Usage, format!("keys file: {error}")))?;
        let edited = text.parse().map_err(|_| Failure::new(Exit::Usage, "keys file: it is no TOML"))?;
        Ok(Document { path: self.keys_file.clone(), before: Some(stamp), parsed, edited })
    }

    /// Reads it, or begins one.
    pub(super) fn open_or_begin(&self) -> Result<Document> {
        if self.keys_file.exists() {
            return self.open();
        }
        let (parsed, edited) = (KeysFile::default(), DocumentMut::new());
        Ok(Document { path: self.keys_file.clone(), before: None, parsed, edited })
    }

    pub(super) fn path(&self) -> &Path {
        &self.keys_file
    }
}

/// What kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Derived,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Derived => "derived",
        }
    }

    /// The field with its name.
    fn name(self) -> &'static str {
        match self {
            Self::Key => "id",
            Self::Derived => "prefix",
        }
    }

    /// The field with its secrets.
    pub(super) fn secrets(self) -> &'static str {
        match self {
            Self::Key => "secrets",
            Self::Derived => "roots",
        }
    }
}

impl Document {
    fn entries(&mut self, kind: Kind) -> Result<&mut ArrayOfTables> {
        let item = self.edited.entry(kind.table()).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        let form = || {
            format!(
                "keys file: write each entry as a table that begins with [[{}]] to edit it here",
                kind.table()
            )
        };
        item.as_array_of_tables_mut().ok_or_else(|| Failure::new(Exit::Usage, form()).into())
    }

    /// Adds an entry at the end. What a file without entries says stays at its beginning.
    pub(super) fn add(&mut self, kind: Kind, mut entry: Table) -> Result<()> {
        if self.edited.is_empty()
            && let Some(text) = self.edited.trailing().as_str().map(str::to_owned)
        {
            entry.decor_mut().set_prefix(text);
            self.edited.set_trailing("");
        }
        self.entries(kind)?.push(entry);
        Ok(())
    }

    /// The entry of this name.
    pub(super) fn entry(&mut self, kind: Kind, name: &str) -> Result<&mut Table> {
        let is_it = |table: &&mut Table| table.get(kind.name()).and_then(Item::as_str) == Some(name);
        let found = self.entries(kind)?.iter_mut().find(is_it);
        found.ok_or_else(|| {
            Failure::new(Exit::Usage, format!("there is no key '{}'", name.escape_debug())).into()
        })
    }

    /// Removes the entry of this name; false when there is none. Comments before it stay: they may be about the whole file.
    pub(super) fn remove(&mut self, kind: Kind, name: &str) -> Result<bool> {
        let entries = self.entries(kind)?;
        let is_it = |table: &Table| table.get(kind.name()).and_then(Item::as_str) == Some(name);
        let Some(at) = entries.iter().position(is_it) else { return Ok(false) };
        let before = |table: &Table| {
            let text = table.decor().prefix().and_then(|prefix| prefix.as_str());
            text.unwrap_or_default().to_owned()
        };
        let comments = entries.get(at).map(before).filter(|text| text.contains('#')).unwrap_or_default();
        entries.remove(at);
        match entries.get_mut(at) {
            Some(next) => {
                let text = comments + &before(next);
                next.decor_mut().set_prefix(text);
            }
            None => {
                let text = comments + self.edited.trailing().as_str().unwrap_or_default();
                self.edited.set_trailing(text);
            }
        }
        Ok(true)
    }

    /// The prefix of derived keys that this id is one of, and its tenant.
    pub(super) fn derived_of<'a>(&self, id: &'a str) -> Option<(String, &'a str)> {
        let prefixes = self.parsed.derived.iter().map(|derived| derived.prefix.clone());
        prefixes.into_iter().find_map(|prefix| Some((prefix.clone(), id.strip_prefix(&*prefix)?)))
    }

    /// Puts a tenant into a list of an entry of derived keys, or takes it out.
    pub(super) fn list_tenant(&mut self, prefix: &str, list: &str, tenant: &str, is_in: bool) -> Result<()> {
        let entry = self.entry(Kind::Derived, prefix)?;
        let tenants = entry.entry(list).or_insert(toml_edit::value(toml_edit::Array::new())).as_array_mut();
        let tenants =
            tenants.ok_or_else(|| Failure::new(Exit::Usage, format!("keys file: {list} is no list")))?;
        tenants.retain(|known| known.as_str() != Some(tenant));
        if is_in {
            tenants.push(tenant);
        }
        Ok(())
    }

    /// Checks it as a server does and puts it in the place of the file, whose owner it keeps. Durable on return; the file has its
    /// old or its new content whatever happens.
    pub(super) fn write(self) -> Result<()> {
        let text = self.edited.to_string();
        KeysFile::parse(&text)
            .map_err(|error| Failure::new(Exit::Usage, format!("{error}; the keys file was not changed")))?;
        let temporary = self.path.with_extension("tmp");
        let before = self.path.exists().then(|| fs::metadata(&self.path)).transpose()?;
        if before.as_ref().map(Stamp::from) != self.before {
            let text = "the keys file was changed by another program meanwhile; nothing was done, try again";
            return Err(Failure::new(Exit::Failed, text).into());
        }
        let _ = fs::remove_file(&temporary);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        if let Some(before) =
            before.filter(|before| file.metadata().is_ok_and(|own| own.uid() != before.uid()))
        {
            let (owner, group) = (Uid::from_raw(before.uid()), Gid::from_raw(before.gid()));
            fchown(&file, Some(owner), Some(group)).context("cannot give the keys file to its owner")?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok(fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?)
    }
}

/// `{ text = SECRET }`
pub(super) fn secret(text: &str) -> Value {
    let mut table = InlineTable::new();
    table.insert("text", text.into());
    table.into()
}

/// A list of texts.
pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Item {
    toml_edit::value(texts.into_iter().map(String::as_str).collect::<toml_edit::Array>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_and_what_no_server_would_take_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        let args = FileArgs { keys_file: path.clone() };
        let table = |id: &str| {
            let mut table = Table::new();
            table.insert("id", toml_edit::value(id));
            table.insert("role", toml_edit::value("operator"));
            let secrets: toml_edit::Array = [secret("0123456789abcdef")].into_iter().collect();
            table.insert("secrets", toml_edit::value(secrets));
            table
        };
        let mut document = args.open_or_begin().unwrap();
        document.add(Kind::Key, table("a")).unwrap();
        document.write().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("# whose keys these are\n{text}# the end\n")).unwrap();
        let mut document = args.open().unwrap();
        document.add(Kind::Key, table("b")).unwrap();
        document.write().unwrap();
        let mut document = args.open().unwrap();
        assert_eq!(document.parsed.keys.len(), 2);
        assert!(document.remove(Kind::Key, "a").unwrap() && !document.remove(Kind::Key, "a").unwrap());
        document.write().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("# whose keys these are") && text.contains("id = \"b\"") && !text.contains("\"a\""),
            "{text}"
        );
        let mut document = args.open().unwrap();
        document.add(Kind::Key, table("b")).unwrap();
        assert!(document.write().unwrap_err().to_string().contains("not changed"));
        let mut document = args.open().unwrap();
        document.add(Kind::Key, table("c")).unwrap();
        fs::write(&path, &text[..0]).unwrap();
        assert!(document.write().unwrap_err().to_string().contains("meanwhile"));
    }
}

//! What became of the keys when the file was read again, for the audit log. No secret is kept for that.

use std::collections::BTreeMap;

use epistemic_keys::{KeysFile, Secret};
use sha2::{Digest, Sha256};

/// The file was read again.
#[derive(Debug)]
pub(crate) struct Reloaded {
    pub(crate) count: usize,
    /// What happened to keys: the event, and the id of the key.
    pub(crate) changes: Vec<(&'static str, String)>,
}

/// A key as it was, but for its secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    frozen: bool,
    /// What it may do, and when.
    may: String,
    secrets: Vec<[u8; 32]>,
}

/// The keys of a file by their ids. Tenants of derived keys that are frozen or shut out are there by name.
pub(super) fn known(file: &KeysFile) -> BTreeMap<String, Known> {
    let mut all = BTreeMap::new();
    for key in &file.keys {
        let may = format!(
            "{} {:?} {:?} {:?} {:?} {:?} {} {:?}",
            key.role,
            key.graphs,
            key.may_act_as,
            key.certificates,
            key.tokens,
            key.validity,
            key.principal,
            key.quota_class
        );
        all.insert(key.id.clone(), Known { frozen: key.frozen, may, secrets: hashes(&key.secrets) });
    }
    for derived in &file.derived {
        let may = format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?}",
            derived.role,
            derived.graphs,
            derived.except,
            derived.frozen,
            derived.tokens,
            derived.validity,
            derived.quota_class
        );
        let known = Known { frozen: false, may, secrets: hashes(&derived.roots) };
        all.insert(format!("{}*", derived.prefix), known);
    }
    all
}

fn hashes(secrets: &[Secret]) -> Vec<[u8; 32]> {
    secrets.iter().map(|secret| Sha256::digest(secret.text.expose()).into()).collect()
}

/// What happened between two states of the file.
pub(super) fn between(
    before: &BTreeMap<String, Known>,
    now: &BTreeMap<String, Known>,
) -> Vec<(&'static str, String)> {
    let mut changes = Vec::new();
    for (id, known) in now {
        let mut tell = |event| changes.push((event, id.clone()));
        let Some(then) = before.get(id) else {
            tell("key-added");
            continue;
        };
        match (then.frozen, known.frozen) {
            (false, true) => tell("key-frozen"),
            (true, false) => tell("key-thawed"),
            (true, true) | (false, false) => {}
        }
        if then.may != known.may {
            tell("key-changed");
        }
        if then.secrets != known.secrets {
            tell("key-rotated");
        }
    }
    let gone = before.keys().filter(|id| !now.contains_key(*id));
    changes.extend(gone.map(|id| ("key-retired", id.clone())));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_its_name() {
        let file = |text: &str| known(&KeysFile::parse(text).unwrap());
        let key = |id: &str, more: &str, secrets: &str| {
            format!(
                "[[key]]\nid = \"{id}\"\nrole = \"reader\"\ngraphs = [\"*\"]\n{more}\nsecrets = [{secrets}]\n"
            )
        };
        let (one, two) = ("{ text = \"secret-of-the-key\" }", "{ text = \"another-of-the-key\" }");
        let before = file(&(key("a", "", one) + &key("b", "frozen = true", one)));
        for (text, expected) in [
            (key("a", "", one) + &key("b", "frozen = true", one), vec![]),
            (key("b", "", one), vec![("key-thawed", "b"), ("key-retired", "a")]),
            (
                key("a", "frozen = true", &format!("{two}, {one}"))
                    + &key("b", "frozen = true\nmay_act_as = [\"c\"]", one)
                    + &key("d", "", one),
                vec![("key-frozen", "a"), ("key-rotated", "a"), ("key-changed", "b"), ("key-added", "d")],
            ),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(event, id)| (event, id.to_owned())).collect();
            assert_eq!(between(&before, &file(&text)), expected);
        }
    }
}

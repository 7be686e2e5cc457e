//! The rules: those of the file, and those that were set on the running shard.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{
    kind::{Kind, Limits},
    pattern::Pattern,
};

/// Rules of a file: of each tenant the first that matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    tenant: Pattern,
    limits: Limits,
}

/// Bytes of a file at most.
const MAX_FILE: u64 = 4 << 20;

impl Rules {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let found = fs_err::metadata(file).map_err(|error| error.to_string())?;
        let (path, length) = (file.display(), found.len());
        if !found.is_file() {
            return Err(format!("'{path}' is no file"));
        }
        if length > MAX_FILE {
            return Err(format!("'{path}' has {length} bytes, {MAX_FILE} are the most"));
        }
        let text = fs_err::read_to_string(file).map_err(|error| error.to_string())?;
        Self::parse(&text).map_err(|error| format!("'{}': {error}", file.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document = DeTable::parse(text).map_err(|error| error.to_string())?;
        let mut rules = Vec::new();
        for (key, value) in document.get_ref() {
            let key = key.get_ref();
            if key != "rule" {
                return Err(format!("unknown key '{}': there are only [[rule]]s", key.escape_debug()));
            }
            let list =
                value.get_ref().as_array().ok_or("'rule' is no list: begin each rule with [[rule]]")?;
            for (index, rule) in list.iter().enumerate() {
                let rule = Rule::parse(rule.get_ref());
                rules.push(rule.map_err(|error| format!("rule {}: {error}", index + 1))?);
            }
        }
        Ok(Self(rules))
    }

    fn of(&self, tenant: &str) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.tenant.matches(tenant))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Rule {
    fn parse(rule: &DeValue<'_>) -> Result<Self, String> {
        let table = rule.as_table().ok_or("it is no table")?;
        let mut tenant = None;
        let mut limits = Limits::default();
        for (key, value) in table {
            let (key, value) = (key.get_ref(), value.get_ref());
            if key == "tenant" {
                tenant = Some(Pattern::new(value.as_str().ok_or("its tenant is no text")?)?);
                continue;
            }
            let kind = Kind::from_name(key)?;
            let limit = match (value.as_str(), value.as_integer()) {
                (Some(text), _) => kind.parse(text)?,
                (None, Some(number)) => kind.parse(&number.to_string())?,
                (None, None) => return Err(format!("{key}: give a whole number")),
            };
            limits.set(kind, Some(limit));
        }
        let tenant = tenant.ok_or("it has no tenant; tenant = \"*\" is for all")?;
        Ok(Self { tenant, limits })
    }
}

/// What was set for tenants on the running shard. It goes before the file, limit by limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Overrides(Vec<Override>);

#[derive(Debug, Clone, PartialEq)]
struct Override {
    tenant: Pattern,
    /// `None` is no limit, whatever the file says.
    limits: Vec<(Kind, Option<u64>)>,
}

/// Rules that can be set at most.
const MAX_OVERRIDES: usize = 10_000;
/// The text of a limit that is not limited.
const NONE: &str = "none";
/// The text of a limit that is as the file says.
const FILE: &str = "file";

impl Overrides {
    /// Sets limits `KIND=VALUE` of a tenant pattern; without any, drops what was set for it. Other limits that were set for
    /// the same pattern stay.
    ///
    /// # Errors
    /// What cannot be understood; nothing has changed.
    pub(super) fn set(&mut self, tenant: &str, limits: &[impl AsRef<str>]) -> Result<(), String> {
        if limits.len() > Kind::COUNT {
            return Err(format!("{} limits, there are {}: give each once", limits.len(), Kind::COUNT));
        }
        let tenant = Pattern::new(tenant)?;
        let mut changes = Vec::with_capacity(limits.len());
        for limit in limits {
            let limit = limit.as_ref();
            let (name, value) = limit.split_once('=').ok_or_else(|| {
                format!("'{}': give LIMIT=VALUE, LIMIT=none or LIMIT=file", limit.escape_debug())
            })?;
            let kind = Kind::from_name(name)?;
            let value = match value {
                FILE => None,
                NONE => Some(None),
                value => Some(Some(kind.parse(value)?)),
            };
            changes.push((kind, value));
        }
        let found = self.0.iter().position(|rule| rule.tenant == tenant);
        let mut rule = match found {
            Some(index) if !limits.is_empty() => self.0[index].clone(),
            Some(_) | None => Override { tenant, limits: Vec::new() },
        };
        for (kind, value) in changes {
            rule.limits.retain(|(other, _)| *other != kind);
            rule.limits.extend(value.map(|value| (kind, value)));
        }
        match (found, rule.limits.is_empty()) {
            (Some(index), true) => drop(self.0.remove(index)),
            (Some(index), false) => self.0[index] = rule,
            (None, true) => {}
            (None, false) if self.0.len() >= MAX_OVERRIDES => {
                return Err(format!("{MAX_OVERRIDES} rules are set already, use --quotas FILE"));
            }
            (None, false) => self.0.push(rule),
        }
        Ok(())
    }

    /// The rule of a tenant: one of its name, else the pattern that was set first.
    fn of(&self, tenant: &str) -> Option<&Override> {
        let exact = self.0.iter().find(|rule| rule.tenant.is_exact() && rule.tenant.matches(tenant));
        exact.or_else(|| self.0.iter().find(|rule| rule.tenant.matches(tenant)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each pattern with its limits as texts, as [`Overrides::set`] takes them.
    pub(super) fn texts(&self) -> Vec<(String, Vec<String>)> {
        let text = |(kind, limit): &(Kind, Option<u64>)| {
            let value = limit.map_or_else(|| NONE.to_owned(), |limit| limit.to_string());
            format!("{}={value}", kind.name())
        };
        let rule = |rule: &Override| (rule.tenant.text().to_owned(), rule.limits.iter().map(text).collect());
        self.0.iter().map(rule).collect()
    }
}

/// Which limits a tenant has, and by which rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) limits: Limits,
    /// The patterns that matched, for people; empty without any.
    pub(super) rule: String,
    /// A rule has exactly its name.
    pub(super) by_name: bool,
}

/// The limits of a tenant: of each kind what was set, else what the file says, else none.
pub(super) fn limits_of(rules: &Rules, overrides: &Overrides, tenant: &str) -> Verdict {
    let (rule, over) = (rules.of(tenant), overrides.of(tenant));
    let mut limits = rule.map(|rule| rule.limits).unwrap_or_default();
    for (kind, limit) in over.iter().flat_map(|over| &over.limits) {
        limits.set(*kind, *limit);
    }
    let patterns = [over.map(|over| &over.tenant), rule.map(|rule| &rule.tenant)];
    let by_name = patterns.iter().flatten().any(|pattern| pattern.is_exact());
    let words = [over.map(|over| format!("set {}", over.tenant)), rule.map(|rule| rule.tenant.to_string())];
    Verdict { limits, rule: words.into_iter().flatten().collect::<Vec<_>>().join(", "), by_name }
}

#[cfg(test)]
mod tests;

//! What stands in the file.

use serde::Deserialize;

use crate::{Role, Secret, SecretText, Validity, check, validity::Time};

/// What is wrong with a file. No text has a secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no TOML, or no TOML of this form.
    #[error("line {line}: {reason}")]
    Form {
        /// From 1 on.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A key cannot be used as it stands.
    #[error("key '{}': {reason}", .id.escape_debug())]
    Key {
        /// Its id, or prefix.
        id: String,
        /// What is wrong, and what to write.
        reason: String,
    },
}

/// Versions of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// Over the id of a request.
    pub by_id: bool,
    /// Over all of it.
    pub signed: bool,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What requests name it by.
    pub id: String,
    /// Who they are from.
    pub principal: String,
    /// The current secret, and the previous one if there is one. None where certificates alone show it.
    pub secrets: Vec<Secret>,
    /// URIs of client certificates that show it as a secret does.
    pub certificates: Vec<String>,
    /// What it may do.
    pub role: Role,
    /// Patterns of graph names, for the roles that have them.
    pub graphs: Vec<String>,
    /// Other agents that its requests may name.
    pub may_act_as: Vec<String>,
    /// Which tokens are taken.
    pub tokens: Tokens,
    /// When it counts.
    pub validity: Validity,
    /// It only reads, whatever its role.
    pub frozen: bool,
    /// The quota class that its requests count for besides; of a role that has patterns.
    pub quota_class: Option<String>,
}

/// Keys of tenants that are made of one secret: id, secret and patterns of each follow from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// What their ids begin with; the tenant follows.
    pub prefix: String,
    /// The current root, and the previous one if there is one.
    pub roots: Vec<Secret>,
    /// What they may do; a role that has patterns.
    pub role: Role,
    /// Patterns with [`TENANT`](crate::TENANT) in place of the tenant.
    pub graphs: Vec<String>,
    /// Which tokens are taken.
    pub tokens: Tokens,
    /// When they count.
    pub validity: Validity,
    /// Tenants that have none.
    pub except: Vec<String>,
    /// Tenants that only read, whatever the role.
    pub frozen: Vec<String>,
    /// The quota class that requests of all of them count for besides.
    pub quota_class: Option<String>,
}

/// All keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeysFile {
    /// Those of their own.
    pub keys: Vec<Key>,
    /// Those that are derived.
    pub derived: Vec<Derived>,
}

impl KeysFile {
    /// Reads the text of a file, and checks all that is in it.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let raw: Raw = toml::from_str(text).map_err(|error| form(text, &error))?;
        let file = Self {
            keys: raw.key.into_iter().map(Key::from).collect(),
            derived: raw.derived.into_iter().map(Derived::from).collect(),
        };
        check::all(&file)?;
        Ok(file)
    }
}

/// The line and the kind of a mistake. The library shows the line itself, and values: secrets among them.
fn form(text: &str, error: &toml::de::Error) -> KeysError {
    let begun = error.span().map_or(0, |span| span.start).min(text.len());
    let line = 1 + text.as_bytes()[..begun].iter().filter(|byte| **byte == b'\n').count();
    const HARMLESS: [&str; 4] = ["unknown field", "missing field", "duplicate", "a time needs"];
    let message = error.message();
    let reason = if HARMLESS.iter().any(|begin| message.starts_with(begin)) {
        message.to_owned()
    } else if message.starts_with("unknown variant") {
        let roles = Role::ALL.map(Role::name).join(", ");
        format!("there is no such role, give one of {roles}")
    } else {
        "it is not of the form of a keys file (docs/keys.md)".to_owned()
    };
    KeysError::Form { line, reason }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    key: Vec<RawKey>,
    #[serde(default)]
    derived: Vec<RawDerived>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    id: String,
    principal: Option<String>,
    #[serde(default)]
    secrets: Vec<RawSecret>,
    #[serde(default)]
    certificates: Vec<String>,
    role: Role,
    #[serde(default)]
    graphs: Vec<String>,
    #[serde(default)]
    may_act_as: Vec<String>,
    tokens: Option<Vec<u8>>,
    not_before: Option<Time>,
    not_after: Option<Time>,
    #[serde(default)]
    frozen: bool,
    quota_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDerived {
    prefix: String,
    roots: Vec<RawSecret>,
    role: Role,
    graphs: Vec<String>,
    tokens: Option<Vec<u8>>,
    not_before: Option<Time>,
    not_after: Option<Time>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    frozen: Vec<String>,
    quota_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSecret {
    text: SecretText,
    not_before: Option<Time>,
    not_after: Option<Time>,
}

fn validity(not_before: Option<Time>, not_after: Option<Time>) -> Validity {
    Validity { not_before: not_before.map(|time| time.0), not_after: not_after.map(|time| time.0) }
}

/// Without a list both; one without a known version takes none, which is refused later.
fn tokens(versions: Option<Vec<u8>>) -> Tokens {
    let versions = versions.unwrap_or_else(|| vec![1, 2]);
    let only_known = versions.iter().all(|version| [1, 2].contains(version));
    Tokens { by_id: only_known && versions.contains(&1), signed: only_known && versions.contains(&2) }
}

fn secrets(raw: Vec<RawSecret>) -> Vec<Secret> {
    let secret =
        |raw: RawSecret| Secret { text: raw.text, validity: validity(raw.not_before, raw.not_after) };
    raw.into_iter().map(secret).collect()
}

impl From<RawKey> for Key {
    fn from(raw: RawKey) -> Self {
        Self {
            principal: raw.principal.unwrap_or_else(|| raw.id.clone()),
            id: raw.id,
            secrets: secrets(raw.secrets),
            certificates: raw.certificates,
            role: raw.role,
            graphs: raw.graphs,
            may_act_as: raw.may_act_as,
            tokens: tokens(raw.tokens),
            validity: validity(raw.not_before, raw.not_after),
            frozen: raw.frozen,
            quota_class: raw.quota_class,
        }
    }
}

impl From<RawDerived> for Derived {
    fn from(raw: RawDerived) -> Self {
        Self {
            prefix: raw.prefix,
            roots: secrets(raw.roots),
            role: raw.role,
            graphs: raw.graphs,
            tokens: tokens(raw.tokens),
            validity: validity(raw.not_before, raw.not_after),
            except: raw.except,
            frozen: raw.frozen,
            quota_class: raw.quota_class,
        }
    }
}

//! What is checked of a file before any of it counts.

use std::collections::HashMap;

use crate::{DEFAULT, KeysError, KeysFile, MIN_SECRET, Role, Secret, TENANT, Tokens};

/// Bytes of a name or a pattern at most.
const MAX_NAME: usize = 1024;

pub(crate) fn all(file: &KeysFile) -> Result<(), KeysError> {
    for derived in &file.derived {
        let fail = |reason: &str| Err(key_error(&derived.prefix, reason));
        name(&derived.prefix, &derived.prefix)?;
        secrets(&derived.prefix, &derived.roots)?;
        tokens(&derived.prefix, derived.tokens)?;
        if !derived.role.has_patterns() {
            return fail("derived keys are for tenants: the role is reader, writer or owner");
        }
        if derived.graphs.is_empty() || derived.graphs.iter().any(|graph| !graph.contains(TENANT)) {
            return fail("each of its graphs is a pattern with {tenant} in it, such as tenant__{tenant}__*");
        }
        patterns(&derived.prefix, &derived.graphs)?;
        class(&derived.prefix, derived.quota_class.as_deref())?;
        let overlaps = |other: &&crate::Derived| {
            other.prefix.starts_with(&derived.prefix) || derived.prefix.starts_with(&other.prefix)
        };
        if file.derived.iter().filter(overlaps).count() > 1 {
            return fail("another prefix begins like this one");
        }
    }
    // Whose a name is: a key's by its id, or by whom it may act as.
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut uris: HashMap<&str, &str> = HashMap::new();
    for key in &file.keys {
        let fail = |reason: &str| Err(key_error(&key.id, reason));
        let is_default = key.id == DEFAULT;
        for text in [&key.id, &key.principal].into_iter().chain(&key.may_act_as) {
            name(&key.id, text)?;
            if file.derived.iter().any(|derived| text.starts_with(&derived.prefix)) {
                return fail("it has a name that begins with the prefix of derived keys");
            }
        }
        if key.certificates.is_empty() || !key.secrets.is_empty() {
            secrets(&key.id, &key.secrets)?;
        }
        for uri in &key.certificates {
            certificate(&key.id, uri)?;
            if let Some(other) = uris.insert(uri, &key.id) {
                return fail(&format!(
                    "certificate '{}' is one of key '{}' already",
                    uri.escape_debug(),
                    other.escape_debug()
                ));
            }
        }
        tokens(&key.id, key.tokens)?;
        patterns(&key.id, &key.graphs)?;
        class(&key.id, key.quota_class.as_deref())?;
        if key.quota_class.is_some() && !key.role.has_patterns() {
            return fail("no quota counts for operator and system: leave quota_class out");
        }
        match (key.role.has_patterns(), key.graphs.is_empty()) {
            (true, true) => {
                return fail("it has no graphs: give patterns of names, such as [\"tenant__acme__*\"]");
            }
            (false, false) => return fail("operator and system are for all graphs: leave graphs out"),
            (true, false) | (false, true) => {}
        }
        if key.frozen && !key.role.has_patterns() {
            return fail("operator and system cannot be frozen: retire the key");
        }
        if is_default && !key.certificates.is_empty() {
            return fail(
                "the default key is that of requests that name none: give certificates to a key of their own",
            );
        }
        if is_default && (!key.may_act_as.is_empty() || key.principal != key.id) {
            return fail(
                "requests of the default key say themselves who they are from: leave principal and may_act_as out",
            );
        }
        for own in std::iter::once(&key.id).chain(&key.may_act_as) {
            if let Some(other) = names.insert(own, &key.id) {
                let reason =
                    format!("'{}' is a name of key '{}' already", own.escape_debug(), other.escape_debug());
                return fail(&reason);
            }
        }
    }
    for key in &file.keys {
        // Several keys may have one principal; it must not be the name of a key of another one.
        let named = file.keys.iter().find(|other| other.id != key.id && other.id == key.principal);
        let acting =
            file.keys.iter().find(|other| other.id != key.id && other.may_act_as.contains(&key.principal));
        let elevated = |other: &&crate::Key| other.principal != key.principal;
        if let Some(other) = named.filter(elevated).or(acting) {
            let reason = format!("its principal is a name of key '{}'", other.id.escape_debug());
            return Err(key_error(&key.id, &reason));
        }
    }
    roles_of_principals(file)
}

/// Who is an operator, or system, is so by all keys: what agents may do by the rules of identities goes by their name.
fn roles_of_principals(file: &KeysFile) -> Result<(), KeysError> {
    let is_trusted = |role: Role| !role.has_patterns();
    let mut roles: HashMap<&str, bool> = HashMap::new();
    for key in file.keys.iter().filter(|key| key.id != DEFAULT) {
        for name in std::iter::once(&key.principal).chain(&key.may_act_as) {
            if roles.insert(name, is_trusted(key.role)).is_some_and(|before| before != is_trusted(key.role)) {
                return Err(key_error(
                    &key.id,
                    "another key of its principal is for operators, and this one is not, or the other way round",
                ));
            }
        }
    }
    Ok(())
}

fn key_error(id: &str, reason: &str) -> KeysError {
    KeysError::Key { id: id.to_owned(), reason: reason.to_owned() }
}

fn name(id: &str, text: &str) -> Result<(), KeysError> {
    if text.trim().is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(key_error(id, "a name is 1 to 1024 bytes, not blank and without control characters"));
    }
    Ok(())
}

/// The name of a client certificate: its first URI, never its common name.
fn certificate(id: &str, uri: &str) -> Result<(), KeysError> {
    name(id, uri)?;
    match uri.split_once(':') {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => Ok(()),
        Some(_) | None => Err(key_error(id, "certificates are named by a URI, such as spiffe://tier/acme")),
    }
}

fn patterns(id: &str, graphs: &[String]) -> Result<(), KeysError> {
    if graphs.iter().any(|graph| graph.is_empty() || graph.len() > MAX_NAME) {
        return Err(key_error(id, "a pattern is 1 to 1024 bytes; * stands for any characters"));
    }
    Ok(())
}

fn class(id: &str, class: Option<&str>) -> Result<(), KeysError> {
    class.map_or(Ok(()), |class| name(id, class))
}

fn tokens(id: &str, tokens: Tokens) -> Result<(), KeysError> {
    if !tokens.by_id && !tokens.signed {
        return Err(key_error(id, "tokens is a list of versions: [1], [2] or [1, 2]"));
    }
    Ok(())
}

fn secrets(id: &str, secrets: &[Secret]) -> Result<(), KeysError> {
    if secrets.is_empty() || secrets.len() > 2 {
        return Err(key_error(id, "it needs one secret, or two: the current one first (or certificates)"));
    }
    if secrets.iter().any(|secret| secret.text.expose().len() < MIN_SECRET) {
        return Err(key_error(id, "a secret has fewer than 16 bytes: make one with: openssl rand -hex 32"));
    }
    if let [current, previous] = secrets
        && current.text == previous.text
    {
        return Err(key_error(id, "both secrets are the same"));
    }
    Ok(())
}

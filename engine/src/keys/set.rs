//! All keys of a state of the file, and which of them a request names.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use epistemic_keys::{
    DEFAULT, Derived, Key as FileKey, KeysFile, Role, Secret, SecretText, TENANT, Tokens, Validity,
    check_tenant, tenant_secret,
};

use super::{
    grant::Grant,
    key::Key,
    series::{Counters, KeySeries},
};

/// The keys in force.
pub(super) struct KeySet {
    /// By all names that a key has.
    names: HashMap<String, Arc<Key>>,
    /// By the URIs of certificates.
    certificates: HashMap<String, Arc<Key>>,
    /// That of requests that name none.
    default: Option<Arc<Key>>,
    derived: Vec<Derivation>,
    /// What a name leads to that no key can be told by.
    nobody: Arc<Key>,
}

/// How the keys of tenants are made.
struct Derivation {
    file: Derived,
    except: HashSet<String>,
    counters: Counters,
}

impl KeySet {
    /// Those of a file, and the shared secret as the default key unless the file has one.
    pub(super) fn new(file: &KeysFile, shared_secret: Option<&str>, series: &KeySeries) -> Self {
        let load = |key: &FileKey| {
            let grant = Arc::new(Grant::of(key));
            let counters = series.of(&key.id, key.secrets.len() > 1);
            let made = Key::new(grant, &key.secrets, key.tokens, key.validity, Some(counters));
            Arc::new(made.with_certificates(&key.certificates))
        };
        let nobody = Arc::new(Key::nobodys(Grant::of(&default_key(Vec::new()))));
        let mut names = HashMap::new();
        let mut default = None;
        let mut principals = Vec::new();
        let mut certificates = HashMap::new();
        for key in &file.keys {
            let loaded = load(key);
            if key.id == DEFAULT {
                default = Some(Arc::clone(&loaded));
            }
            for name in std::iter::once(&key.id).chain(&key.may_act_as) {
                names.insert(name.clone(), Arc::clone(&loaded));
            }
            certificates.extend(key.certificates.iter().map(|uri| (uri.clone(), Arc::clone(&loaded))));
            principals.push((key.principal.clone(), loaded));
        }
        let mut of_principals: HashMap<String, Arc<Key>> = HashMap::new();
        for (principal, key) in principals {
            // Which of several keys is meant a principal alone cannot tell.
            let entry = of_principals.entry(principal);
            entry.and_modify(|known| *known = Arc::clone(&nobody)).or_insert(key);
        }
        for (principal, key) in of_principals {
            names.entry(principal).or_insert(key);
        }
        let shared = |text: &str| {
            load(&default_key(vec![secret(SecretText::new(text.to_owned()), Validity::default())]))
        };
        let default = default.or_else(|| shared_secret.map(shared));
        let derived = file.derived.iter().map(|file| Derivation {
            except: file.except.iter().cloned().collect(),
            counters: series.of(&series_name(file), file.roots.len() > 1),
            file: file.clone(),
        });
        Self { names, certificates, default, derived: derived.collect(), nobody }
    }

    /// The key that a request means by this name, or by none.
    pub(super) fn named(&self, name: Option<&str>) -> Arc<Key> {
        let key = match name {
            None => self.default.clone(),
            Some(name) => match self.names.get(name) {
                Some(key) => Some(Arc::clone(key)),
                None => match self.derivation(name) {
                    Some((derivation, tenant)) => derivation.make(tenant),
                    None => self.default.clone(),
                },
            },
        };
        key.unwrap_or_else(|| Arc::clone(&self.nobody))
    }

    /// The key that a certificate of this URI shows.
    pub(super) fn certified(&self, uri: &str) -> Option<Arc<Key>> {
        self.certificates.get(uri).cloned()
    }

    /// The key of this id.
    pub(super) fn of_id(&self, id: &str) -> Option<Arc<Key>> {
        if id == DEFAULT {
            return self.default.clone();
        }
        match self.names.get(id) {
            Some(key) => Some(Arc::clone(key)).filter(|key| key.grant.id() == id),
            None => self.derivation(id).and_then(|(derivation, tenant)| derivation.make(tenant)),
        }
    }

    /// Whether no key has this name, so that requests under the default key may.
    pub(super) fn is_free(&self, name: &str) -> bool {
        match self.names.get(name) {
            Some(key) => self.default.as_ref().is_some_and(|default| Arc::ptr_eq(default, key)),
            None => self.derivation(name).is_none(),
        }
    }

    pub(super) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    /// Names of operators.
    pub(super) fn trusted(&self) -> impl Iterator<Item = &str> {
        let is_trusted = |key: &&Arc<Key>| !key.grant.role().has_patterns() && key.grant.id() != DEFAULT;
        self.names.values().filter(is_trusted).flat_map(|key| {
            std::iter::once(key.grant.principal()).chain(key.grant.may_act_as().iter().map(String::as_str))
        })
    }

    /// What its keys are called in metrics.
    pub(super) fn series_names(&self) -> HashSet<String> {
        let own = self.names.values().map(|key| key.grant.id().to_owned());
        own.chain(self.derived.iter().map(|derivation| series_name(&derivation.file)))
            .chain([DEFAULT.to_owned()])
            .collect()
    }

    fn derivation<'a>(&self, name: &'a str) -> Option<(&Derivation, &'a str)> {
        self.derived
            .iter()
            .find_map(|derivation| Some((derivation, name.strip_prefix(&*derivation.file.prefix)?)))
    }
}

impl Derivation {
    /// The key of a tenant, if it may have one.
    fn make(&self, tenant: &str) -> Option<Arc<Key>> {
        let Derived { prefix, roots, role, graphs, tokens, validity, .. } = &self.file;
        let secrets: Vec<_> = roots
            .iter()
            .map(|root| secret(tenant_secret(root.text.expose(), tenant), root.validity))
            .collect();
        let key = FileKey {
            id: format!("{prefix}{tenant}"),
            principal: tenant.to_owned(),
            secrets,
            certificates: Vec::new(),
            role: *role,
            graphs: graphs.iter().map(|graph| graph.replace(TENANT, tenant)).collect(),
            may_act_as: Vec::new(),
            tokens: *tokens,
            validity: *validity,
            frozen: self.file.frozen.iter().any(|frozen| frozen == tenant),
            quota_class: self.file.quota_class.clone(),
        };
        // Asked at last, so that one that is left out takes as long as others.
        let has = check_tenant(tenant).is_ok() && !self.except.contains(tenant);
        let grant = Arc::new(Grant::of(&key));
        let made = Key::new(grant, &key.secrets, key.tokens, key.validity, Some(self.counters.clone()));
        has.then(|| Arc::new(made))
    }
}

fn series_name(derived: &Derived) -> String {
    format!("{}*", derived.prefix)
}

fn secret(text: SecretText, validity: Validity) -> Secret {
    Secret { text, validity }
}

/// The key of requests that name none, when the file does not have it.
fn default_key(secrets: Vec<Secret>) -> FileKey {
    FileKey {
        id: DEFAULT.to_owned(),
        principal: DEFAULT.to_owned(),
        secrets,
        certificates: Vec::new(),
        role: Role::System,
        graphs: Vec::new(),
        may_act_as: Vec::new(),
        tokens: Tokens { by_id: true, signed: true },
        validity: Validity::default(),
        frozen: false,
        quota_class: None,
    }
}

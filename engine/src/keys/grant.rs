//! Whose requests are and what they may do.

use epistemic_keys::{Key, Role};

use crate::quotas::{Class, Pattern};

/// What a key gives to its requests; a connection keeps that of its first one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    id: String,
    principal: String,
    may_act_as: Vec<String>,
    /// Requests say themselves who they are from.
    any_agent: bool,
    role: Role,
    /// Of a role that has patterns.
    graphs: Vec<Pattern>,
    /// The account that its requests count for besides.
    quota_class: Option<Class>,
}

impl Grant {
    /// Of a key of the file.
    pub(super) fn of(key: &Key) -> Self {
        Self {
            id: key.id.clone(),
            principal: key.principal.clone(),
            may_act_as: key.may_act_as.clone(),
            any_agent: key.id == epistemic_keys::DEFAULT,
            role: if key.frozen { Role::Reader } else { key.role },
            graphs: patterns(&key.graphs),
            quota_class: key.quota_class.as_deref().map(Class::new),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn principal(&self) -> &str {
        &self.principal
    }

    pub(super) fn may_act_as(&self) -> &[String] {
        &self.may_act_as
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn quota_class(&self) -> Option<&Class> {
        self.quota_class.as_ref()
    }

    pub(crate) fn any_agent(&self) -> bool {
        self.any_agent
    }

    /// Whether it is a name of this key.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.id == name || self.principal == name || self.may_act_as.iter().any(|agent| agent == name)
    }

    /// Whether requests may be from this agent, or about it as about themselves.
    pub(crate) fn acts_as(&self, agent: &str) -> bool {
        self.any_agent || self.principal == agent || self.may_act_as.iter().any(|name| name == agent)
    }

    /// Who a request is from that names `agent`.
    pub(crate) fn identity<'a>(&'a self, agent: Option<&'a str>) -> Option<&'a str> {
        match agent {
            agent if self.any_agent => agent,
            Some(agent) if self.acts_as(agent) => Some(agent),
            Some(_) | None => Some(&self.principal),
        }
    }

    /// Whether it is for some graphs only.
    pub(crate) fn is_confined(&self) -> bool {
        self.role.has_patterns()
    }

    /// Whether it is for graphs, and channels, of this name.
    pub(crate) fn sees(&self, name: &str) -> bool {
        !self.is_confined() || self.graphs.iter().any(|pattern| pattern.matches(name))
    }
}

/// The lengths were checked with the file.
fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().filter_map(|text| Pattern::new(text).ok()).collect()
}

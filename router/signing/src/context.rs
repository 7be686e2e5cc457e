//! Who asks: the claims of a token.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// The claims, in the order in which clients write them. Nothing is normalised: case, blanks and the order of lists count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Who signed in.
    pub principal: String,
    /// For which tenant.
    pub tenant: String,
    /// The deployment that is meant.
    pub audience: String,
    /// Who acts: the principal, or whom it delegated to.
    pub agent_id: String,
    /// Roles.
    pub roles: Vec<String>,
    /// What the request may do.
    pub scopes: Vec<String>,
    /// The policy that the scopes are from.
    pub policy_version: String,
    /// From the principal to the agent; empty when they are one.
    pub delegation: Vec<String>,
    /// The server that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
}

/// What is wrong with a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Nothing, or only blanks.
    #[error("{0} is blank")]
    Blank(&'static str),
    /// An entry of a list is there twice.
    #[error("an entry of {0} is there twice")]
    Repeated(&'static str),
    /// It does not lead from the principal to the agent.
    #[error("delegation does not run from the principal to the agent")]
    Delegation,
}

impl Context {
    /// Whether every claim says something, and once.
    ///
    /// # Errors
    /// The first claim that does not.
    pub fn check(&self) -> Result<(), ClaimError> {
        let texts = [
            ("principal", Some(&self.principal)),
            ("tenant", Some(&self.tenant)),
            ("audience", Some(&self.audience)),
            ("agent_id", Some(&self.agent_id)),
            ("policy_version", Some(&self.policy_version)),
            ("node", self.node.as_ref()),
        ];
        for (name, text) in texts {
            if text.is_some_and(|text| text.trim().is_empty()) {
                return Err(ClaimError::Blank(name));
            }
        }
        let lists = [("roles", &self.roles), ("scopes", &self.scopes), ("delegation", &self.delegation)];
        for (name, list) in lists {
            if list.iter().any(|entry| entry.trim().is_empty()) {
                return Err(ClaimError::Blank(name));
            }
            if list.iter().collect::<HashSet<_>>().len() < list.len() {
                return Err(ClaimError::Repeated(name));
            }
        }
        let runs = match self.delegation.as_slice() {
            [] => self.principal == self.agent_id,
            [first, .., last] => {
                self.principal != self.agent_id && *first == self.principal && *last == self.agent_id
            }
            [_] => false,
        };
        if runs { Ok(()) } else { Err(ClaimError::Delegation) }
    }
}

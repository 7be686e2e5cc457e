//! What the operator expects of the claims. What is not configured is not compared.

use epistemic_signing::Context;

use super::Refusal;

/// The expected values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    pub(crate) audience: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) policy_version: Option<String>,
    /// The name of this server; a token that names none is for any.
    pub(crate) node: Option<String>,
}

impl Expected {
    pub(super) fn check(&self, context: &Context) -> Result<(), Refusal> {
        let differs = |expected: &Option<String>, claim: &str| {
            expected.as_ref().filter(|expected| *expected != claim).cloned()
        };
        if let Some(expected) = differs(&self.audience, &context.audience) {
            return Err(Refusal::Audience(expected));
        }
        if differs(&self.tenant, &context.tenant).is_some() {
            return Err(Refusal::Tenant);
        }
        if differs(&self.policy_version, &context.policy_version).is_some() {
            return Err(Refusal::Policy);
        }
        match &context.node {
            Some(node) if differs(&self.node, node).is_some() => Err(Refusal::Node),
            _ => Ok(()),
        }
    }
}

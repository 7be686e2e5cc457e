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
    /// One that names none is refused: it could be sent to another server, too.
    pub(crate) node_is_needed: bool,
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
            None if self.node_is_needed => Err(Refusal::Node),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_want_to_be_named() {
        let mut context = Context {
            principal: "p".into(),
            tenant: "t".into(),
            audience: "a".into(),
            agent_id: "p".into(),
            roles: Vec::new(),
            scopes: Vec::new(),
            policy_version: "1".into(),
            delegation: Vec::new(),
            node: None,
            priority: None,
        };
        let any = Expected { node: Some("n".into()), ..Expected::default() };
        let named = Expected { node_is_needed: true, ..any.clone() };
        assert_eq!((any.check(&context), named.check(&context)), (Ok(()), Err(Refusal::Node)));
        context.node = Some("n".into());
        assert_eq!((any.check(&context), named.check(&context)), (Ok(()), Ok(())));
        context.node = Some("other".into());
        assert_eq!((any.check(&context), named.check(&context)), (Err(Refusal::Node), Err(Refusal::Node)));
    }
}

//! What the scopes of a token allow: `kg:read`, `kg:write` and `kg:admin`, each with what those before it allow, or single
//! ones.

use super::Refusal;

/// The broad scopes, each a step above the one before.
const BROAD: [&str; 3] = ["kg:read", "kg:write", "kg:admin"];

/// What a token must allow: a single scope, or a broad one that holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    name: &'static str,
    /// The number of the first broad scope that holds it.
    level: usize,
}

impl Scope {
    /// One that every broad scope holds.
    pub(crate) const fn read(name: &'static str) -> Self {
        Self { name, level: 0 }
    }

    /// One that `kg:write` and `kg:admin` hold.
    pub(crate) const fn write(name: &'static str) -> Self {
        Self { name, level: 1 }
    }

    /// One that only `kg:admin` holds.
    pub(crate) const fn admin(name: &'static str) -> Self {
        Self { name, level: 2 }
    }

    /// Whether the scopes of a token hold this one.
    pub(super) fn check(self, scopes: &[String]) -> Result<(), Refusal> {
        let Self { name, level } = self;
        let holds = |scope: &String| scope == name || BROAD[level..].contains(&scope.as_str());
        if scopes.iter().any(holds) { Ok(()) } else { Err(Refusal::Scope(name)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(scopes: &[&str], needed: Scope) -> bool {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        needed.check(&scopes).is_ok()
    }

    #[test]
    fn broad_scopes_hold_those_below_them_and_single_ones_only_themselves() {
        for (needed, levels) in [
            (Scope::read("node:read"), [true, true, true]),
            (Scope::write("node:write"), [false, true, true]),
            (Scope::admin("graph:admin"), [false, false, true]),
        ] {
            let found = BROAD.map(|scope| allows(&[scope], needed));
            assert_eq!((found, allows(&[], needed)), (levels, false), "{needed:?}");
        }
        let write = Scope::write("node:write");
        assert!(allows(&["edge:read", "node:write"], write));
        assert!(!allows(&["node:read", "kg:other"], write));
        assert_eq!(write.check(&[]), Err(Refusal::Scope("node:write")));
    }
}

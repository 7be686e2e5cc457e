//! What the client has to know of single operations, by name: servers of others may have more than ours.

use epistemic_protocol::Method;

/// Operations on a whole graph of other servers, as the clients 0.31.0 and 2.0.0 list them.
const HEAVY_ELSEWHERE: [&str; 4] = ["CypherQuery", "PersonalizedPagerank", "ResolveCandidates", "Sql"];

/// Whether the operation gets the long deadline.
pub(crate) fn is_heavy(method: &str) -> bool {
    Method::from_name(method).map_or_else(|| HEAVY_ELSEWHERE.contains(&method), Method::is_heavy)
}

/// Whether the operation may be sent twice. What is not known counts as a write.
pub(crate) fn is_read(method: &str) -> bool {
    Method::from_name(method).is_some_and(Method::is_read)
}

/// Whether the operation passes over graphs that its parameters name and the shard does not know.
pub(crate) fn is_union(method: &str) -> bool {
    Method::from_name(method).is_some_and(Method::is_union)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_only_others_have() {
        assert!(is_heavy("ToMsgpack") && is_heavy("Sql") && !is_heavy("AddNode") && !is_heavy("Unknown"));
        assert!(is_read("HasNode") && !is_read("Sql") && !is_read("Unknown"));
    }
}

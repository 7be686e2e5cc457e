//! Which names of graphs and channels a request carries: a column of the table of operations, and the same as in docs/keys.md.

use crate::{
    request::operation::{Access, NameFromParams, NewGraphFn, Quota},
    wire::{DecodeError, Method},
};

/// Decodes several names that stand in the parameters of the method.
type NamesFromParams = for<'a> fn(Method, Option<&'a [u8]>) -> Result<Vec<&'a str>, DecodeError>;
/// Decodes a name that the parameters may leave out.
type OptionalName = for<'a> fn(Method, Option<&'a [u8]>) -> Result<Option<&'a str>, DecodeError>;

/// The names that a request carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Names {
    /// None; the graph of the request is not looked at.
    None,
    /// None; the answer is about the graphs, or channels, of the key's patterns alone.
    Listed,
    /// The graph of the request.
    Graph,
    /// That and a second one.
    Both(NameFromParams),
    /// That and several.
    Several(NamesFromParams),
    /// That and the one that it is copied to, if there is one; then it is created, which is for owners.
    Copy(OptionalName),
    /// The one in the parameters.
    Named(NameFromParams),
    /// The one that it makes, for a tenant; none is a step of a move, which is for operators.
    Made(NewGraphFn),
    /// The one in the parameters, or else that of the request.
    Begun(OptionalName),
    /// The graph of the transaction.
    Transaction,
    /// A transfer of this connection, whose graph was asked for when it was opened.
    Transfer,
    /// A channel, and who acts in it.
    Channel(for<'a> fn(Method, Option<&'a [u8]>) -> Result<InChannel<'a>, DecodeError>),
    /// Any, of all graphs: for operators.
    All,
}

/// A channel that a request names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InChannel<'a> {
    pub(crate) channel: &'a str,
    /// Who acts there, where the request says it.
    pub(crate) agent: Option<&'a str>,
}

impl Names {
    /// Those by which the access rules and the quotas go. An operation that is open to everybody, or about channels, says itself
    /// which it carries.
    pub(crate) const fn of(access: Access, quota: Quota) -> Self {
        match (access, quota) {
            (_, Quota::Made(made)) => Self::Made(made),
            (_, Quota::Transaction(_)) => Self::Transaction,
            (Access::Read | Access::Write, _) => Self::Graph,
            (Access::ReadBoth(second), _) => Self::Both(second),
            (Access::WriteNamed(named), _) => Self::Named(named),
            (Access::System | Access::SystemOfAll, _) => Self::All,
            (Access::Open | Access::Channel | Access::Replace(_), _) => {
                panic!("the table does not say which names the requests of an operation carry")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use epistemic_keys::Role;

    use super::*;
    use crate::{operations::table, request::operation::Operation};

    fn served() -> impl Iterator<Item = &'static Operation> {
        Method::ALL.iter().filter_map(|method| Some(&table::row(*method)?.operation))
    }

    /// What changes anything is for no reader, and what is for operators for no tenant.
    #[test]
    fn roles_have_what_they_are_for() {
        for operation in served() {
            let method = operation.method;
            let roles = Role::ALL.map(|role| operation.least_role.is_had_by(role));
            assert!(roles[4], "{method}: system may all");
            if matches!(operation.names, Names::All) {
                assert_eq!(roles[..3], [false; 3], "{method}");
            }
            assert!(!(operation.writes() && roles[0]), "{method} writes, and is for readers");
            if roles[0] && method != Method::Health {
                let reads = [Method::Vf2SubgraphMatch, Method::SemanticSearch, Method::GetLedger];
                let others =
                    [Method::Fork, Method::SnapshotOpen, Method::SnapshotRead, Method::SnapshotClose];
                let known = method.is_read() || reads.contains(&method) || others.contains(&method);
                assert!(known, "{method} is for readers");
            }
        }
    }

    /// The table of the document, line by line.
    #[test]
    fn the_document_has_the_table() {
        let mut table = String::new();
        for operation in served() {
            let roles = Role::ALL.iter().filter(|role| operation.least_role.is_had_by(**role));
            let roles = roles.map(|role| role.name()).collect::<Vec<_>>().join(", ");
            writeln!(table, "| `{}` | {} | {roles} |", operation.method, words(operation)).unwrap();
        }
        let document =
            fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/keys.md")).unwrap();
        if let Some(line) = table.lines().find(|line| !document.contains(*line)) {
            panic!("docs/keys.md lacks: {line}\nall of it:\n{table}");
        }
        let table = document.split("## Methods").nth(1).unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4);
        assert_eq!(rows.count(), served().count(), "docs/keys.md has a row too many");
    }

    fn words(operation: &Operation) -> &'static str {
        match operation.names {
            Names::None => "none",
            Names::Listed => "none; tells of its patterns alone",
            Names::Graph => "the graph",
            Names::Both(_) if operation.method == Method::DiffAgainst => "the graph, `other_graph`",
            Names::Both(_) => "the graph, `pattern_graph_name`",
            Names::Several(_) => "the graph, `graphs`",
            Names::Copy(_) => "the graph, `graph_name` (with it for those who create)",
            Names::Named(_) => "`graph_name`",
            Names::Made(_) if operation.method == Method::CreateGraph => "`graph_name`, `tenant`",
            Names::Made(_) => "`graph_name`, owner and tenant of the snapshot",
            Names::Begun(_) => "`graph`, or the graph",
            Names::Transaction => "the transaction's graph",
            Names::Transfer => "a transfer of the connection",
            Names::Channel(_) => "`channel_id`, who acts",
            Names::All => "all",
        }
    }
}

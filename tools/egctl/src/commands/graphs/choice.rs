//! Which graphs are listed, and in which order.

use std::cmp::Reverse;

use clap::{Args, ValueEnum};
use epistemic_router::status::GraphStats;

use super::Row;

/// Without any of it, all graphs are listed as shards and directories have them: those of a shard together, oldest first.
#[derive(Args, Debug)]
pub(super) struct ChoiceArgs {
    /// Only graphs with such a name: * stands for any characters, ? for one.
    #[arg(long = "match", value_name = "GLOB")]
    glob: Option<String>,
    /// In this order: by name, or what is largest or changed last first. bytes and changed imply --sizes.
    #[arg(long, value_name = "ORDER", value_enum)]
    sort: Option<Order>,
    /// So many at most. How many there are is told all the same.
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By name.
    Name,
    /// Most nodes first.
    Nodes,
    /// Most edges first.
    Edges,
    /// Largest first.
    Bytes,
    /// Changed last first.
    Changed,
}

impl ChoiceArgs {
    /// Whether the order needs what only a look at tables tells.
    pub(super) fn needs_sizes(&self) -> bool {
        matches!(self.sort, Some(Order::Bytes | Order::Changed))
    }

    pub(super) fn wants(&self, graph: &GraphStats) -> bool {
        self.glob.as_ref().is_none_or(|glob| matches(glob, &graph.name))
    }

    /// Puts rows in order, and drops those behind the limit.
    pub(super) fn arrange(&self, rows: &mut Vec<Row>) {
        match self.sort {
            None => {}
            Some(Order::Name) => rows.sort_by(|a, b| a.graph.name.cmp(&b.graph.name)),
            Some(order) => rows.sort_by_key(|row| {
                let GraphStats { nodes, edges, bytes, changed_ms, .. } = &row.graph;
                Reverse(match order {
                    Order::Nodes => *nodes,
                    Order::Edges => *edges,
                    Order::Bytes => bytes.unwrap_or(0),
                    Order::Changed | Order::Name => changed_ms.unwrap_or(0),
                })
            }),
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
    }
}

/// Whether all of a name is as a pattern has it.
fn matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut reached) = (0, 0);
    // The last star, and where in the name the rest of the pattern is tried behind it.
    let mut star: Option<(usize, usize)> = None;
    while reached < name.len() {
        if glob.get(at) == Some(&'*') {
            star = Some((at, reached));
            at += 1;
        } else if glob.get(at).is_some_and(|&wanted| wanted == '?' || wanted == name[reached]) {
            (at, reached) = (at + 1, reached + 1);
        } else if let Some((place, tried)) = star {
            star = Some((place, tried + 1));
            (at, reached) = (place + 1, tried + 1);
        } else {
            return false;
        }
    }
    glob[at..].iter().all(|&wanted| wanted == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (glob, name, is_one) in [
            ("tenant__acme__*", "tenant__acme__notes", true),
            ("tenant__acme__*", "tenant__acm__notes", false),
            ("*bus*", "tenant__a____bus__", true),
            ("*__bus__", "tenant__a____bus__x", false),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxcxx", false),
            ("g?", "gé", true),
            ("g?", "g", false),
            ("", "", true),
            ("", "x", false),
            ("**", "", true),
            ("[a]", "[a]", true),
        ] {
            assert_eq!(matches(glob, name), is_one, "{glob} {name}");
        }
        let hard = format!("{}b", "*a".repeat(60));
        assert!(!matches(&hard, &"a".repeat(4096)), "it does not take for ever");
    }
}

//! Lines of the protocol's ledger as operations (`docs/reference-protocol.md` section 8.2).

use epistemic_storage::Mutation;

/// Why a line is no operation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}; nothing was applied")]
pub struct LineError {
    line: usize,
    reason: String,
}

/// The operations that lines stand for, in order. Hex is decoded; the ids of a node line may hold `|`, those of an edge line
/// would be ambiguous then.
///
/// # Errors
/// The first line that is no operation.
pub fn parse_ledger_lines(lines: &[&str]) -> Result<Vec<Mutation>, LineError> {
    let numbered = lines.iter().enumerate();
    numbered.map(|(line, text)| parse(text).map_err(|reason| LineError { line, reason })).collect()
}

fn parse(line: &str) -> Result<Mutation, String> {
    let (kind, rest) = line.split_once('|').ok_or("no fields")?;
    match kind {
        "ADD_NODE" => {
            let (id, hex) = rest.rsplit_once('|').ok_or("ADD_NODE needs an id and properties")?;
            Ok(Mutation::AddNode { id: id.to_owned(), properties: bytes(hex)? })
        }
        "REMOVE_NODE" => Ok(Mutation::RemoveNode { id: rest.to_owned() }),
        "ADD_EDGE" => {
            let [source, target, hex] = fields(rest)?;
            Ok(Mutation::AddEdge { source: source.into(), target: target.into(), properties: bytes(hex)? })
        }
        "REMOVE_EDGE" => {
            let [source, target] = fields(rest)?;
            Ok(Mutation::RemoveEdge { source: source.into(), target: target.into() })
        }
        unknown => Err(format!("unknown operation '{unknown}'")),
    }
}

fn fields<const N: usize>(rest: &str) -> Result<[&str; N], String> {
    let fields: Vec<&str> = rest.split('|').collect();
    let found = fields.len();
    fields.try_into().map_err(|_| match found {
        found if found < N => format!("{found} of {N} fields"),
        _ => "an id with '|' in it cannot be told from two".to_owned(),
    })
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    hex::decode(hex).map_err(|error| format!("properties are no hex: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_the_ledger_shows() {
        let lines =
            ["ADD_NODE|a|b|81a16b01", "ADD_NODE|a|", "ADD_EDGE|a|b|80", "REMOVE_EDGE|a|b", "REMOVE_NODE|x|y"];
        let ops = parse_ledger_lines(&lines).unwrap();
        assert_eq!(ops[0], Mutation::AddNode { id: "a|b".into(), properties: vec![0x81, 0xa1, 0x6b, 1] });
        assert_eq!(ops[1], Mutation::AddNode { id: "a".into(), properties: Vec::new() });
        assert_eq!(
            ops[2],
            Mutation::AddEdge { source: "a".into(), target: "b".into(), properties: vec![0x80] }
        );
        assert_eq!(ops[4], Mutation::RemoveNode { id: "x|y".into() });
    }

    #[test]
    fn what_is_no_operation_is_told_with_its_line() {
        for (line, reason) in [
            ("", "no fields"),
            ("ADD_NODE|a", "ADD_NODE needs an id and properties"),
            ("ADD_NODE|a|8", "properties are no hex: Odd number of digits"),
            ("ADD_EDGE|a|80", "2 of 3 fields"),
            ("REMOVE_EDGE|a|b|c", "an id with '|' in it cannot be told from two"),
            ("RENAME|a|b", "unknown operation 'RENAME'"),
        ] {
            let error = parse_ledger_lines(&["REMOVE_NODE|a", line]).unwrap_err();
            assert_eq!(error.to_string(), format!("line 1: {reason}; nothing was applied"));
        }
    }
}

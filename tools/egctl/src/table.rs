//! Columns for people.

use std::io::{self, Write};

use epistemic_operations::names::shown;

/// Characters of a name in a column; the rest is in `--json`.
const NAME_WIDTH: usize = 60;

/// Writes rows under a heading, columns two blanks apart; a column of numbers is aligned to the right.
pub(crate) fn write_table<const N: usize>(
    out: &mut dyn Write,
    heading: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].chars().count()]).max().unwrap_or(0)
    });
    let numeric: [bool; N] = std::array::from_fn(|column| {
        rows.iter().all(|row| !row[column].is_empty() && row[column].chars().all(|c| c.is_ascii_digit()))
    });
    let mut line = |cells: [&str; N]| {
        let mut text = String::new();
        for (column, cell) in cells.into_iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            let (left, right) = if numeric[column] { (gap, String::new()) } else { (String::new(), gap) };
            text.push_str(&format!("{left}{cell}{right}  "));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(heading)?;
    for row in rows {
        line(std::array::from_fn(|column| row[column].as_str()))?;
    }
    Ok(())
}

/// [`shown`] for a column: a long name ends in `…` instead of stretching all rows.
pub(crate) fn shortened(name: &str) -> String {
    cut(&shown(name), NAME_WIDTH)
}

/// A text of at most so many characters; a longer one ends in `…`.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut out = Vec::new();
        let rows = [["a".into(), "7".into()], ["longer".into(), "1234".into()]];
        write_table(&mut out, ["name", "n"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name       n\na          7\nlonger  1234\n");
    }

    #[test]
    fn only_long_names_are_shortened() {
        let fits = "é".repeat(NAME_WIDTH);
        assert_eq!(shortened(&fits), fits);
        assert_eq!(shortened(&format!("{fits}é")), format!("{}…", "é".repeat(NAME_WIDTH - 1)));
    }
}

//! Columns for people.

use std::io::{self, Write};

use epistemic_operations::names::shown;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the terminal that a name takes; the rest is in `--json`.
const NAME_WIDTH: usize = 60;

/// Writes rows under a heading, columns two blanks apart; a column of numbers is aligned to the right. Characters that take
/// two places of a terminal, or none, count as such.
pub(crate) fn write_table<const N: usize>(
    out: &mut dyn Write,
    heading: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.chain([heading[column].width()]).max().unwrap_or(0)
    });
    let numeric: [bool; N] = std::array::from_fn(|column| {
        rows.iter().all(|row| !row[column].is_empty() && row[column].chars().all(|c| c.is_ascii_digit()))
    });
    let mut line = |cells: [&str; N]| {
        let mut text = String::new();
        for (column, cell) in cells.into_iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.width());
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

/// A text that takes at most so many columns of a terminal; a longer one ends in `…`.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut left = most - 1;
    let fits = |char: &char| {
        let width = char.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
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
    fn wide_characters_take_two_columns() {
        let mut out = Vec::new();
        let rows = [["🦀 株式会社".into(), "x".into()], ["e\u{301}".into(), "x".into()]];
        write_table(&mut out, ["name", "n"], &rows).unwrap();
        let expected = "name         n\n🦀 株式会社  x\ne\u{301}            x\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn only_long_names_are_shortened() {
        let fits = "é".repeat(NAME_WIDTH);
        assert_eq!(shortened(&fits), fits);
        assert_eq!(shortened(&format!("{fits}é")), format!("{}…", "é".repeat(NAME_WIDTH - 1)));
        assert_eq!(
            (cut("株式", 4), cut("株式会", 4), cut("株式会", 5)),
            ("株式".into(), "株…".into(), "株式…".into())
        );
    }
}

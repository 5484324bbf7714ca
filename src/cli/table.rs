//! Aligned tables for people. Columns in which nothing stands are left out.

use super::out::Look;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    look: Look,
}

impl Cell {
    /// A cell in a look of its own.
    pub(super) fn new(text: impl Into<String>, look: Look) -> Self {
        Self { text: text.into(), look }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Look::Plain)
    }
}

/// Lines with a heading, every column as wide as its widest cell.
pub(super) fn table(heading: &[&str], rows: &[Vec<Cell>], colours: bool) -> String {
    let filled =
        |column: usize| rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.text.is_empty()));
    let columns: Vec<usize> = (0..heading.len()).filter(|column| filled(*column)).collect();
    let heads: Vec<Cell> = heading.iter().map(|text| Cell::new(*text, Look::Bold)).collect();
    let all = || std::iter::once(&heads).chain(rows);
    let width = |column: usize| all().filter_map(|row| row.get(column)).map(cell_width).max().unwrap_or(0);
    let widths: Vec<usize> = columns.iter().map(|column| width(*column)).collect();
    let mut text = String::new();
    for row in all() {
        let mut gap = 0;
        for (column, width) in columns.iter().zip(&widths) {
            let Some(cell) = row.get(*column) else { continue };
            // Spaces are only written before something: no line ends in white space.
            if !cell.text.is_empty() {
                text.extend(std::iter::repeat_n(' ', gap));
                text.push_str(&cell.look.paint(&cell.text, colours));
                gap = 0;
            }
            gap += width - if cell.text.is_empty() { 0 } else { cell_width(cell) } + 2;
        }
        text.push('\n');
    }
    text
}

fn cell_width(cell: &Cell) -> usize {
    cell.text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let rows = vec![
            vec!["alice".into(), "".into(), "up".into(), "".into()],
            vec!["b".into(), "".into(), "unconfirmed".into(), "x".into()],
        ];
        let text = table(&["USER", "NOTHING", "STATUS", "MORE"], &rows, false);
        assert_eq!(text, "USER   STATUS       MORE\nalice  up\nb      unconfirmed  x\n");
    }

    #[test]
    fn colours_do_not_move_columns() {
        let rows = vec![vec![Cell::new("é", Look::Green), "x".into()]];
        assert_eq!(table(&["AB", "C"], &rows, true).lines().nth(1), Some("\x1b[32mé\x1b[0m   x"));
    }
}

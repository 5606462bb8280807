//! Aligned columns for lists such as `ps`.
//!
//! A column is as wide as its widest cell; where the terminal is narrower than the table, the widest
//! left-aligned column gives way first, down to [`MIN_COLUMN`]. Numbers are never cut.

use super::Style;
use super::ink::{Ink, Line, render};
use super::text::{columns, cut, printable};

/// The narrowest that a column is cut to.
const MIN_COLUMN: usize = 8;

/// Columns between columns.
const GAP: usize = 2;

/// On which side a column's cells are flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table in the making.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    headings: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(headings: &[(&str, Align)]) -> Self {
        let owned = |&(heading, align): &(&str, Align)| (heading.to_owned(), align);
        Self { headings: headings.iter().map(owned).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, cells beyond the columns are left out.
    pub(crate) fn row<Cell: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells = cells.into_iter().map(|cell| printable(cell.as_ref()).into_owned());
        let mut row: Vec<String> = cells.take(self.headings.len()).collect();
        row.resize(self.headings.len(), String::new());
        self.rows.push(row);
    }

    /// The table as text, headings first.
    pub(crate) fn draw(&self, style: Style) -> String {
        let widths = self.widths(style.width);
        let headings: Vec<&str> = self.headings.iter().map(|(heading, _)| heading.as_str()).collect();
        let mut lines = vec![self.line(&headings, &widths, Ink::Bold)];
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            lines.push(self.line(&cells, &widths, Ink::Plain));
        }
        render(&lines, style.colour)
    }

    fn widths(&self, limit: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headings.iter().map(|(h, _)| columns(h)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns(cell));
            }
        }
        let gaps = GAP * widths.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
        while excess > 0 {
            let left = widths.iter_mut().zip(&self.headings);
            let left = left.filter(|(width, (_, align))| *align == Align::Left && **width > MIN_COLUMN);
            let Some((widest, _)) = left.max_by_key(|(width, _)| **width) else {
                break;
            };
            *widest -= 1;
            excess -= 1;
        }
        widths
    }

    fn line(&self, cells: &[&str], widths: &[usize], ink: Ink) -> Line {
        let mut line = Line::default();
        let mut left = 0;
        for ((cell, &width), (_, align)) in cells.iter().zip(widths).zip(&self.headings) {
            let text = cut(cell, width);
            let indent = match align {
                Align::Left => 0,
                Align::Right => width - columns(&text),
            };
            line.fill(left + indent, ' ', Ink::Plain);
            line.push(text, ink);
            left += width + GAP;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> Table {
        let mut table = Table::new(&[("POD", Align::Left), ("CPUS", Align::Right), ("STATE", Align::Left)]);
        table.row(["web", "2", "running"]);
        table.row(["a-much-longer-name", "128", "waiting: no agent has 128 free cores"]);
        table.row(["日本", "8"]);
        table
    }

    fn draw(width: usize) -> String {
        pods().draw(Style { colour: false, width })
    }

    #[test]
    fn aligns_text_left_and_numbers_right() {
        assert_eq!(
            draw(100),
            "POD                 CPUS  STATE\n\
             web                    2  running\n\
             a-much-longer-name   128  waiting: no agent has 128 free cores\n\
             日本                   8\n"
        );
    }

    #[test]
    fn cuts_the_widest_text_first() {
        assert_eq!(
            draw(46),
            "POD                 CPUS  STATE\n\
             web                    2  running\n\
             a-much-longer-name   128  waiting: no agent h…\n\
             日本                   8\n"
        );
        assert!(draw(26).lines().all(|line| columns(line) <= 26));
    }

    #[test]
    fn numbers_survive_any_terminal() {
        assert!(draw(1).contains(" 128 "));
    }

    #[test]
    fn headings_are_bold_where_there_are_colours() {
        let coloured = pods().draw(Style { colour: true, width: 100 });
        assert!(coloured.starts_with("\u{1b}[1mPOD\u{1b}[0m"));
    }
}

//! Lines made of inked pieces: widths are counted on the text alone, colours come in last.

use super::text::columns;

/// What a piece of text is, and so how it looks where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Ordinary text.
    Plain,
    /// Headings.
    Bold,
    /// Frames, and what matters least.
    Faint,
    /// A PU nobody has.
    Free,
    /// A PU of the shared pool.
    Pool,
    /// A PU that cannot be had.
    Off,
    /// A PU of the owner with this number in the legend.
    Owner(usize),
    /// The used part of a bar.
    Used,
}

/// Backgrounds of owners, in the 256-colour palette: apart from each other beside their neighbours too.
const OWNER_COLOURS: [u8; 12] = [39, 208, 77, 170, 220, 44, 203, 112, 141, 180, 215, 73];

impl Ink {
    /// The ANSI sequence that begins it; empty for none.
    fn ansi(self) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Bold => "\x1b[1m".to_owned(),
            Self::Faint => "\x1b[38;5;242m".to_owned(),
            Self::Free => "\x1b[38;5;250m".to_owned(),
            Self::Pool => "\x1b[38;5;75m".to_owned(),
            Self::Off => "\x1b[38;5;238m".to_owned(),
            Self::Owner(number) => {
                let colour = OWNER_COLOURS[number % OWNER_COLOURS.len()];
                format!("\x1b[38;5;16;48;5;{colour}m")
            }
            Self::Used => "\x1b[38;5;77m".to_owned(),
        }
    }
}

/// One line of a drawing.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pieces: Vec<(String, Ink)>,
    columns: usize,
}

impl Line {
    /// A line of one piece.
    pub(super) fn of(text: impl Into<String>, ink: Ink) -> Self {
        let mut line = Self::default();
        line.push(text, ink);
        line
    }

    /// Adds a piece on the right.
    pub(super) fn push(&mut self, text: impl Into<String>, ink: Ink) {
        let text = text.into();
        self.columns += columns(&text);
        match self.pieces.last_mut() {
            Some((last, same)) if *same == ink => last.push_str(&text),
            _ => self.pieces.push((text, ink)),
        }
    }

    /// Adds another line's pieces on the right.
    pub(super) fn append(&mut self, other: Self) {
        for (text, ink) in other.pieces {
            self.push(text, ink);
        }
    }

    /// Columns so far.
    pub(super) const fn columns(&self) -> usize {
        self.columns
    }

    /// Fills up to a column with a character.
    pub(super) fn fill(&mut self, to: usize, with: char, ink: Ink) {
        let missing = to.saturating_sub(self.columns);
        if missing > 0 {
            self.push(with.to_string().repeat(missing), ink);
        }
    }

    /// The line as text, without white space at its end.
    fn render(&self, colour: bool, out: &mut String) {
        for (text, ink) in &self.pieces {
            let begin = if colour { ink.ansi() } else { String::new() };
            out.push_str(&begin);
            out.push_str(text);
            if !begin.is_empty() {
                out.push_str("\x1b[0m");
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// Blocks of lines beside each other, one column apart; the shorter ones end in blank lines.
pub(super) fn beside(blocks: Vec<Vec<Line>>) -> Vec<Line> {
    let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let mut rows = vec![Line::default(); height];
    let mut left = 0;
    for block in blocks {
        let width = block.iter().map(Line::columns).max().unwrap_or(0);
        for (row, line) in rows.iter_mut().zip(block) {
            row.fill(left, ' ', Ink::Plain);
            row.append(line);
        }
        left += width + 1;
    }
    rows
}

/// Pieces one after the other, separated by spaces, on as many lines of this width as they need.
pub(super) fn flow(pieces: Vec<Line>, width: usize, gap: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.columns() + gap + piece.columns() <= width => {
                line.push(" ".repeat(gap), Ink::Plain);
                line.append(piece);
            }
            _ => lines.push(piece),
        }
    }
    lines
}

/// All lines, each ended by a line feed.
pub(super) fn render(lines: &[Line], colour: bool) -> String {
    let mut out = String::new();
    for line in lines {
        line.render(colour, &mut out);
    }
    out
}

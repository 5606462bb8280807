//! What goes to stdout, and how: text or JSON, with colour or without.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Failure;

/// The form of a command's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; may change from version to version.
    #[default]
    Text,
    /// For programs; names and meanings stay.
    Json,
}

/// Whether text has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// The decision for text that goes to `stream`.
    pub(crate) fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// The form of a command's answer, decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Text or JSON.
    pub(crate) format: Format,
    /// Colours in text.
    pub(crate) colour: bool,
}

impl Output {
    /// Decides for stdout.
    pub(crate) fn new(format: Format, colour: Colour) -> Self {
        Self { format, colour: colour.on(&io::stdout()) }
    }

    /// Columns of a drawing: those of the terminal, else of `COLUMNS`, else a sheet of paper's.
    pub(crate) fn width() -> usize {
        const PAPER: usize = 100;
        let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let told = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        terminal.or_else(told).filter(|columns| (1..=1_000).contains(columns)).unwrap_or(PAPER)
    }

    /// Shows `value` as JSON, or the text that `text` makes of it.
    pub(crate) fn show<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        match self.format {
            Format::Text => print(text(value).as_bytes()),
            Format::Json => {
                let mut json = serde_json::to_vec_pretty(value)?;
                json.push(b'\n');
                print(&json)
            }
        }
    }
}

/// Writes to stdout and flushes. A reader that has gone away (`meros ps | head`) ends the command, without complaint.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    write_all(&mut io::stdout().lock(), bytes, "standard output")
}

/// As [`print()`], to stderr.
pub(crate) fn print_error(bytes: &[u8]) -> Result<(), Failure> {
    write_all(&mut io::stderr().lock(), bytes, "standard error")
}

fn write_all(stream: &mut impl Write, bytes: &[u8], name: &str) -> Result<(), Failure> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::quiet(0)),
        Err(error) => Err(Failure::failed(format!("cannot write to {name}: {error}"))),
    }
}

//! Drawings in text: a machine as a map of its cores with who owns what, and aligned tables.
//!
//! Everything here is a pure function from plain data to a `String`: no terminal is asked, no clock read.
//! The caller says in [`Style`] how wide the terminal is and whether it shows colours; without colours
//! every difference is still visible in the characters.
//!
//! - `map`: what is drawn, independent of where it is known from; `from_topology` makes it from hwloc's
//!   knowledge, and whoever knows owners fills them in.
//! - `machine`: the whole picture; `tile`: the cores under one L3; `legend`: which character is whose.
//! - `table`: columns.
//! - `ink`: colour; `text`: how many columns a text takes.

mod from_machine;
mod from_topology;
mod ink;
mod legend;
mod machine;
mod map;
mod table;
mod text;
mod tile;

pub(crate) use machine::draw_machine;
pub(crate) use map::MachineMap;
pub(crate) use table::{Align, Table};

/// The narrowest drawing; a narrower terminal gets this.
pub(crate) const MIN_WIDTH: usize = 40;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether to write ANSI colours.
    pub colour: bool,
    /// Columns of the terminal; no line is longer, down to [`MIN_WIDTH`].
    pub width: usize,
}

//! Machines for tests: their shapes, and their words without a table.

use crate::Shape;
use crate::index::{Index, Plane, ROW};
use crate::machine;
use crate::sync::{self, Line};

pub(crate) use crate::tests::machines::{Machine, spec};

impl Machine {
    pub(crate) fn shape(self) -> Shape {
        Shape::new(&self.spec()).unwrap()
    }
}

/// A machine's words without a table.
#[derive(Debug)]
pub(crate) struct Loose {
    shape: Shape,
    lines: Box<[Line]>,
    index: Index,
}

impl Loose {
    pub(crate) fn new(shape: Shape) -> Self {
        let lines = shape.lines();
        let index = Index::new(lines * crate::block::POSITIONS_PER_LINE);
        let loose = Self { shape, lines: sync::zeroed(lines as usize), index };
        loose.machine().write_fresh();
        loose.machine().tell_index();
        loose
    }

    /// The first leaf that a search for so many free PUs comes to.
    pub(crate) fn search(&self, pus: u32) -> Option<u32> {
        self.index.set_active(self.machine().whole_span(), true);
        let query = |class| self.index.query(class, None);
        let found = Plane::leaf_classes_from(pus).find_map(|class| self.index.next(query(class), 0, self.index.rows()));
        found.map(|(row, bits)| row * ROW + bits.trailing_zeros())
    }

    pub(crate) fn machine(&self) -> machine::Machine<'_> {
        machine::Machine::new(&self.shape, sync::words_of(&self.lines), &self.index, 0)
    }
}

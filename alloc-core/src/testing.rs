//! Machines for tests, told in a few numbers.

use crate::index::{Index, Plane, ROW};
use crate::machine;
use crate::sync::{self, Line};
use crate::{CoreSpec, NumaNodeId, NumaNodeSpec, Shape, ShapeSpec};

/// A regular machine: cores dealt out evenly, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) pus_per_core: u8,
    /// 0: no L3.
    pub(crate) l3: usize,
    pub(crate) numa_nodes: usize,
    pub(crate) packages: usize,
    /// Per NUMA node.
    pub(crate) mem_bytes: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { cores: 2, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 1 << 30 }
    }
}

impl Machine {
    pub(crate) fn spec(self) -> ShapeSpec {
        let label = |core: usize, domains: usize| u32::try_from(core * domains / self.cores).unwrap();
        let cores = (0..self.cores).map(|core| CoreSpec {
            pus: self.pus_per_core,
            l3: (self.l3 > 0).then(|| label(core, self.l3)),
            numa_node: Some(NumaNodeId::new(u16::try_from(core * self.numa_nodes / self.cores).unwrap())),
            package: Some(label(core, self.packages)),
            kind: 0,
        });
        let numa_nodes = vec![NumaNodeSpec::ordinary(self.mem_bytes); self.numa_nodes];
        ShapeSpec { cores: cores.collect(), numa_nodes, ..ShapeSpec::default() }
    }

    pub(crate) fn shape(self) -> Shape {
        Shape::new(&self.spec()).unwrap()
    }
}

/// One package without L3.
pub(crate) fn spec(cores: usize, pus_per_core: u8, numa_nodes: usize, mem_bytes: u64) -> ShapeSpec {
    Machine { cores, pus_per_core, numa_nodes, mem_bytes, ..Machine::default() }.spec()
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

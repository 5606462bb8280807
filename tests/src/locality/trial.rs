//! One machine in a table, filled at will; each request is put to it, judged and taken back.

use std::collections::{BTreeMap, BTreeSet};

use meros_alloc_core::{
    AgentId, Capacity, Grant, Holder, Level, Limit, Locality, MemoryHold, Outcome, Owner, Placement, PuId, Refusal,
    Released, Request, Shape, ShapeSpec, Smt, Table,
};

use super::fewest::{Cells, Counts, cell, fewest, l3_is_outer, label, units};

const OWNER: Owner = Owner::new(1);

/// One machine.
#[derive(Debug)]
pub struct Trial {
    name: String,
    spec: ShapeSpec,
    /// The core of each PU, by position.
    core_of: Vec<usize>,
    l3_is_outer: bool,
    table: Table,
    agent: AgentId,
    holder: Holder,
    free: BTreeSet<u16>,
}

impl Trial {
    /// The machine with these PUs held by a claim that is there already.
    ///
    /// # Panics
    /// When the allocator does not take the machine or the claim.
    #[must_use]
    pub fn new(name: &str, spec: &ShapeSpec, held: &BTreeSet<u16>) -> Self {
        let shape = Shape::new(spec).unwrap_or_else(|error| panic!("{name}: {error}"));
        let pus = u16::try_from(shape.pus()).unwrap_or(u16::MAX);
        let table = Table::new(Capacity { claims: 2000, ..Capacity::for_agents(1, &shape) });
        let table = table.unwrap_or_else(|error| panic!("{name}: {error}"));
        let role = table.add_role(Limit::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let agent = table.add_agent(shape).unwrap_or_else(|error| panic!("{name}: {error}"));
        let holder = Holder { owner: OWNER, role };
        let placement = Placement {
            pus: held.iter().map(|pu| PuId::new(*pu)).collect(),
            memory_hold: MemoryHold::Held,
            ..Placement::default()
        };
        if let Err(error) = table.restore(agent, holder, &placement) {
            panic!("{name}: {error}");
        }
        let core_of = spec.cores.iter().enumerate().flat_map(|(at, core)| vec![at; usize::from(core.pus)]).collect();
        Self {
            name: name.to_owned(),
            spec: spec.clone(),
            core_of,
            l3_is_outer: l3_is_outer(spec),
            table,
            agent,
            holder,
            free: (0..pus).filter(|pu| !held.contains(pu)).collect(),
        }
    }

    /// PUs that nobody holds.
    #[must_use]
    pub fn free_pus(&self) -> u32 {
        u32::try_from(self.free.len()).unwrap_or(u32::MAX)
    }

    /// Puts a request, hands what it got to `judge`, and takes it back.
    ///
    /// # Panics
    /// When the table contradicts itself afterwards, or says that others were in the way.
    pub fn put(&self, request: &Request, judge: impl FnOnce(Result<&Placement, Refusal>)) {
        match self.table.claim(self.agent, self.holder, request) {
            Outcome::Granted(grant) => self.judge_and_release(grant, judge),
            Outcome::Refused(refusal) => judge(Err(refusal)),
            Outcome::Contended(_) => panic!("{}: nobody else is there", self.name),
        }
    }

    fn judge_and_release(&self, grant: Grant, judge: impl FnOnce(Result<&Placement, Refusal>)) {
        let placement = self.table.placement(grant.claim).unwrap_or_default();
        assert!(placement.all_pus().iter().all(|pu| self.free.contains(&pu.get())), "{}: held already", self.name);
        judge(Ok(&placement));
        let released = self.table.release(grant.claim, OWNER);
        assert!(matches!(released, Released::Released { .. }), "{}: {released:?}", self.name);
        for order in self.table.pool_orders(self.agent) {
            let _freed = self.table.confirm_pool(self.agent, order.numa_node, order.epoch);
        }
    }

    /// Checks the table's own figures.
    ///
    /// # Panics
    /// When they contradict each other.
    pub fn validate(&self) {
        if let Err(error) = self.table.validate() {
            panic!("{}: {error}", self.name);
        }
    }

    /// What is free for such a request: in each domain of the required level, or on the whole machine.
    #[must_use]
    pub fn cells(&self, smt: Smt, required: Option<Level>) -> Vec<Cells> {
        let mut free_of: BTreeMap<usize, u32> = BTreeMap::new();
        for pu in &self.free {
            *free_of.entry(self.core_of[usize::from(*pu)]).or_default() += 1;
        }
        let mut domains: BTreeMap<u64, Cells> = BTreeMap::new();
        for (at, free) in free_of {
            let core = &self.spec.cores[at];
            let Some(domain) = required.map_or(Some(0), |level| label(core, at, level)) else { continue };
            let has = units(core, free, smt);
            if has > 0 {
                *domains.entry(domain).or_default().entry(cell(core, self.l3_is_outer)).or_default() += has;
            }
        }
        domains.into_values().collect()
    }

    /// The domains that a placement touches.
    #[must_use]
    pub fn touched(&self, placement: &Placement) -> Counts {
        let cores = placement.all_pus().into_iter().map(|pu| &self.spec.cores[self.core_of[pu.index()]]);
        let cells: Vec<_> = cores.map(|core| cell(core, self.l3_is_outer)).collect();
        let outers: BTreeSet<_> = cells.iter().map(|(outer, _)| outer).collect();
        let inners: BTreeSet<_> = cells.iter().map(|(_, inner)| inner).collect();
        (outers.len(), inners.len())
    }

    /// The labels of a placement's PUs at a level.
    #[must_use]
    pub fn labels(&self, placement: &Placement, level: Level) -> BTreeSet<Option<u64>> {
        let cores = placement.all_pus().into_iter().map(|pu| self.core_of[pu.index()]);
        cores.map(|at| label(&self.spec.cores[at], at, level)).collect()
    }

    /// The cores that a placement touches.
    #[must_use]
    pub fn cores(&self, placement: &Placement) -> BTreeSet<usize> {
        placement.all_pus().into_iter().map(|pu| self.core_of[pu.index()]).collect()
    }

    /// Puts requests of every size, with this wish for siblings and this locality, and checks each against the fewest
    /// domains there can be, and that it is granted exactly when it fits.
    ///
    /// # Panics
    /// When an answer is not the best there is.
    pub fn every_size(&self, smt: Smt, locality: Locality, step: usize) {
        let required = if let Locality::Required(level) = locality { Some(level) } else { None };
        let domains = self.cells(smt, required);
        for pus in (1..=self.free_pus() + 1).step_by(step) {
            if smt == Smt::Split && pus > 1 && required == Some(Level::Core) {
                break;
            }
            let best = domains.iter().filter_map(|cells| fewest(cells, pus)).min();
            let request = Request::exclusive(pus, 0).with_smt(smt).with_locality(locality);
            self.put(&request, |answer| self.judge(pus, smt, required, best, answer));
        }
    }

    fn judge(
        &self,
        pus: u32,
        smt: Smt,
        required: Option<Level>,
        best: Option<Counts>,
        answer: Result<&Placement, Refusal>,
    ) {
        let what = || format!("{}: {pus} PUs, {smt:?}, {required:?} required", self.name);
        let placement = match (answer, best) {
            (Ok(placement), Some(_)) => placement,
            (Err(_), None) => return,
            (Ok(placement), None) => panic!("{}: granted, yet it cannot be: {placement:?}", what()),
            (Err(refusal), Some(_)) => panic!("{}: fits, yet refused: {refusal}", what()),
        };
        if let Some(level) = required {
            let labels = self.labels(placement, level);
            assert!(labels.len() == 1 && !labels.contains(&None), "{}: got {labels:?}", what());
        }
        assert_eq!(Some(self.touched(placement)), best, "{}: got {placement:?}", what());
        let (got, cores) = (placement.pus.len(), self.cores(placement));
        let exact = match smt {
            Smt::Whole => cores.iter().map(|at| usize::from(self.spec.cores[*at].pus)).sum::<usize>() == got,
            Smt::Kept => got == pus as usize,
            Smt::Split => got == pus as usize && cores.len() == got,
        };
        assert!(exact && got >= pus as usize, "{}: got {placement:?}", what());
    }
}

//! Crowd: many threads on one table, with claims kept over time and agents that come and go; then the checkers of a table at
//! [`rest`](super::rest).
//!
//! Short here; `make verify NAME=stress` runs the same for longer (`BYTES`: how many random bytes each thread reads its calls from).

use std::collections::BTreeMap;

use super::hand::{Calls, Hand, ROLES, Signed, xorshift};
use super::machines::{Machine, ROLE, spec};
use super::rest::Rest;
use super::script::Script;
use super::wish;
use crate::sync::Word64;
use meros_alloc_core::{
    AgentId, AgentState, Capacity, ClaimId, Limit, Local, Request, RoleId, Shape, ShapeSpec, Table, TableError,
};

/// Who is there.
#[derive(Clone, Debug)]
struct Crowd {
    threads: u64,
    shards: u8,
    /// Agents that stay.
    stay: Vec<ShapeSpec>,
    /// Agents that come and go.
    come_and_go: Vec<ShapeSpec>,
    limit: Limit,
}

const PACKAGES: Machine = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 2, mem_bytes: 1 << 17 };
/// One row of the index, one leaf: where everybody meets.
const SMALL: Machine = Machine { cores: 4, pus_per_core: 2, l3: 1, numa_nodes: 1, packages: 1, mem_bytes: 1 << 16 };

fn bytes() -> usize {
    std::env::var("BYTES").map_or(60_000, |bytes| bytes.parse().expect("BYTES: give a number"))
}

impl Crowd {
    fn specs(&self) -> impl Iterator<Item = &ShapeSpec> {
        self.stay.iter().chain(&self.come_and_go)
    }

    fn table(&self) -> Table {
        let shapes: Vec<Shape> = self.specs().map(|spec| Shape::new(spec).unwrap()).collect();
        let lines: u32 = shapes.iter().map(Shape::lines).sum();
        let agents = u32::try_from(shapes.len()).unwrap();
        // Twice the lines: the block of an agent that went serves again only once its last claim has ended.
        let capacity = Capacity {
            shards: self.shards,
            agents,
            lines: lines * 2 * u32::from(self.shards),
            claims: 4000,
            roles: ROLES,
            threads: u16::try_from(self.threads).unwrap() + 2,
            shapes: 4,
        };
        let table = Table::new(capacity).unwrap();
        assert_eq!(table.add_role(self.limit), Ok(ROLE));
        for parent in (0..ROLES - 1).map(RoleId::new) {
            table.add_role_under(parent, Limit::default()).unwrap();
        }
        for (at, shape) in shapes.into_iter().enumerate() {
            // Ids go on from shard to shard: the first ones are those that stay.
            let shard = at * usize::from(self.shards) / agents.next_multiple_of(self.shards.into()) as usize;
            table.add_agent_in(shard, shape).unwrap();
        }
        table
    }

    fn run(&self) {
        let table = self.table();
        let signed: Signed =
            self.stay.iter().map(|spec| words(spec.cores.iter().map(|core| usize::from(core.pus)).sum())).collect();
        let mut live = BTreeMap::new();
        std::thread::scope(|scope| {
            let (table, signed) = (&table, &signed);
            let thread = |me| scope.spawn(move || self.work(table, signed, me));
            let threads: Vec<_> = (0..self.threads).map(thread).collect();
            let mut seed = 11;
            while threads.iter().any(|thread| !thread.is_finished()) {
                self.come_and_go(table, &mut seed);
                std::thread::yield_now();
            }
            threads.into_iter().for_each(|thread| live.extend(thread.join().unwrap()));
        });
        // What an agent that went took along is its owner's no more.
        live.retain(|claim, _| table.holder(*claim).is_some() || claim.agent().index() < self.stay.len());
        for (at, spec) in (0..).zip(self.specs()) {
            let agent = AgentId::new(at);
            if table.state(agent).is_none() {
                table.return_agent(agent, Shape::new(spec).unwrap()).unwrap();
            }
            table.set_state(agent, AgentState::Active).unwrap();
        }
        let agents = (0..).map(AgentId::new).zip(self.specs().cloned()).collect();
        Rest { table: &table, agents, limit: self.limit }.check(&live, &probes());
    }

    /// One thread's work; tells which claims it has left.
    fn work(&self, table: &Table, signed: &Signed, me: u64) -> BTreeMap<ClaimId, u64> {
        let home = usize::try_from(me).unwrap();
        let calls = if me % 3 == 2 { Calls::Plain(table) } else { Calls::Own(Local::new(table, home).unwrap()) };
        let agents = u32::try_from(self.specs().count()).unwrap();
        let mut hand =
            Hand { table, calls, me: me + 1, agents, signed, live: BTreeMap::new(), dead: None, chosen: None };
        hand.work(bytes());
        hand.live
    }

    /// The operator: an agent is drained, goes or comes back while the others work.
    fn come_and_go(&self, table: &Table, seed: &mut u64) {
        let dice = xorshift(seed);
        let Some(at) = usize::try_from(dice >> 32).unwrap_or(0).checked_rem(self.come_and_go.len()) else { return };
        let agent = AgentId::new(u32::try_from(self.stay.len() + at).unwrap());
        let done = match dice % 4 {
            0 => table.set_state(agent, AgentState::Draining),
            1 => table.set_state(agent, AgentState::Active),
            2 => table.remove_agent(agent).map(|_claims| ()),
            _ => table.return_agent(agent, Shape::new(&self.come_and_go[at]).unwrap()),
        };
        // There may be no lines for it yet: claims of its last incarnation still hold them.
        let expected = matches!(
            done,
            Ok(()) | Err(TableError::NoSuchAgent(_) | TableError::AgentPresent(_) | TableError::LinesFull { .. })
        );
        assert!(expected, "{done:?}");
    }
}

fn words(count: usize) -> Vec<Word64> {
    (0..count).map(|_| Word64::new(0)).collect()
}

fn probes() -> Vec<Request> {
    let mut seed = 5;
    let drawn: Vec<u8> = (0..400).map(|_| u8::try_from(xorshift(&mut seed) >> 56).unwrap_or(0)).collect();
    let mut script = Script(&drawn);
    core::iter::from_fn(|| wish::request(&mut script)).collect()
}

const NO_LIMIT: Limit = Limit { cpu_milli: None, mem_bytes: None };

#[test]
fn stress_of_two_threads() {
    Crowd { threads: 2, shards: 2, stay: vec![PACKAGES.spec(); 4], come_and_go: vec![], limit: NO_LIMIT }.run();
}

#[test]
fn stress_of_eight_threads_with_agents_that_come_and_go() {
    let come_and_go = vec![PACKAGES.spec(), spec(6, 1, 1, 1 << 16)];
    Crowd { threads: 8, shards: 1, stay: vec![PACKAGES.spec(); 4], come_and_go, limit: NO_LIMIT }.run();
}

#[test]
fn stress_of_all_threads_on_one_agent_within_a_limit() {
    let limit = Limit { cpu_milli: Some(7000), mem_bytes: Some(3 << 14) };
    Crowd { threads: 8, shards: 1, stay: vec![SMALL.spec()], come_and_go: vec![], limit }.run();
}

#[test]
fn stress_of_more_shards_than_threads() {
    let come_and_go = vec![SMALL.spec(); 2];
    Crowd { threads: 3, shards: 4, stay: vec![SMALL.spec(); 6], come_and_go, limit: NO_LIMIT }.run();
}

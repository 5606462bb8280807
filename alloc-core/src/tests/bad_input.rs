//! Bad input, as a table: every call with what it must refuse, the typed answer, and the words by which its message names the field.
//! After each the table is as it was.

use super::machines::{AGENT, Machine, ROLE, holder};
use super::{granted, table};
use crate::{
    AgentId, AgentState, Capacity, ClaimId, Confirmed, CoreSpec, Cpus, GroupKey, GroupSpec, HoldLimit, Holder, Invalid,
    Level, Limit, Locality, Members, MemoryLocality, NumaNodeId, NumaNodeMemory, NumaNodeSpec, Outcome, Owner, Placed,
    Placement, Policy, PoolShare, PuId, Quantities, Reason, Released, Request, RestoreError, RoleId, Shape, ShapeError,
    ShapeSpec, Smt, Table, TableError, Transferred, Unplaced, Usage,
};

const MACHINE: Machine = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 1, mem_bytes: 1 << 20 };
const ME: Owner = Owner::new(1);
const N0: NumaNodeId = NumaNodeId::new(0);
const NOWHERE: NumaNodeId = NumaNodeId::new(9);
const NO_AGENT: AgentId = AgentId::new(u32::MAX);
const NO_ROLE: RoleId = RoleId::new(7);
const SECOND: AgentId = AgentId::new(1);

/// What a call said.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Reason(Reason),
    /// Refused as too large for the empty machine, whatever the figures.
    Larger,
    Unplaced(Unplaced),
    Released(Released),
    Transferred(Transferred),
    Confirmed(Confirmed),
    Table(TableError),
    Restore(RestoreError),
    /// Refused as expected.
    Refused,
    /// It was done.
    Done,
}

/// A message, where the answer has one.
fn message(answer: &Answer) -> String {
    match answer {
        Answer::Reason(reason) => crate::Refusal { agent: AGENT, reason: *reason }.to_string(),
        Answer::Table(error) => error.to_string(),
        Answer::Restore(error) => error.to_string(),
        _ => String::new(),
    }
}

fn of(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Refused(no) if matches!(no.reason, Reason::LargerThanMachine(_)) => {
            assert!(no.reason.is_permanent());
            Answer::Larger
        }
        Outcome::Refused(no) => Answer::Reason(no.reason),
        other => panic!("{other:?}"),
    }
}

fn table_answer<T>(result: Result<T, TableError>) -> Answer {
    result.map_or_else(Answer::Table, |_| Answer::Done)
}

const fn invalid(invalid: Invalid) -> Answer {
    Answer::Reason(Reason::Invalid(invalid))
}

/// A table on which something is held, something was, and an agent has come back.
struct Fixture {
    table: Table,
    /// Owner 1's: a core and pages of `n0`.
    held: ClaimId,
    /// Released.
    over: ClaimId,
    /// Of the second agent's first incarnation.
    old: ClaimId,
}

/// All that a table shows.
type Seen = (Vec<Option<Usage>>, Option<Quantities>, Vec<(ClaimId, Option<Placement>, Option<Holder>)>);

impl Fixture {
    fn new() -> Self {
        let table = table(64, Limit::default(), &[MACHINE, MACHINE]);
        let claim = |agent| granted(table.claim(agent, holder(1), &Request::exclusive(2, 4096))).claim;
        let (held, over, old) = (claim(AGENT), claim(AGENT), claim(SECOND));
        granted(table.claim(AGENT, holder(1), &Request::shared(500, 0)));
        assert!(matches!(table.release(over, ME), Released::Released { .. }));
        table.remove_agent(SECOND).unwrap();
        table.return_agent(SECOND, MACHINE.shape()).unwrap();
        Self { table, held, over, old }
    }

    fn seen(&self) -> Seen {
        let claims = self.table.claims().map(|claim| (claim, self.table.placement(claim), self.table.holder(claim)));
        ([AGENT, SECOND].map(|agent| self.table.usage(agent)).into(), self.table.role_used(ROLE), claims.collect())
    }

    fn claim(&self, request: &Request) -> Answer {
        of(self.table.claim(AGENT, holder(1), request))
    }

    fn restore(&self, placement: &Placement) -> Answer {
        self.table.restore(AGENT, holder(1), placement).map_or_else(Answer::Restore, |_| Answer::Done)
    }
}

/// A call, what it must answer, and what the message must say.
type Row = (fn(&Fixture) -> Answer, Answer, &'static str);

fn check(rows: &[Row]) {
    let fixture = Fixture::new();
    let before = fixture.seen();
    for (at, (call, expected, words)) in rows.iter().enumerate() {
        let answer = call(&fixture);
        assert_eq!(answer, *expected, "row {at}");
        assert!(message(&answer).contains(words), "row {at}: `{}` does not say `{words}`", message(&answer));
        fixture.table.validate().unwrap();
        assert_eq!(fixture.seen(), before, "row {at}: refused, and yet something changed");
    }
}

fn required(request: Request, level: Level) -> Request {
    request.with_locality(Locality::Required(level))
}

#[test]
fn requests_of_nothing_of_too_much_and_of_contradictions() {
    check(&[
        (|f| f.claim(&Request::exclusive(0, 0)), invalid(Invalid::NoCpu), "no CPU"),
        (|f| f.claim(&Request::cores(0, 4096)), invalid(Invalid::NoCpu), "no CPU"),
        (|f| f.claim(&Request::shared(0, 4096)), invalid(Invalid::NoCpu), "no CPU"),
        (|f| f.claim(&Request::new([].into_iter().collect(), 1)), invalid(Invalid::NoCpu), "no CPU"),
        (|f| f.claim(&Request::exclusive(1, 0).with_member(Cpus::shared(0))), invalid(Invalid::NoCpu), "no CPU"),
        (|f| f.claim(&many(9)), invalid(Invalid::TooManyMembers { members: 9 }), "9 members"),
        (|f| f.claim(&Request::exclusive(u32::MAX, 0)), Answer::Larger, ""),
        (|f| f.claim(&Request::cores(u32::MAX, 0)), Answer::Larger, ""),
        (|f| f.claim(&Request::shared(u32::MAX, 0)), Answer::Larger, ""),
        (|f| f.claim(&Request::exclusive(1, u64::MAX)), Answer::Larger, ""),
        (|f| f.claim(&Request::shared(1, u64::MAX).with_memory(MemoryLocality::Required)), Answer::Larger, ""),
        (|f| f.claim(&most()), Answer::Larger, ""),
        (
            |f| f.claim(&required(Request::shared(1, 0), Level::Core)),
            invalid(Invalid::SharedTooClose(Level::Core)),
            "core",
        ),
        (
            |f| f.claim(&required(Request::exclusive(2, 0).with_member(Cpus::shared(1)), Level::L3)),
            invalid(Invalid::SharedTooClose(Level::L3)),
            "L3 domain",
        ),
        (
            |f| f.claim(&required(Request::exclusive(2, 0).with_smt(Smt::Split), Level::Core)),
            invalid(Invalid::SplitInOneCore),
            "one core",
        ),
        (
            |f| match f.table.place(holder(1), &Request::exclusive(0, 0), Policy::Pack) {
                Placed::Refused(why) => Answer::Unplaced(why),
                other => panic!("{other:?}"),
            },
            Answer::Unplaced(Unplaced::Invalid(Invalid::NoCpu)),
            "",
        ),
        (
            |f| {
                of(f.table.hold(
                    AGENT,
                    holder(1),
                    HoldLimit { exclusive_pus: 0, pool_milli: 0, mem_bytes: 0, extras: false },
                ))
            },
            invalid(Invalid::HoldTooSmall),
            "hold",
        ),
    ]);
}

fn many(members: u32) -> Request {
    let members: Members = (0..members).map(|_| Cpus::shared(1)).collect();
    Request::new(members, 0)
}

/// Eight members of as much as can be said.
fn most() -> Request {
    let members: Members = (0..8).map(|_| Cpus::exclusive(u32::MAX)).collect();
    Request::new(members, u64::MAX)
}

#[test]
fn ids_that_are_unknown_stale_or_somebody_elses() {
    check(&[
        (|f| of(f.table.claim(NO_AGENT, holder(1), &Request::exclusive(1, 0))), Answer::Reason(Reason::Gone), ""),
        (|f| of(f.table.hold(NO_AGENT, holder(1), HoldLimit::ALL)), Answer::Reason(Reason::Gone), ""),
        (
            |f| of(f.table.claim(AGENT, Holder { owner: ME, role: NO_ROLE }, &Request::exclusive(1, 0))),
            Answer::Reason(Reason::NoSuchRole(NO_ROLE)),
            "role r7",
        ),
        (|f| of(f.table.split(f.over, ME, &Request::exclusive(1, 0))), Answer::Reason(Reason::Gone), ""),
        (|f| of(f.table.split(f.old, ME, &Request::exclusive(1, 0))), Answer::Reason(Reason::Gone), ""),
        (
            |f| of(f.table.split(ClaimId::from_u64(u64::MAX), ME, &Request::exclusive(1, 0))),
            Answer::Reason(Reason::Gone),
            "",
        ),
        (
            |f| of(f.table.split(f.held, Owner::new(2), &Request::exclusive(1, 0))),
            Answer::Reason(Reason::NotOwner { owner: ME }),
            "",
        ),
        (|f| Answer::Released(f.table.release(f.over, ME)), Answer::Released(Released::Gone), ""),
        (|f| Answer::Released(f.table.release(f.old, ME)), Answer::Released(Released::Gone), ""),
        (|f| Answer::Released(f.table.release(ClaimId::from_u64(u64::MAX), ME)), Answer::Released(Released::Gone), ""),
        (
            |f| Answer::Released(f.table.release(f.held, Owner::new(2))),
            Answer::Released(Released::NotOwner { owner: ME }),
            "",
        ),
        (
            |f| Answer::Transferred(f.table.transfer(f.held, Owner::new(2), Owner::new(2))),
            Answer::Transferred(Transferred::NotOwner { owner: ME }),
            "",
        ),
        (|f| Answer::Transferred(f.table.transfer(f.old, ME, ME)), Answer::Transferred(Transferred::Gone), ""),
        (|f| Answer::Confirmed(f.table.confirm_pool(NO_AGENT, None, 1)), Answer::Confirmed(Confirmed::NoSuchPool), ""),
        (
            |f| Answer::Confirmed(f.table.confirm_pool(AGENT, Some(NOWHERE), 1)),
            Answer::Confirmed(Confirmed::NoSuchPool),
            "",
        ),
        (
            |f| Answer::Confirmed(f.table.confirm_pool(AGENT, Some(N0), u32::MAX)),
            Answer::Confirmed(Confirmed::Stale { epoch: 1 }),
            "",
        ),
    ]);
}

#[test]
fn agents_roles_and_shards_that_are_not_there() {
    let unknown = |agent| Answer::Table(TableError::NoSuchAgent(agent));
    check(&[
        (|f| table_answer(f.table.set_state(NO_AGENT, AgentState::Active)), unknown(NO_AGENT), "agent"),
        (|f| table_answer(f.table.remove_agent(NO_AGENT)), unknown(NO_AGENT), "agent"),
        (|f| table_answer(f.table.return_agent(NO_AGENT, MACHINE.shape())), unknown(NO_AGENT), "agent"),
        (
            |f| table_answer(f.table.return_agent(AGENT, MACHINE.shape())),
            Answer::Table(TableError::AgentPresent(AGENT)),
            "remove it first",
        ),
        (
            |f| table_answer(f.table.add_agent_in(9, MACHINE.shape())),
            Answer::Table(TableError::NoSuchShard { shard: 9 }),
            "Capacity::shards",
        ),
        (
            |f| table_answer(f.table.add_agent(MACHINE.shape())),
            Answer::Table(TableError::AgentsFull { agents: 2 }),
            "Capacity::agents",
        ),
        (
            |f| table_answer(f.table.set_limit(NO_ROLE, Limit::default())),
            Answer::Table(TableError::NoSuchRole(NO_ROLE)),
            "role r7",
        ),
        (
            |_| table_answer(Table::new(Capacity { shards: 0, ..Capacity::for_agents(1, &MACHINE.shape()) })),
            Answer::Table(TableError::Capacity(Capacity { shards: 0, ..Capacity::for_agents(1, &MACHINE.shape()) })),
            "shards: 0",
        ),
        (
            |_| {
                let capacity = Capacity { agents: u32::MAX, ..Capacity::for_agents(1, &MACHINE.shape()) };
                let made = table_answer(Table::new(capacity));
                if made == Answer::Table(TableError::Capacity(capacity)) { Answer::Refused } else { made }
            },
            Answer::Refused,
            "",
        ),
    ]);
}

fn pus(pus: &[u16]) -> Placement {
    Placement { pus: pus.iter().copied().map(PuId::new).collect(), ..Placement::default() }
}

fn memory(numa_node: NumaNodeId, mem_bytes: u64) -> Placement {
    Placement { memory: vec![NumaNodeMemory { numa_node, mem_bytes }], ..Placement::default() }
}

fn share(numa_node: Option<NumaNodeId>, cpu_milli: u32) -> Placement {
    Placement { pools: vec![PoolShare { numa_node, cpu_milli }], ..Placement::default() }
}

#[test]
fn placements_that_cannot_be() {
    let wrong = |invalid| Answer::Restore(RestoreError::Invalid(invalid));
    let pool = Some(NumaNodeId::new(1));
    check(&[
        (|f| f.restore(&pus(&[99])), wrong(Invalid::UnknownPu(PuId::new(99))), "99"),
        (|f| f.restore(&pus(&[9, 8])), wrong(Invalid::NotSorted), "sorted"),
        (|f| f.restore(&pus(&[8, 8])), wrong(Invalid::NotSorted), "sorted"),
        (|f| f.restore(&pus(&[0, 1])), Answer::Restore(RestoreError::PuTaken(PuId::new(0))), "PU"),
        (|f| f.restore(&memory(NOWHERE, 4096)), wrong(Invalid::UnknownNumaNode(NOWHERE)), "n9"),
        (|f| f.restore(&memory(N0, 17)), wrong(Invalid::Memory(N0)), "n0"),
        (|f| f.restore(&memory(N0, u64::MAX / 4096 * 4096)), wrong(Invalid::Memory(N0)), "n0"),
        (
            |f| f.restore(&memory(N0, 1 << 30)),
            Answer::Restore(RestoreError::MemoryTaken {
                numa_node: N0,
                asked_bytes: 1 << 30,
                free_bytes: (1 << 20) - 4096,
            }),
            "n0",
        ),
        (|f| f.restore(&share(Some(NOWHERE), 1)), wrong(Invalid::UnknownPool(Some(NOWHERE))), "n9"),
        (|f| f.restore(&share(None, 1)), wrong(Invalid::UnknownPool(None)), "pool"),
        (|f| f.restore(&share(Some(N0), u32::MAX)), wrong(Invalid::ShareTooLarge(Some(N0))), "n0"),
        (
            |f| f.restore(&share(Some(NumaNodeId::new(1)), 1)),
            Answer::Restore(RestoreError::PoolTooSmall { numa_node: pool, asked_milli: 1, room_milli: 0 }),
            "n1",
        ),
        (
            |f| match f.table.restore_pool(AGENT, Some(N0), &[PuId::new(6)]) {
                Err(error) => Answer::Restore(error),
                Ok(()) => Answer::Done,
            },
            wrong(Invalid::PartOfCore(PuId::new(6))),
            "core",
        ),
        (
            // A core of the pool before one of another.
            |f| match f.table.restore_pool(AGENT, Some(N0), &[6, 7, 14, 15].map(PuId::new)) {
                Err(error) => Answer::Restore(error),
                Ok(()) => Answer::Done,
            },
            wrong(Invalid::UnknownPool(Some(N0))),
            "n0",
        ),
        (
            |f| {
                let group = f.table.add_group(GroupSpec { key: GroupKey::Agent }).unwrap();
                let twice = f.restore(&Placement { groups: vec![group; 2], ..Placement::default() });
                f.table.remove_group(group).unwrap();
                twice
            },
            wrong(Invalid::Unsorted { field: "groups" }),
            "groups",
        ),
        (|f| of(f.table.split_exact(f.held, ME, &pus(&[14]))), invalid(Invalid::NotHeld), "does not hold"),
        (|f| of(f.table.split_exact(f.held, ME, &pus(&[99]))), invalid(Invalid::UnknownPu(PuId::new(99))), "99"),
        (|f| of(f.table.split_exact(f.held, ME, &Placement::default())), invalid(Invalid::NotHeld), "does not hold"),
    ]);
}

/// A sound machine, spoilt by `spoil`.
fn spoilt(spoil: impl FnOnce(&mut ShapeSpec)) -> (ShapeError, String) {
    let mut spec = MACHINE.spec();
    spoil(&mut spec);
    let error = Shape::new(&spec).unwrap_err();
    (error, error.to_string())
}

#[test]
fn shapes_that_cannot_be() {
    let core = CoreSpec { pus: 1, l3: None, numa_node: None, package: None, kind: 0 };
    let rows = [
        (spoilt(|spec| spec.cores.clear()), ShapeError::NoCores, "cores is empty"),
        (spoilt(|spec| spec.cores[3].pus = 0), ShapeError::CorePus { core: 3, pus: 0 }, "cores[3].pus"),
        (spoilt(|spec| spec.cores[3].pus = 33), ShapeError::CorePus { core: 3, pus: 33 }, "cores[3].pus"),
        (spoilt(|spec| spec.cores = vec![core; 4097]), ShapeError::TooManyPus, "4096 PUs"),
        (
            spoilt(|spec| spec.cores[2].numa_node = Some(NOWHERE)),
            ShapeError::CoreNumaNode { core: 2, numa_node: NOWHERE },
            "cores[2].numa_node",
        ),
        (
            spoilt(|spec| spec.numa_nodes = vec![NumaNodeSpec::ordinary(0); 65]),
            ShapeError::TooManyNumaNodes { numa_nodes: 65 },
            "numa_nodes has 65",
        ),
        (
            spoilt(|spec| spec.numa_nodes[1].mem_bytes = u64::MAX),
            ShapeError::TooMuchMemory { numa_node: 1 },
            "numa_nodes[1].mem_bytes",
        ),
        (
            spoilt(|spec| spec.distances = vec![10; 3]),
            ShapeError::Distances { found: 3, expected: 4 },
            "distances has 3",
        ),
        (
            spoilt(|spec| spec.cores = (0..1025).map(|l3| CoreSpec { l3: Some(l3), ..core }).collect()),
            ShapeError::TooManyLeaves { leaves: 1025 },
            "1025 leaves",
        ),
    ];
    for ((error, message), expected, words) in rows {
        assert_eq!(error, expected);
        assert!(message.contains(words), "`{message}` does not say `{words}`");
    }
}

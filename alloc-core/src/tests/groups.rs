//! Groups and rules: replicas spread, kept apart and together, whoever else places at the same moment.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{ROLE, granted, holder, table};
use crate::testing::Machine;
use crate::{
    AgentId, AttributeValue, Attributes, Capacity, Constraint, Excluded, GroupError, GroupId, GroupKey, GroupSpec,
    GroupValue, Holder, Invalid, Limit, Local, NameId, Outcome, Owner, Placed, Placement, Policy, ReasonKind, Released,
    Request, RestoreError, Rule, Selection, Table, Test, Transferred, Unplaced,
};

const RACK: NameId = NameId::new(1);
const FOUR: Machine = Machine { cores: 4, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 1 << 30 };
const ONE: Request = Request::exclusive(1, 1 << 20);
const BY_RACK: GroupSpec = GroupSpec { key: GroupKey::Attribute(RACK) };
const BY_AGENT: GroupSpec = GroupSpec { key: GroupKey::Agent };

fn agent(at: u32) -> AgentId {
    AgentId::new(at)
}

fn rack(text: &str) -> Attributes {
    Attributes::new([(RACK, AttributeValue::text(text))]).unwrap()
}

/// So many agents of four cores, in racks "0", "1", "2" by turns.
fn racks(agents: u32) -> Table {
    let table = table(512, Limit::default(), &vec![FOUR; agents as usize]);
    for at in 0..agents {
        table.set_attributes(agent(at), rack(&(at % 3).to_string())).unwrap();
    }
    table
}

fn anywhere(table: &Table) -> Selection {
    table.select([]).unwrap()
}

fn at_most(group: GroupId, members: u16) -> Rule {
    Rule::AtMost { group, members }
}

fn place(table: &Table, request: &Request, selection: &mut Selection) -> Result<crate::Grant, Unplaced> {
    match table.place_where(holder(1), request, Policy::Pack, selection) {
        Placed::Granted(grant) => Ok(grant),
        Placed::Refused(unplaced) => Err(unplaced),
        other @ Placed::Contended { .. } => panic!("{other:?}"),
    }
}

/// Members per rack.
fn in_racks(table: &Table, group: GroupId) -> Vec<u64> {
    let members: BTreeMap<_, _> = table.members(group).unwrap().into_iter().collect();
    let of = |rack: &str| members.get(&GroupValue::Attribute(AttributeValue::text(rack))).copied().unwrap_or(0);
    ["0", "1", "2"].map(of).into()
}

fn release(table: &Table, claim: crate::ClaimId) {
    assert!(matches!(table.release(claim, Owner::new(1)), Released::Released { .. }));
}

#[test]
fn at_most_so_many_members_per_value() {
    // Along the index, and agent by agent.
    for request in [ONE, Request::shared(100, 0)] {
        let table = racks(6);
        let group = table.add_group(BY_RACK).unwrap();
        let mut selection = anywhere(&table).joining(group).with_rule(at_most(group, 2));
        let placed: Vec<_> = (0..6).map(|_| place(&table, &request, &mut selection).unwrap().claim).collect();
        assert_eq!(in_racks(&table, group), [2, 2, 2]);
        assert_eq!(place(&table, &request, &mut selection), Err(Unplaced::NoAgent));
        let why = table.explain_where(ROLE, &request, &mut selection).unwrap();
        assert_eq!(why.blocked, BTreeMap::from([(ReasonKind::Excluded(Excluded::Rule(0)), 6)]));
        release(&table, placed[3]);
        assert_eq!(
            place(&table, &request, &mut selection).unwrap().claim.agent().get() % 3,
            placed[3].agent().get() % 3
        );
        table.validate().unwrap();
    }
}

#[test]
fn at_most_nobody_or_beyond_counting_is_no_rule() {
    let table = racks(3);
    let group = table.add_group(BY_RACK).unwrap();
    for (members, why) in [(0, Some(0)), (1, None), (65_534, None), (65_535, Some(65_535))] {
        let mut selection = anywhere(&table).joining(group).with_rule(at_most(group, members));
        let refused = place(&table, &ONE, &mut selection).err();
        assert_eq!(refused, why.map(|members| Unplaced::Invalid(Invalid::MostMembers { members })));
    }
    assert_eq!(in_racks(&table, group).iter().sum::<u64>(), 2);
}

#[test]
fn an_agent_without_the_attribute_takes_no_member_that_minds_it() {
    let table = racks(1);
    table.set_attributes(agent(0), Attributes::default()).unwrap();
    let group = table.add_group(BY_RACK).unwrap();
    let mut minding = anywhere(&table).joining(group).with_rule(at_most(group, 9));
    assert_eq!(place(&table, &ONE, &mut minding), Err(Unplaced::NoAgent));
    place(&table, &ONE, &mut anywhere(&table).joining(group)).unwrap();
    assert_eq!(table.members(group), Some(vec![(GroupValue::Absent, 1)]));
    table.set_attributes(agent(0), rack("new")).unwrap();
    place(&table, &ONE, &mut minding).unwrap();
    let new = GroupValue::Attribute(AttributeValue::text("new"));
    assert_eq!(table.members(group), Some(vec![(GroupValue::Absent, 1), (new, 1)]));
    table.validate().unwrap();
}

#[test]
fn one_member_per_agent_also_in_a_batch() {
    let table = racks(9);
    let local = Local::new(&table, 0).unwrap();
    let group = table.add_group(BY_AGENT).unwrap();
    let mut selection = anywhere(&table).joining(group).with_rule(at_most(group, 1));
    let holders: Vec<_> = (0..10).map(holder).collect();
    let mut answers = Vec::new();
    local.place_many_where(&holders, &ONE, Policy::Pack, &mut selection, |_, placed| answers.push(placed));
    assert_eq!(answers.pop(), Some(Placed::Refused(Unplaced::NoAgent)));
    let mut agents: Vec<_> = answers.iter().map(|placed| placed.granted().unwrap().claim.agent().get()).collect();
    agents.sort_unstable();
    assert_eq!(agents, (0..9).collect::<Vec<_>>());
    table.validate().unwrap();
}

#[test]
fn members_keep_near_and_apart() {
    let table = racks(9);
    let (together, others) = (table.add_group(BY_RACK).unwrap(), table.add_group(BY_AGENT).unwrap());
    let near = |or_first| Rule::Near { group: together, or_first };
    assert_eq!(place(&table, &ONE, &mut anywhere(&table).with_rule(near(false))), Err(Unplaced::NoAgent));
    // The first fixes the rack; three agents of four cores are in it.
    let mut cluster = anywhere(&table).joining(together).with_rule(near(true));
    let placed: Vec<_> = (0..12).map(|_| place(&table, &ONE, &mut cluster).unwrap().claim).collect();
    assert!(placed.iter().all(|claim| claim.agent().get() % 3 == placed[0].agent().get() % 3));
    assert_eq!(place(&table, &ONE, &mut cluster), Err(Unplaced::NoAgent));
    placed.iter().for_each(|claim| release(&table, *claim));
    // One group's agents are avoided, its racks are not.
    let taken = place(&table, &ONE, &mut anywhere(&table).joining(others)).unwrap().claim.agent();
    let mut apart = anywhere(&table).with_rule(Rule::Apart { group: others });
    let whole = Request::exclusive(4, 0);
    let agents: Vec<_> = (0..8).map(|_| place(&table, &whole, &mut apart).unwrap().claim.agent()).collect();
    assert!(!agents.contains(&taken));
    assert_eq!(place(&table, &ONE, &mut apart), Err(Unplaced::NoAgent));
    table.validate().unwrap();
}

#[test]
fn spread_takes_the_emptiest_value_and_keeps_to_its_skew() {
    let table = racks(9);
    let group = table.add_group(BY_RACK).unwrap();
    let spread = |max_skew| anywhere(&table).joining(group).with_rule(Rule::Spread { group, max_skew });
    for request in [ONE, Request::shared(1000, 0)] {
        for round in 1..=6 {
            place(&table, &request, &mut spread(None)).unwrap();
            let racks = in_racks(&table, group);
            assert!(racks.iter().max().unwrap() - racks.iter().min().unwrap() <= 1, "{round}: {racks:?}");
        }
    }
    assert_eq!(in_racks(&table, group), [4, 4, 4]);
    // Rack 0 fills up: with a bounded skew the others may not run away.
    let in_rack = Constraint::new(RACK, Test::text_is("0"));
    while place(&table, &Request::exclusive(1, 0), &mut table.select([in_rack.clone()]).unwrap()).is_ok() {}
    assert_eq!(place(&table, &ONE, &mut spread(Some(0))), Err(Unplaced::Invalid(Invalid::NoSkew)));
    let mut bounded = spread(Some(2));
    let placed = (0..9).take_while(|_| place(&table, &ONE, &mut bounded).is_ok()).count();
    assert_eq!((placed, in_racks(&table, group)), (4, vec![4, 6, 6]));
    place(&table, &ONE, &mut spread(None)).unwrap();
    table.validate().unwrap();
}

/// Its record is as short as that of a claim that is released straight on.
#[test]
fn a_member_of_one_leaf_leaves_its_group_when_released() {
    let table = racks(1);
    let group = table.add_group(BY_AGENT).unwrap();
    let mut selection = anywhere(&table).joining(group);
    for mem_bytes in [0, 4096] {
        let member = place(&table, &Request::exclusive(1, mem_bytes), &mut selection).unwrap();
        assert_eq!(table.members(group).unwrap().len(), 1);
        release(&table, member.claim);
        assert_eq!(table.members(group), Some(vec![]));
        table.validate().unwrap();
    }
    assert_eq!(table.remove_group(group), Ok(()));
}

#[test]
fn a_member_is_one_through_split_transfer_restore_and_release() {
    let table = racks(3);
    let group = table.add_group(BY_RACK).unwrap();
    let by_agent = table.add_group(BY_AGENT).unwrap();
    let mut selection = anywhere(&table).joining(group).joining(by_agent).joining(group);
    let member = place(&table, &Request::exclusive(2, 1 << 20), &mut selection).unwrap();
    assert_eq!(table.placement(member.claim).unwrap().groups, [group, by_agent]);
    let child = granted(table.split(member.claim, Owner::new(1), &Request::exclusive(1, 0)));
    let exact = Placement { groups: vec![group], ..table.placement(child.claim).unwrap() };
    assert!(matches!(table.split_exact(member.claim, Owner::new(1), &exact), Outcome::Refused(_)));
    assert_eq!(table.placement(child.claim).unwrap().groups, []);
    release(&table, child.claim);
    assert_eq!(table.transfer(member.claim, Owner::new(1), Owner::new(2)), Transferred::Transferred);
    assert_eq!(in_racks(&table, group).iter().sum::<u64>(), 1);
    let held = table.placement(member.claim).unwrap();
    assert_eq!(table.remove_group(group), Err(GroupError::HasMembers { group, members: 1 }));
    let at = member.claim.agent();
    table.remove_agent(at).unwrap();
    assert_eq!((table.members(group), table.members(by_agent)), (Some(vec![]), Some(vec![])));
    table.return_agent(at, FOUR.shape()).unwrap();
    table.set_attributes(at, rack("2")).unwrap();
    let restored = table.restore(at, holder(1), &held).unwrap();
    assert_eq!((table.placement(restored.claim), in_racks(&table, group)), (Some(held), vec![0, 0, 1]));
    let unknown = GroupId::from_u32(u32::MAX);
    let named = Placement { groups: vec![unknown], ..Placement::default() };
    assert_eq!(table.restore(at, holder(1), &named), Err(RestoreError::NoSuchGroup(unknown)));
    table.validate().unwrap();
}

#[test]
fn a_group_ends_and_its_place_serves_the_next_of_its_key() {
    let table = racks(3);
    let first = table.add_group(BY_RACK).unwrap();
    let mut old = anywhere(&table).joining(first).with_rule(at_most(first, 1));
    let claim = place(&table, &ONE, &mut old).unwrap().claim;
    release(&table, claim);
    assert_eq!(table.remove_group(first), Ok(()));
    assert_eq!(table.remove_group(first), Err(GroupError::NoSuchGroup(first)));
    assert_eq!(place(&table, &ONE, &mut old), Err(Unplaced::NoSuchGroup(first)));
    let other = table.add_group(BY_AGENT).unwrap();
    let second = table.add_group(BY_RACK).unwrap();
    assert_eq!([first, other, second].map(|group| group.to_string()), ["g0.0", "g1.0", "g0.1"]);
    assert_eq!(place(&table, &ONE, &mut old), Err(Unplaced::NoSuchGroup(first)));
    assert_eq!((table.members(first), table.members(second)), (None, Some(vec![])));
    table.validate().unwrap();
}

/// Cores and memory of one leaf and a membership are three of a record's four parts.
#[test]
fn a_member_of_one_leaf_takes_one_record() {
    let table = table(64, Limit::default(), &vec![FOUR; 16]);
    let group = table.add_group(BY_AGENT).unwrap();
    let mut selection = anywhere(&table).joining(group);
    for _ in 0..64 {
        place(&table, &ONE, &mut selection).unwrap();
    }
    table.validate().unwrap();
}

/// Threads that place and release members of one group: no rack ever has more than two, and whoever is refused had no room.
#[test]
fn threads_never_pass_the_most_members_of_a_value() {
    let shape = FOUR.shape();
    let capacity = Capacity { claims: 4096, ..Capacity::for_agents(12, &shape) };
    let table = Table::new(capacity).unwrap();
    table.add_role(Limit::default()).unwrap();
    for at in 0..12 {
        let agent = table.add_agent(shape.clone()).unwrap();
        table.set_attributes(agent, rack(&(at % 3).to_string())).unwrap();
    }
    let group = table.add_group(BY_RACK).unwrap();
    let work = |owner: u64| {
        let local = Local::new(&table, 0).unwrap();
        let mut selection = anywhere(&table).joining(group).with_rule(at_most(group, 2));
        let mut mine = Vec::new();
        for round in 0..300 {
            let holder = Holder { owner: Owner::new(owner), role: ROLE };
            mine.extend(local.place_where(holder, &ONE, Policy::Pack, &mut selection).granted());
            let racks = in_racks(&table, group);
            assert!(racks.iter().all(|members| *members <= 2), "{racks:?}");
            if round % 3 == 2 {
                for grant in mine.drain(..) {
                    assert!(matches!(local.release(grant.claim, holder.owner), Released::Released { .. }));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        // Joined one by one: that a scope's end waits for them, ThreadSanitizer does not see.
        let threads: Vec<_> = (0..4).map(|owner| scope.spawn(move || work(owner))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    table.validate().unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Place { most: u16, shared: bool },
    Release(usize),
    Move { agent: u32, rack: u8 },
    Leave(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_u16, any::<bool>()).prop_map(|(most, shared)| Step::Place { most, shared }),
        2 => any::<usize>().prop_map(Step::Release),
        2 => (0..5_u32, 0..4_u8).prop_map(|(agent, rack)| Step::Move { agent, rack }),
        1 => (0..5_u32).prop_map(Step::Leave),
    ]
}

/// What a simple mind would keep: where each member was placed, and which rack each agent is in.
#[derive(Default)]
struct Book {
    racks: BTreeMap<u32, u8>,
    members: Vec<(crate::ClaimId, u8)>,
}

impl Book {
    fn count(&self, rack: u8) -> usize {
        self.members.iter().filter(|(_, of)| *of == rack).count()
    }

    fn run(&mut self, table: &Table, group: GroupId, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Place { most, shared } => {
                let request = if shared { Request::shared(100, 0) } else { ONE };
                let mut selection = anywhere(table).joining(group).with_rule(at_most(group, most));
                match place(table, &request, &mut selection) {
                    Ok(grant) => {
                        let rack = self.racks[&grant.claim.agent().get()];
                        self.members.push((grant.claim, rack));
                        prop_assert!(self.count(rack) <= usize::from(most));
                    }
                    Err(unplaced) => {
                        let open = |agent: &u32| {
                            table.explain_where(ROLE, &request, &mut on(table, *agent)).unwrap().feasible > 0
                                && self.racks.get(agent).is_some_and(|rack| self.count(*rack) < usize::from(most))
                        };
                        prop_assert!(!(0..5).any(|agent| open(&agent)), "{unplaced:?}");
                    }
                }
            }
            Step::Release(at) if !self.members.is_empty() => {
                let (claim, _) = self.members.swap_remove(at % self.members.len());
                release(table, claim);
            }
            Step::Release(_) => {}
            Step::Move { agent: at, rack: to } => {
                table.set_attributes(agent(at), rack(&to.to_string())).unwrap();
                self.racks.insert(at, to);
            }
            Step::Leave(at) => {
                table.remove_agent(agent(at)).unwrap();
                table.return_agent(agent(at), FOUR.shape()).unwrap();
                self.racks.remove(&at);
                self.members.retain(|(claim, _)| claim.agent() != agent(at));
            }
        }
        Ok(())
    }
}

fn on(table: &Table, at: u32) -> Selection {
    table.select([Constraint::AgentIn(vec![agent(at)])]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn members_are_counted_as_a_simple_mind_would(steps in proptest::collection::vec(step(), 1..60)) {
        let table = table(256, Limit::default(), &[FOUR; 5]);
        let group = table.add_group(BY_RACK).unwrap();
        let mut book = Book::default();
        for step in &steps {
            book.run(&table, group, step)?;
        }
        let counted: u64 = table.members(group).unwrap().iter().map(|(_, members)| members).sum();
        prop_assert_eq!(usize::try_from(counted).unwrap(), book.members.len());
        table.validate().unwrap();
    }
}

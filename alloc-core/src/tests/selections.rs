//! Attributes, and placement by them: what a scheduler's author would expect to happen.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::{ROLE, holder, table};
use crate::testing::Machine;
use crate::{
    AgentId, AgentState, AttributeValue, Attributes, Capacity, ConstraintError, ConstraintFault, Excluded, Limit,
    Local, NameId, NumberSpan, Outcome, Owner, Placed, Policy, ReasonKind, Request, Selection, Table, TableError, Test,
    Unplaced,
};
use crate::{Condition, Constraint, Ganged, GroupKey, GroupSpec, NoGang, Reason, Released, Rule};

const RACK: NameId = NameId::new(1);
const SPEED: NameId = NameId::new(2);
const GPUS: NameId = NameId::new(3);
const FOUR: Machine = Machine { cores: 4, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 1 << 30 };

fn rack(text: &str) -> Attributes {
    Attributes::new([(RACK, AttributeValue::text(text))]).unwrap()
}

fn agent(at: u32) -> AgentId {
    AgentId::new(at)
}

/// So many agents, in racks "0", "1", "2" by turns.
fn racks(agents: u32) -> Table {
    let table = table(256, Limit::default(), &vec![FOUR; agents as usize]);
    for at in 0..agents {
        table.set_attributes(agent(at), rack(&(at % 3).to_string())).unwrap();
    }
    table
}

fn in_rack(table: &Table, text: &str) -> Selection {
    table.select([Constraint::new(RACK, Test::text_is(text))]).unwrap()
}

fn place(table: &Table, request: &Request, selection: &mut Selection) -> Result<u32, Unplaced> {
    match table.place_where(holder(1), request, Policy::Pack, selection) {
        Placed::Granted(grant) => Ok(grant.claim.agent().get()),
        Placed::Refused(unplaced) => Err(unplaced),
        other @ Placed::Contended { .. } => panic!("{other:?}"),
    }
}

#[test]
fn attributes_are_told_replaced_and_gone_with_the_agent() {
    let table = racks(2);
    let all = Attributes::new([
        (SPEED, AttributeValue::ScalarMilli(2500)),
        (RACK, AttributeValue::text("x")),
        (GPUS, AttributeValue::set(["h100", "a100"])),
    ]);
    table.set_attributes(agent(1), all.clone().unwrap()).unwrap();
    assert_eq!((table.attributes(agent(1)), table.attributes(agent(0))), (all.ok(), Some(rack("0"))));
    table.remove_agent(agent(1)).unwrap();
    assert_eq!(table.attributes(agent(1)), None);
    assert_eq!(table.set_attributes(agent(1), rack("x")), Err(TableError::NoSuchAgent(agent(1))));
    assert_eq!(table.set_attributes(agent(u32::MAX), rack("x")), Err(TableError::NoSuchAgent(agent(u32::MAX))));
    table.return_agent(agent(1), FOUR.shape()).unwrap();
    assert_eq!(table.attributes(agent(1)), Some(Attributes::default()));
    table.remove_agent(agent(1)).unwrap();
    let mut selection = in_rack(&table, "y");
    assert_eq!(table.add_agent_with(FOUR.shape(), rack("y")), Ok(agent(1)));
    assert_eq!(table.attributes(agent(1)), Some(rack("y")));
    assert!(selection.contains(&table, agent(1)));
}

#[test]
fn a_request_goes_where_all_constraints_hold() {
    let table = racks(9);
    // Of one leaf, found along the index, and of a pool, found agent by agent.
    for request in [Request::exclusive(4, 0), Request::shared(4000, 0)] {
        let mut selection = in_rack(&table, "2");
        assert_eq!(selection.agents(), 3);
        let mut placed: Vec<_> = (0..3).map(|_| place(&table, &request, &mut selection)).collect();
        placed.sort_unstable_by_key(|agent| agent.ok());
        assert_eq!(placed, [Ok(2), Ok(5), Ok(8)]);
        assert_eq!(place(&table, &request, &mut selection), Err(Unplaced::NoAgent));
        let ends = table.claims().collect::<Vec<_>>();
        ends.into_iter()
            .for_each(|claim| assert!(matches!(table.release(claim, Owner::new(1)), Released::Released { .. })));
        for at in 0..9 {
            let orders = table.pool_orders(agent(at));
            let _freed = table.confirm_pool(agent(at), orders[0].numa_node, orders[0].epoch);
        }
    }
    table.validate().unwrap();
}

#[test]
fn lists_alternatives_and_predicates_choose_agents() {
    let table = racks(6);
    let span = NumberSpan { first: 80, last: 90 };
    let ports = AttributeValue::Ranges(Box::new([NumberSpan { first: 1, last: 100 }]));
    let many = Attributes::new([(SPEED, AttributeValue::ScalarMilli(3000)), (GPUS, ports)]).unwrap();
    table.set_attributes(agent(4), many).unwrap();
    let any = Constraint::AnyOf(vec![
        vec![Condition { name: RACK, test: Test::text_is("0") }],
        vec![
            Condition { name: SPEED, test: Test::ScalarAtLeast(2000) },
            Condition { name: GPUS, test: Test::RangesContain(span) },
        ],
    ]);
    let count = |constraints: Vec<Constraint>| table.select(constraints).unwrap().agents();
    assert_eq!(count(vec![]), 6);
    assert_eq!(count(vec![any.clone()]), 3, "0, 3 and 4");
    assert_eq!(count(vec![any.clone(), Constraint::AgentNotIn(vec![agent(3), agent(0)])]), 1);
    assert_eq!(count(vec![Constraint::AgentIn(vec![agent(5), agent(77), agent(1)])]), 2);
    assert_eq!(count(vec![Constraint::new(RACK, Test::TextNotIn(vec!["0".into()]))]), 4, "4 has no rack");
    // What LIKE and regular expressions ask.
    let like = |_: AgentId, attributes: &Attributes| match attributes.get(RACK) {
        Some(AttributeValue::Text(text)) => !text.contains('0'),
        _ => false,
    };
    let mut selection = table.select_by(like).and_by(|agent, _| agent.get() > 1);
    let first = place(&table, &Request::exclusive(4, 0), &mut selection).unwrap();
    assert_eq!(selection.agents(), 2, "2 and 5");
    assert_eq!(place(&table, &Request::exclusive(4, 0), &mut selection).unwrap() + first, 7);
}

#[test]
fn a_selection_catches_up_with_every_change() {
    let table = racks(6);
    let mut selection = in_rack(&table, "x");
    let whole = Request::exclusive(4, 0);
    assert_eq!(place(&table, &whole, &mut selection), Err(Unplaced::NoAgent));
    table.set_attributes(agent(3), rack("x")).unwrap();
    assert_eq!(place(&table, &whole, &mut selection), Ok(3));
    table.set_attributes(agent(4), rack("x")).unwrap();
    table.set_attributes(agent(4), rack("y")).unwrap();
    assert_eq!(place(&table, &whole, &mut selection), Err(Unplaced::NoAgent));
    table.set_attributes(agent(5), rack("x")).unwrap();
    table.remove_agent(agent(5)).unwrap();
    table.return_agent(agent(5), FOUR.shape()).unwrap();
    assert_eq!(place(&table, &whole, &mut selection), Err(Unplaced::NoAgent), "the new incarnation has no rack");
    table.set_attributes(agent(5), rack("x")).unwrap();
    // More changes than the table keeps.
    (0..2000).for_each(|_| table.set_attributes(agent(0), rack("y")).unwrap());
    assert_eq!(place(&table, &whole, &mut selection), Ok(5));
    assert_eq!(selection.agents(), 2);
    assert_eq!([3, 4, 5, 99].map(|at| selection.contains(&table, agent(at))), [true, false, true, false]);
    table.set_attributes(agent(1), rack("x")).unwrap();
    table.set_state(agent(1), AgentState::Draining).unwrap();
    assert_eq!(place(&table, &whole, &mut selection), Err(Unplaced::NoAgent), "it takes no claims");
    table.validate().unwrap();
}

#[test]
fn a_selection_serves_another_table_anew() {
    let (small, large) = (racks(3), racks(200));
    let mut selection = in_rack(&large, "1");
    assert_eq!(place(&small, &Request::exclusive(4, 0), &mut selection), Ok(1));
    assert_eq!(selection.agents(), 1);
    assert_eq!(place(&small, &Request::exclusive(4, 0), &mut selection), Err(Unplaced::NoAgent));
    assert!(place(&large, &Request::exclusive(4, 0), &mut selection).is_ok());
    assert_eq!(selection.agents(), 67);
}

#[test]
fn a_batch_stays_in_its_selection() {
    let table = racks(200);
    let local = Local::new(&table, 0).unwrap();
    let mut selection =
        table.select([Constraint::new(RACK, Test::text_is("1")), Constraint::new(RACK, Test::Exists)]).unwrap();
    let holders: Vec<_> = (0..100).map(holder).collect();
    let mut placed = BTreeMap::new();
    local.place_many_where(&holders, &Request::exclusive(4, 1 << 20), Policy::Spread, &mut selection, |at, answer| {
        placed.insert(at, answer);
    });
    assert_eq!(placed.len(), 100, "each is answered");
    let agents: Vec<_> = placed.values().filter_map(|placed| Some(placed.granted()?.claim.agent().get())).collect();
    assert_eq!(agents.len(), 67);
    assert!(agents.iter().all(|agent| agent % 3 == 1));
    assert_eq!(placed[&99], Placed::Refused(Unplaced::NoAgent));
    table.validate().unwrap();
}

#[test]
fn explain_counts_what_each_constraint_leaves_out() {
    let table = racks(6);
    table.set_attributes(agent(0), Attributes::default()).unwrap();
    let constraints = [
        Constraint::new(RACK, Test::Exists),
        Constraint::new(RACK, Test::TextNotIn(vec!["1".into()])),
        Constraint::AgentNotIn(vec![agent(2)]),
    ];
    let mut selection = table.select(constraints).unwrap().and_by(|agent, _| agent != AgentId::new(3));
    let why = table.explain_where(ROLE, &Request::exclusive(1, 0), &mut selection).unwrap();
    let by = |by| ReasonKind::Excluded(by);
    let expected = [
        (by(Excluded::Constraint(0)), 1),
        (by(Excluded::Constraint(1)), 2),
        (by(Excluded::Constraint(2)), 1),
        (by(Excluded::Predicate), 1),
    ];
    assert_eq!((why.agents, why.feasible, why.blocked), (6, 1, BTreeMap::from(expected)));
    assert_eq!(ReasonKind::Excluded(Excluded::Constraint(1)).to_string(), "left out by constraint 1");
}

#[test]
fn a_constraint_that_cannot_be_meant_is_refused() {
    let table = racks(1);
    let empty = Constraint::new(RACK, Test::SetHasAny(vec![]));
    let exists = || Constraint::new(RACK, Test::Exists);
    let error = table.select([exists(), empty]).unwrap_err();
    assert_eq!(error, ConstraintError { at: 1, fault: ConstraintFault::Empty });
    let error = table.select((0..300).map(|_| exists())).unwrap_err();
    assert_eq!(error.to_string(), "constraint 256 is one too many: give at most 256, or a predicate");
}

/// Agents change racks and go and return while others place by rack: what each selection says in the end is what a new one says.
#[test]
fn selections_keep_up_with_threads_that_change_agents() {
    let table = table(1024, Limit::default(), &[FOUR; 9]);
    let selections = std::thread::scope(|scope| {
        let table = &table;
        let changing = scope.spawn(move || {
            for round in 0..600 {
                let at = agent(round % 9);
                if round % 7 == 0 {
                    table.remove_agent(at).unwrap();
                    table.return_agent(at, FOUR.shape()).unwrap();
                }
                table.set_attributes(at, rack(&(round % 4).to_string())).unwrap();
            }
        });
        let place = move |owner: u64| {
            let local = Local::new(table, 0).unwrap();
            let mut selection = in_rack(table, &owner.to_string());
            for _ in 0..400 {
                let placed = local.place_where(holder(owner), &Request::exclusive(1, 0), Policy::Pack, &mut selection);
                // A claim may be gone with its agent.
                let _ended = placed.granted().map(|grant| local.release(grant.claim, Owner::new(owner)));
            }
            selection
        };
        let placing = [0, 1].map(|owner| scope.spawn(move || place(owner)));
        changing.join().unwrap();
        placing.map(|thread| thread.join().unwrap())
    });
    for (owner, mut selection) in selections.into_iter().enumerate() {
        let mut new = in_rack(&table, &owner.to_string());
        for at in (0..9).map(agent) {
            assert_eq!(selection.contains(&table, at), new.contains(&table, at), "{at} in rack {owner}");
        }
        assert_eq!(selection.agents(), new.agents());
    }
    table.validate().unwrap();
}

/// In a batch as one by one, on tables that are alike.
#[test]
fn a_batch_keeps_to_its_policy_in_a_selection() {
    for policy in [Policy::Pack, Policy::Spread, Policy::FragmentationAware] {
        let alike = || {
            let table = racks(12);
            // One agent is tighter than the others, and not among the first: along the index it would come first.
            let Outcome::Granted(_) = table.claim(agent(10), holder(1), &Request::exclusive(3, 0)) else { panic!() };
            table
        };
        let (request, holders) = (Request::exclusive(1, 0), vec![holder(1); 4]);
        let single = alike();
        let mut selection = single.select([]).unwrap();
        let one_by_one: Vec<_> = holders
            .iter()
            .map(|holder| agent_of(single.place_where(*holder, &request, policy, &mut selection)))
            .collect();
        let table = alike();
        let (local, mut selection) = (Local::new(&table, 0).unwrap(), table.select([]).unwrap());
        let mut batch = Vec::new();
        local.place_many_where(&holders, &request, policy, &mut selection, |_, placed| batch.push(agent_of(placed)));
        assert_eq!(batch, one_by_one, "{policy:?}");
    }
}

fn agent_of(placed: Placed) -> u32 {
    let Placed::Granted(grant) = placed else { panic!("{placed:?}") };
    grant.claim.agent().get()
}

/// The tightest agent of the selection is far behind the first ones, for requests of several leaves and of shares, with and without
/// a group: who asks agent by agent compares the first few only.
#[test]
fn the_tightest_agent_of_a_selection_is_found_wherever_it_is() {
    let two_domains = Machine { cores: 8, l3: 2, ..FOUR };
    for (grouped, request) in [false, true]
        .into_iter()
        .flat_map(|grouped| [Request::exclusive(6, 0), Request::shared(400, 0)].map(|request| (grouped, request)))
    {
        let table = table(256, Limit::default(), &[two_domains; 96]);
        for at in 0..96 {
            table.set_attributes(agent(at), rack(&(at % 3).to_string())).unwrap();
        }
        // One tighter agent in the rack that is meant, and one in another.
        for tight in [92, 91] {
            let Outcome::Granted(_) = table.claim(agent(tight), holder(1), &Request::exclusive(1, 0)) else { panic!() };
            let Outcome::Granted(_) = table.claim(agent(tight), holder(1), &Request::shared(500, 0)) else { panic!() };
            // Claims tell the agents' planes nothing: a search that finds too little does.
            let mut only = table.select([Constraint::AgentIn(vec![agent(tight)])]).unwrap();
            assert_eq!(place(&table, &Request::exclusive(7, 0), &mut only), Err(Unplaced::NoAgent));
        }
        let mut selection = in_rack(&table, "2");
        if grouped {
            let group = table.add_group(GroupSpec { key: GroupKey::Agent }).unwrap();
            selection = selection.joining(group).with_rule(Rule::AtMost { group, members: 1 });
        }
        let placed: Vec<_> = (0..33).map(|_| place(&table, &request, &mut selection)).collect();
        assert_eq!(placed[0], Ok(92), "{grouped} {request:?}");
        assert!(placed.iter().flatten().all(|at| at % 3 == 2));
        // One on each agent of the rack; without the group a second share finds room where the first did.
        let on_each = grouped || request == Request::exclusive(6, 0);
        assert_eq!(placed.iter().flatten().count(), if on_each { 32 } else { 33 }, "{grouped} {request:?}");
        table.validate().unwrap();
    }
}

/// Records are what is lacking, and not that others are in the way: who asks again would ask for ever.
#[test]
fn used_up_records_are_a_final_no() {
    let table = table(64, Limit::default(), &[Machine { cores: 128, ..FOUR }; 2]);
    let request = Request::exclusive(1, 0);
    let mut selection = table.select([]).unwrap();
    let mut granted = 0;
    while table.place(holder(1), &request, Policy::Pack).granted().is_some() {
        granted += 1;
    }
    assert_eq!(granted, 64);
    let full = Placed::Refused(Unplaced::RecordsFull { records: 64 });
    for request in [request, Request::shared(100, 0), Request::exclusive(60, 0), Request::exclusive(1, 1 << 20)] {
        for policy in [Policy::Pack, Policy::Spread, Policy::FragmentationAware] {
            assert_eq!(table.place(holder(1), &request, policy), full, "{policy:?} {request:?}");
            assert_eq!(table.place_where(holder(1), &request, policy, &mut selection), full);
        }
        let why = table.explain(ROLE, &request);
        assert_eq!((why.feasible, why.nearest.map(|no| no.reason)), (0, Some(Reason::RecordsFull { records: 64 })));
        let gang = table.place_gang(holder(1), &request, 2, Policy::Pack, 1, &mut Vec::new());
        let Ganged::Refused { why: NoGang::Room { placed: 0, nearest: Some(no) }, .. } = gang else {
            panic!("{gang:?}")
        };
        assert_eq!(no.reason, Reason::RecordsFull { records: 64 });
    }
    let larger = Request::exclusive(500, 0);
    assert_eq!(table.place(holder(1), &larger, Policy::Pack), Placed::Refused(Unplaced::NoAgent));
    table.validate().unwrap();
}

/// The predicate is asked once more after the claim, when agents changed meanwhile.
#[test]
fn a_predicate_that_panics_after_a_claim_leaves_none() {
    let table = Arc::new(racks(1));
    let (within, asked) = (Arc::clone(&table), Mutex::new(0));
    let mut selection = table.select_by(move |_, _| {
        *asked.lock().unwrap() += 1;
        let asked = *asked.lock().unwrap();
        assert!(asked < 3, "asked once more");
        if asked == 2 {
            // As another thread may, between the look and the claim.
            within.set_attributes(agent(0), rack("9")).unwrap();
        }
        true
    });
    table.set_attributes(agent(0), rack("8")).unwrap();
    let place = || table.place_where(holder(1), &Request::shared(100, 0), Policy::Pack, &mut selection);
    assert!(catch_unwind(AssertUnwindSafe(place)).is_err());
    assert_eq!(table.claims().count(), 0);
    table.validate().unwrap();
}

/// Two shards, a rack in each; the first has agents without claims and no records.
#[test]
fn used_up_records_of_one_rack_do_not_end_a_spread() {
    let shape = FOUR.shape();
    let capacity = Capacity { shards: 2, claims: 128, ..Capacity::for_agents(4, &shape) };
    let table = Table::new(capacity).unwrap();
    table.add_role(Limit::default()).unwrap();
    let agents: Vec<_> = (0..4).map(|_| table.add_agent(shape.clone()).unwrap()).collect();
    let half = u32::from(agents.iter().all(|agent| agent.get() < 4)) * 2;
    for agent in &agents {
        table.set_attributes(*agent, rack(if agent.get() < half { "a" } else { "b" })).unwrap();
    }
    let group = table.add_group(GroupSpec { key: GroupKey::Attribute(RACK) }).unwrap();
    let spread = Rule::Spread { group, max_skew: None };
    let mut spreading = table.select([]).unwrap().joining(group).with_rule(spread);
    // One member in rack b, so that rack a comes first; and no records for it.
    let mut in_b = in_rack(&table, "b").joining(group);
    assert!(table.place_where(holder(1), &Request::shared(1, 0), Policy::Pack, &mut in_b).granted().is_some());
    let mut in_a = in_rack(&table, "a");
    while table.place_where(holder(1), &Request::shared(1, 0), Policy::Pack, &mut in_a).granted().is_some() {}
    let placed = place(&table, &Request::shared(1, 0), &mut spreading);
    assert!(placed.is_ok_and(|agent| agent >= half), "{placed:?}");
    table.validate().unwrap();
}

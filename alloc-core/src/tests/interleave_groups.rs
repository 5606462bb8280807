//! The words of groups with threads in each other's way: once on plain threads, in every interleaving under loom.

use std::sync::Arc;

use crate::company::Company;
use crate::membership::{AGENT_KEY, AS_FIRST, Groups, NO_LIMIT};
use crate::part::Part;
use crate::sync::{Ordering, Word64, both, model};
use crate::{AgentId, GroupId, Rule};

/// Groups by agent, of two agents.
fn groups(count: u32) -> Groups {
    let groups = Groups::new(2);
    (0..count).for_each(|at| assert!(groups.open(at, AGENT_KEY, 1).is_some()));
    groups
}

fn members(groups: &Groups, at: u32) -> u32 {
    groups.head(at).unwrap().members
}

#[test]
fn a_value_has_one_member_where_one_is_the_most() {
    model(|first| {
        // The word stands for the value: whoever is its member must find it as its last member left it.
        let shared = Arc::new((groups(1), Word64::new(0)));
        both(first, &shared, |(groups, value), _| {
            for _ in 0..2 {
                if groups.join(0, 1, 1) {
                    // Relaxed, all: the order is what the counter is tested for.
                    assert_eq!(value.load(Ordering::Relaxed), 0);
                    value.store(1, Ordering::Relaxed);
                    value.store(0, Ordering::Relaxed);
                    groups.leave(0, 1);
                }
            }
        });
        assert_eq!((members(&shared.0, 0), shared.0.count(0, 1)), (0, 0));
    });
}

#[test]
fn of_two_that_want_one_place_exactly_one_gets_it() {
    model(|first| {
        let shared = Arc::new(groups(1));
        let joined = both(first, &shared, |groups, me| {
            // Each has a member elsewhere too.
            assert!(groups.join(0, 0, NO_LIMIT));
            let joined = groups.join(0, 1, 1);
            if me == 1 {
                groups.leave(0, 0);
            }
            joined
        });
        assert_eq!(joined.iter().filter(|joined| **joined).count(), 1, "{joined:?}");
        assert_eq!((members(&shared, 0), shared.count(0, 0), shared.count(0, 1)), (2, 1, 1));
    });
}

#[test]
fn one_of_two_is_the_first_member() {
    model(|first| {
        let shared = Arc::new(groups(1));
        let joined = both(first, &shared, |groups, me| {
            let value = u32::try_from(me).unwrap();
            let joined = groups.join(0, value, AS_FIRST);
            // Who was not first goes where the first is, if that is to be seen already.
            joined || (groups.count(0, 1 - value) > 0 && groups.join(0, 1 - value, NO_LIMIT))
        });
        assert!(joined[0] || joined[1]);
        let counts = [shared.count(0, 0), shared.count(0, 1)];
        assert!(counts.contains(&0), "one value: {counts:?}");
    });
}

/// As above, with the limit that the rule itself says: on the value it finds, beside a member or as the first.
#[test]
fn near_or_first_leaves_nobody_alone() {
    model(|first| {
        let shared = Arc::new(Groups::new(2));
        assert!(shared.open(0, AGENT_KEY, 2).is_some());
        both(first, &shared, |groups, me| {
            let (group, agent) = (GroupId::from_u32(0), AgentId::new(u32::try_from(me).unwrap()));
            let mut company = Company::default();
            company.join_group(group);
            company.mind(Rule::Near { group, or_first: true });
            company.begin(groups).unwrap();
            if company.broken_rule(groups, agent).is_none() {
                company.memberships(groups, agent).for_each(|member| {
                    let Part::Member { group, value, most } = member else { panic!("{member:?}") };
                    let _joined = groups.join(group, value, most);
                });
            }
        });
        let counts = [1, 2].map(|value| shared.count(0, value));
        assert!(counts == [1, 0] || counts == [0, 1], "one value: {counts:?}");
    });
}

#[test]
fn two_that_avoid_each_other_never_both_stay() {
    model(|first| {
        let shared = Arc::new(groups(2));
        let stay = both(first, &shared, |groups, me| {
            let (own, other) = if me == 0 { (0, 1) } else { (1, 0) };
            let mut stays = false;
            for _ in 0..2 {
                if !stays && groups.join(own, 1, NO_LIMIT) {
                    stays = groups.count_after_join(other, 1) == 0;
                    if !stays {
                        groups.leave(own, 1);
                    }
                }
            }
            stays
        });
        assert!(!(stay[0] && stay[1]));
        assert_eq!([0, 1].map(|at| members(&shared, at)), stay.map(u32::from));
    });
}

#[test]
fn a_group_that_ends_has_no_members_and_gets_none() {
    model(|first| {
        let shared = Arc::new(groups(1));
        let ends = both(first, &shared, |groups, me| {
            if me == 0 {
                return groups.close(0) || groups.close(0);
            }
            if groups.join(0, 1, 1) {
                groups.leave(0, 1);
            }
            groups.join(0, 1, 1)
        });
        assert!(!(ends[0] && ends[1]), "ended with a member");
        assert_eq!(members(&shared, 0), u32::from(ends[1]));
    });
}

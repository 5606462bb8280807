//! Rules: they keep members apart, together, few and spread, and are of the group they name.

use super::groups::member;
use super::siting::{Chosen, group_by, members_of, racks, validate};
use super::{TWO_PUS, input, ok, request, told};
use crate::codes::{NONE, Reason};
use crate::explain::meros_explain_where;
use crate::group::meros_group_remove;
use crate::pointer::Out;
use crate::rule::Rule;
use crate::siting_codes::{GroupKey, RuleKind};
use crate::status::Status;

fn rule(kind: RuleKind, group: u32) -> Rule {
    Rule { kind: kind as u32, group, members: 0, or_first: 0, max_skew: 0, reserved: [0; 3] }
}

#[test]
fn rules_keep_members_apart_together_and_few() {
    let fixture = racks();
    let [agents, racks_of] = [GroupKey::Agent, GroupKey::Attribute].map(|key| group_by(&fixture, key));
    let at_most = [Rule { members: 1, ..rule(RuleKind::AtMost, racks_of) }];
    let few = Chosen::in_company(&fixture, &[racks_of], &at_most);
    let mut on = [few.placed(&fixture), few.placed(&fixture)];
    on.sort_unstable();
    assert_eq!(on[1], 2, "one in each rack");
    let (status, _, answer) = few.place(&fixture);
    assert_eq!((status, answer.reason, answer.permanent), (Status::Refused, Reason::NoAgent as u32, 0));

    let near = Chosen::in_company(&fixture, &[agents], &[rule(RuleKind::Near, agents)]);
    assert_eq!(near.place(&fixture).0, Status::Refused, "there is no member yet");
    let first_near = [Rule { or_first: 1, ..rule(RuleKind::Near, agents) }];
    let or_first = Chosen::in_company(&fixture, &[agents], &first_near);
    let beside = or_first.placed(&fixture);
    assert_eq!((near.placed(&fixture), or_first.placed(&fixture)), (beside, beside));

    let apart = Chosen::in_company(&fixture, &[], &[rule(RuleKind::Apart, agents)]);
    assert_ne!(apart.placed(&fixture), beside);
    validate(&fixture);
}

#[test]
fn a_rule_spreads_members() {
    let fixture = racks();
    let group = group_by(&fixture, GroupKey::Agent);
    let spread = [Rule { max_skew: 1, ..rule(RuleKind::Spread, group) }];
    let spread = Chosen::in_company(&fixture, &[group], &spread);
    let mut on = [(); 3].map(|()| spread.placed(&fixture));
    on.sort_unstable();
    assert_eq!(on, [0, 1, 2]);
    let any = [Rule { max_skew: NONE, ..rule(RuleKind::Spread, group) }];
    Chosen::in_company(&fixture, &[group], &any).placed(&fixture);
    validate(&fixture);
}

#[test]
fn a_claim_that_was_restored_is_minded() {
    let fixture = racks();
    let group = group_by(&fixture, GroupKey::Agent);
    member(&fixture, 1, &[group]);
    let apart = Chosen::in_company(&fixture, &[], &[rule(RuleKind::Apart, group)]);
    let near = Chosen::in_company(&fixture, &[], &[rule(RuleKind::Near, group)]);
    assert_ne!(apart.placed(&fixture), 1);
    assert_eq!(near.placed(&fixture), 1);
    validate(&fixture);
}

#[test]
fn a_group_that_ended_is_not_the_next_in_its_place() {
    let fixture = racks();
    let before = group_by(&fixture, GroupKey::Agent);
    let joining = Chosen::in_company(&fixture, &[before], &[]);
    ok(|message| meros_group_remove(fixture.table(), before, message));
    let after = group_by(&fixture, GroupKey::Agent);
    assert_ne!(before, after);
    let (status, _, answer) = joining.place(&fixture);
    assert_eq!((status, answer.reason), (Status::InvalidArgument, Reason::NoSuchGroup as u32));
    assert_eq!((answer.which, answer.permanent, answer.agent), (before, 1, NONE));
    let members = [TWO_PUS];
    let minding = Chosen::in_company(&fixture, &[after], &[rule(RuleKind::Apart, before)]);
    for chosen in [&joining, &minding] {
        let explained = told(|message| {
            let request = request(&members);
            meros_explain_where(fixture.table(), 0, input(&request), chosen.handle(), Out::null(), Out::null(), message)
        });
        assert_eq!(explained, (Status::InvalidArgument, "group g0.0 is unknown".to_owned()));
    }
    assert_eq!(minding.place(&fixture).2.which, before);
    assert_eq!(members_of(&fixture, after), []);
    validate(&fixture);
}

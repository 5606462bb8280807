//! Selections: they mean the agents that constraints and predicate say, and are refused by name when they cannot be meant.

use core::ffi::c_void;

use super::siting::{
    Chosen, RACK, anywhere, group_by, members_of, of_text, racks, said, tell_rack, text, told_of, validate,
};
use super::{Fixture, HOLDER, TWO_PUS, bytes_of, first, first_mut, input, none, ok, output, request, told, wild};
use crate::answer::Answer;
use crate::attribute::{Attribute, AttributeValue, Text};
use crate::caller::{meros_local_free, meros_local_new};
use crate::codes::NONE;
use crate::constraint::{Alternative, Condition, Constraint};
use crate::explain::{Explanation, meros_explain_where};
use crate::extras_spec::Span;
use crate::message::Message;
use crate::place_where::{meros_place_many_where, meros_place_where};
use crate::pointer::{In, Out};
use crate::rule::Rule;
use crate::selection::{SelectionSpec, meros_selection_agents, meros_selection_contains, meros_selection_new};
use crate::siting_codes::{AttributeKind, ConstraintKind, GroupKey, RuleKind, Test};
use crate::status::Status;

const RATE: u32 = 2;
const PORTS: u32 = 3;
const ZONES: u32 = 4;
const ZERO: Span = Span { first: 0, last: 0 };

fn condition(name: u32, test: Test) -> Condition {
    Condition { name, test: test as u32, scalar_milli: 0, span: ZERO, texts: none(), texts_len: 0 }
}

fn constraint(kind: ConstraintKind) -> Constraint {
    let (kind, reserved) = (kind as u32, 0);
    let (condition, alternatives, agents) = (none(), none(), none());
    Constraint { kind, reserved, condition, alternatives, alternatives_len: 0, agents, agents_len: 0 }
}

fn of_constraints(constraints: &[Constraint]) -> SelectionSpec {
    SelectionSpec { constraints: first(constraints), constraints_len: constraints.len(), ..anywhere() }
}

fn meant(fixture: &Fixture, chosen: &Chosen) -> Vec<u32> {
    let (mut agents, mut contains) = (9, 9);
    ok(|message| meros_selection_agents(chosen.handle(), output(&mut agents), message));
    let mut means = |agent: &u32| {
        ok(|message| meros_selection_contains(chosen.handle(), *agent, output(&mut contains), message));
        contains == 1
    };
    let found: Vec<u32> = (0..3).filter(&mut means).collect();
    assert!(agents as usize == found.len() && !means(&77));
    validate(fixture);
    found
}

/// The agents that meet one condition.
fn meet(fixture: &Fixture, condition: Condition) -> Vec<u32> {
    let constraints = [Constraint { condition: input(&condition), ..constraint(ConstraintKind::Meets) }];
    meant(fixture, &Chosen::new(fixture, &of_constraints(&constraints)))
}

/// Agents in racks, of which the first has an attribute of each kind.
fn varied() -> Fixture {
    let fixture = racks();
    let (texts, spans) = ([text("a"), text("x"), text("y")], [Span { first: 10, last: 20 }]);
    let of = |name, kind: AttributeKind| Attribute {
        name,
        reserved: 0,
        value: AttributeValue { kind: kind as u32, ..AttributeValue::ZERO },
    };
    let (mut rate, mut ports) = (of(RATE, AttributeKind::Scalar), of(PORTS, AttributeKind::Ranges));
    rate.value.scalar_milli = 1500;
    (ports.value.spans, ports.value.spans_len) = (first(&spans), 1);
    let mut zones = of(ZONES, AttributeKind::Set);
    (zones.value.texts, zones.value.texts_len) = (first(&texts[1..]), 2);
    assert_eq!(told_of(&fixture, 0, &[of_text(RACK, &texts[..1]), rate, ports, zones]).0, Status::Ok);
    fixture
}

#[test]
fn each_test_asks_what_its_code_says() {
    let (fixture, texts) = (varied(), [text("b"), text("x"), text("y"), text("w")]);
    let texts = |from: usize, to: usize| (first(&texts[from..to]), to - from);
    let of_texts = |name, test, (texts, texts_len)| Condition { texts, texts_len, ..condition(name, test) };
    let of_scalar = |test, scalar_milli| Condition { scalar_milli, ..condition(RATE, test) };
    let of_span = |first, last| Condition { span: Span { first, last }, ..condition(PORTS, Test::RangesContain) };
    for (condition, agents) in [
        (condition(RATE, Test::Exists), &[0][..]),
        (condition(RATE, Test::Absent), &[1, 2]),
        (of_texts(RACK, Test::TextIn, texts(0, 2)), &[2]),
        (of_texts(RACK, Test::TextNotIn, texts(0, 1)), &[0, 1]),
        (of_scalar(Test::ScalarAtLeast, 1500), &[0]),
        (of_scalar(Test::ScalarAtLeast, 1501), &[]),
        (of_scalar(Test::ScalarAtMost, 1500), &[0]),
        (of_scalar(Test::ScalarAtMost, -1), &[]),
        (of_scalar(Test::ScalarIs, 1500), &[0]),
        (of_scalar(Test::ScalarIs, 0), &[]),
        (of_span(10, 20), &[0]),
        (of_span(20, 21), &[]),
        (of_texts(ZONES, Test::SetHasAll, texts(1, 3)), &[0]),
        (of_texts(ZONES, Test::SetHasAll, texts(2, 4)), &[]),
        (of_texts(ZONES, Test::SetHasAny, texts(2, 4)), &[0]),
        (of_texts(ZONES, Test::SetHasAny, texts(3, 4)), &[]),
    ] {
        assert_eq!(meet(&fixture, condition), agents, "{condition:?}");
    }
}

#[test]
fn alternatives_and_lists_of_agents_choose() {
    let (fixture, b) = (varied(), [text("b")]);
    let rated = [condition(RATE, Test::Exists)];
    let in_b = [Condition { texts: first(&b), texts_len: 1, ..condition(RACK, Test::TextIn) }];
    let neither = [rated[0], in_b[0]];
    let of = |conditions: &[Condition]| Alternative { conditions: first(conditions), conditions_len: conditions.len() };
    let either = [of(&rated), of(&in_b)];
    let any_of = |alternatives: &[Alternative]| {
        let (alternatives, alternatives_len) = (first(alternatives), alternatives.len());
        Constraint { alternatives, alternatives_len, ..constraint(ConstraintKind::AnyOf) }
    };
    let chosen = |constraints: &[Constraint]| meant(&fixture, &Chosen::new(&fixture, &of_constraints(constraints)));
    assert_eq!(chosen(&[any_of(&either)]), [0, 2]);
    assert_eq!(chosen(&[any_of(&[of(&neither)])]), [0; 0]);
    let agents = [2, 1];
    let agents = |kind| Constraint { agents: first(&agents), agents_len: 2, ..constraint(kind) };
    assert_eq!(chosen(&[agents(ConstraintKind::AgentIn)]), [1, 2]);
    assert_eq!(chosen(&[agents(ConstraintKind::AgentNotIn)]), [0]);
    assert_eq!(chosen(&[any_of(&either), agents(ConstraintKind::AgentIn)]), [2], "all must hold");
    assert_eq!(chosen(&[]), [0, 1, 2]);
}

/// Means agents of the rack whose text the context is.
extern "C-unwind" fn in_rack(context: Out<c_void>, _: u32, attributes: In<Attribute>, len: usize) -> u32 {
    let attributes = attributes.array(len, "attributes").unwrap();
    // SAFETY: the tests pass a text of theirs as the context, and keep it while the selection is used.
    let rack = unsafe { core::mem::transmute::<Out<c_void>, Out<Text>>(context) }.read();
    let rack = &rack.array(1, "context").unwrap()[0];
    let of_rack = |attribute: &Attribute| {
        let texts = attribute.value.texts.array(attribute.value.texts_len, "texts").unwrap();
        attribute.name == RACK && said(&texts[0]) == said(rack)
    };
    if attributes.iter().any(of_rack) { 7 } else { 0 }
}

#[test]
fn a_predicate_sees_each_agent_and_its_attributes() {
    let (fixture, mut rack) = (varied(), text("a"));
    // SAFETY: a reference's target, which the predicate reads as what it is; kept to the test's end.
    let context = unsafe { Out::new(core::ptr::from_mut(&mut rack).cast()) };
    let chosen = Chosen::new(&fixture, &SelectionSpec { predicate: Some(in_rack), context, ..anywhere() });
    assert_eq!(meant(&fixture, &chosen), [0, 1]);
    tell_rack(&fixture, 2, "a");
    tell_rack(&fixture, 0, "z");
    assert_eq!(meant(&fixture, &chosen), [1, 2], "agents that changed are asked about again");
    assert_ne!(chosen.placed(&fixture), 0);
}

#[test]
fn a_pod_goes_where_the_selection_says_and_follows_what_changes() {
    let (fixture, b) = (racks(), [text("b")]);
    let in_b = Condition { texts: first(&b), texts_len: 1, ..condition(RACK, Test::TextIn) };
    let constraints = [Constraint { condition: input(&in_b), ..constraint(ConstraintKind::Meets) }];
    let chosen = Chosen::new(&fixture, &of_constraints(&constraints));
    assert_eq!(chosen.placed(&fixture), 2);
    tell_rack(&fixture, 2, "c");
    assert_eq!(chosen.place(&fixture).0, Status::Refused);
    assert_eq!(
        explained(&fixture, &chosen),
        (3, 0, "agent a0 is left out by constraint 0 [of 3 agents: 3 left out by constraint 0]".to_owned())
    );
    tell_rack(&fixture, 1, "b");
    assert_eq!(chosen.placed(&fixture), 1);
    validate(&fixture);
}

fn explained(fixture: &Fixture, chosen: &Chosen) -> (u32, u32, String) {
    let members = [TWO_PUS];
    let wanted = request(&members);
    let mut figures = Explanation { size: bytes_of::<Explanation>(), agents: 9, feasible: 9, never_fits: 9 };
    let mut line = [0; 128];
    let mut text = Message { text: first_mut(&mut line), capacity: 128, length: 0 };
    ok(|message| {
        let (request, figures, text) = (input(&wanted), output(&mut figures), output(&mut text));
        meros_explain_where(fixture.table(), 0, request, chosen.handle(), figures, text, message)
    });
    let line = Text { bytes: first(&line), len: text.length };
    (figures.agents, figures.feasible, said(&line))
}

#[test]
fn an_explanation_tells_of_predicates_and_rules() {
    let fixture = racks();
    let group = group_by(&fixture, GroupKey::Agent);
    let rules = [Rule { kind: RuleKind::AtMost as u32, group, members: 1, or_first: 0, max_skew: 0, reserved: [0; 3] }];
    let chosen = Chosen::in_company(&fixture, &[group], &rules);
    chosen.placed(&fixture);
    let (agents, feasible, line) = explained(&fixture, &chosen);
    assert_eq!((agents, feasible), (3, 2));
    assert!(line.contains("1 left out by rule 0, 2 would fit"), "{line}");
    let mut rack = text("z");
    // SAFETY: a reference's target, which the predicate reads as what it is; kept to the test's end.
    let context = unsafe { Out::new(core::ptr::from_mut(&mut rack).cast()) };
    let chosen = Chosen::new(&fixture, &SelectionSpec { predicate: Some(in_rack), context, ..anywhere() });
    let (agents, feasible, line) = explained(&fixture, &chosen);
    assert_eq!((agents, feasible), (3, 0));
    assert!(line.contains("3 left out by the predicate"), "{line}");
}

#[test]
fn a_batch_minds_rules_one_after_the_other() {
    let (fixture, mut local) = (racks(), Out::null());
    ok(|message| meros_local_new(fixture.table(), 0, output(&mut local), message));
    let group = group_by(&fixture, GroupKey::Agent);
    let rules = [Rule { kind: RuleKind::AtMost as u32, group, members: 1, or_first: 0, max_skew: 0, reserved: [0; 3] }];
    let chosen = Chosen::in_company(&fixture, &[group], &rules);
    let (holders, members, mut answers) = ([HOLDER; 70], [TWO_PUS], [Answer::default(); 70]);
    let wanted = request(&members);
    for (local, done) in [(local.read(), 3), (none(), 0)] {
        let (status, text) = told(|message| {
            let (holders, request, answers) = (first(&holders), input(&wanted), first_mut(&mut answers));
            meros_place_many_where(fixture.table(), local, holders, 70, request, 0, chosen.handle(), answers, message)
        });
        assert_eq!(status, Status::Refused);
        assert_eq!(text, format!("{done} of 70 were done: each answer has its own status"));
        assert!(answers[done..].iter().all(|answer| answer.status == Status::Refused as u32));
    }
    assert_eq!(members_of(&fixture, group).len(), 3);
    meros_local_free(local);
    let apart = Chosen::in_company(&fixture, &[], &[]);
    ok(|message| {
        let (holders, request, answers) = (first(&holders), input(&wanted), first_mut(&mut answers));
        meros_place_many_where(fixture.table(), none(), holders, 5, request, 0, apart.handle(), answers, message)
    });
    validate(&fixture);
}

/// What is answered to a selection that cannot be made.
fn refused(fixture: &Fixture, spec: &SelectionSpec) -> String {
    let mut made = wild(8);
    let (status, text) = told(|message| meros_selection_new(fixture.table(), input(spec), output(&mut made), message));
    assert_eq!(status, Status::InvalidArgument, "{text}");
    assert!(made.is_null(), "{text}");
    text
}

#[test]
fn selections_that_cannot_be_meant() {
    let fixture = racks();
    let spec = |expected: &str, change: fn(&mut SelectionSpec)| {
        let mut spec = anywhere();
        change(&mut spec);
        let text = refused(&fixture, &spec);
        assert!(text.starts_with(expected), "`{text}` does not say `{expected}`");
    };
    spec("spec.size is 8", |spec| spec.size = 8);
    spec("spec.reserved is not used yet", |spec| spec.reserved = 1);
    spec("spec.constraints is null", |spec| spec.constraints_len = 1);
    spec("spec.constraints is longer", |spec| (spec.constraints, spec.constraints_len) = (wild(8).read(), usize::MAX));
    spec("spec.groups is not aligned", |spec| (spec.groups, spec.groups_len) = (wild(2).read(), 1));
    spec("spec.rules is null", |spec| spec.rules_len = 1);
    spec("spec.context has no meaning", |spec| spec.context = wild(8));
    let many = [constraint(ConstraintKind::AgentNotIn); 257];
    assert_eq!(
        refused(&fixture, &of_constraints(&many)),
        "constraint 256 is one too many: give at most 256, or a predicate"
    );
    drop(Chosen::new(&fixture, &of_constraints(&many[1..])));
    let null = told(|message| meros_selection_new(fixture.table(), none(), output(&mut Out::null()), message));
    assert_eq!(null.1, "spec is null");
    let null = told(|message| meros_selection_new(fixture.table(), input(&anywhere()), Out::null(), message));
    assert_eq!(null.1, "selection is null");
}

#[test]
fn constraints_that_cannot_be_meant() {
    let (fixture, texts, raw) = (racks(), [text("a")], [-1]);
    let bad = [Text { bytes: first(&raw), len: 1 }];
    let exists = condition(RACK, Test::Exists);
    let refused = |expected: &str, constraint: Constraint| {
        let text = refused(&fixture, &of_constraints(&[constraint]));
        assert!(text.starts_with(expected), "`{text}` does not say `{expected}`");
    };
    let meets = Constraint { condition: input(&exists), ..constraint(ConstraintKind::Meets) };
    refused("constraints.kind is 4: give at most 3", Constraint { kind: 4, ..meets });
    refused("constraints.reserved is not used yet", Constraint { reserved: 1, ..meets });
    refused("constraints.condition is null", constraint(ConstraintKind::Meets));
    refused("constraints.condition has no meaning", Constraint { kind: 2, ..meets });
    refused("constraints.alternatives_len has no meaning", Constraint { alternatives_len: 1, ..meets });
    refused("constraints.agents_len has no meaning", Constraint { agents_len: 1, ..meets });
    refused("constraints.agents is null", Constraint { agents_len: 1, ..constraint(ConstraintKind::AgentIn) });
    let any_of = constraint(ConstraintKind::AnyOf);
    refused("constraint 0 has an empty list", any_of);
    refused("constraints.alternatives is null", Constraint { alternatives_len: 1, ..any_of });
    let no_conditions = [Alternative { conditions: none(), conditions_len: 1 }];
    let of_none = Constraint { alternatives: first(&no_conditions), alternatives_len: 1, ..any_of };
    refused("constraints.alternatives.conditions is null", of_none);
    let of = |expected: &str, condition: Condition| {
        refused(expected, Constraint { condition: input(&condition), ..meets });
        let (conditions, conditions_len) = (input(&condition), 1);
        let alternative = [Alternative { conditions, conditions_len }];
        refused(expected, Constraint { alternatives: first(&alternative), alternatives_len: 1, ..any_of });
    };
    let text_in = Condition { texts: first(&texts), texts_len: 1, ..condition(RACK, Test::TextIn) };
    of("condition.test is 10: give at most 9", Condition { test: 10, ..exists });
    of("condition.scalar_milli has no meaning", Condition { scalar_milli: 1, ..exists });
    of("condition.span has no meaning", Condition { span: Span { first: 0, last: 1 }, ..exists });
    of("condition.texts_len has no meaning", Condition { test: 0, ..text_in });
    of("condition.texts is null", Condition { texts: none(), ..text_in });
    of("condition.texts.bytes is not UTF-8", Condition { texts: first(&bad), ..text_in });
    of("constraint 0 has an empty list", Condition { texts_len: 0, ..text_in });
    let backwards = Condition { span: Span { first: 2, last: 1 }, ..condition(PORTS, Test::RangesContain) };
    of("constraint 0 has a span that ends before it begins", backwards);
}

#[test]
fn rules_that_cannot_be_meant() {
    let fixture = racks();
    let group = group_by(&fixture, GroupKey::Agent);
    let rule = Rule { kind: RuleKind::AtMost as u32, group, members: 1, or_first: 0, max_skew: 0, reserved: [0; 3] };
    let apart = Rule { kind: RuleKind::Apart as u32, members: 0, ..rule };
    for (expected, rule) in [
        ("rules.kind is 4: give at most 3", Rule { kind: 4, ..rule }),
        ("rules.members is 0: give at least 1", Rule { members: 0, ..rule }),
        ("rules.members is 65535: give at most 65534", Rule { members: 65_535, ..rule }),
        ("rules.members is 65537: give at most 65534", Rule { members: 65_537, ..rule }),
        ("rules.members has no meaning", Rule { members: 1, ..apart }),
        ("rules.or_first has no meaning", Rule { or_first: 1, ..apart }),
        ("rules.or_first is 2: give at most 1", Rule { kind: RuleKind::Near as u32, or_first: 2, ..apart }),
        ("rules.max_skew has no meaning", Rule { max_skew: 1, ..rule }),
        ("rules.max_skew is 0: give at least 1", Rule { kind: RuleKind::Spread as u32, ..apart }),
        ("rules.max_skew is 65536", Rule { kind: RuleKind::Spread as u32, max_skew: 1 << 16, ..apart }),
        ("rules.reserved is not used yet", Rule { reserved: [0, 0, 1], ..rule }),
    ] {
        let text = refused(&fixture, &SelectionSpec { rules: input(&rule), rules_len: 1, ..anywhere() });
        assert!(text.starts_with(expected), "`{text}` does not say `{expected}`");
    }
    let most = [Rule { members: 65_534, ..rule }, Rule { kind: 3, max_skew: NONE, ..apart }];
    assert_ne!(Chosen::in_company(&fixture, &[group], &most).placed(&fixture), NONE);
}

#[test]
fn a_placement_by_a_selection_checks_its_pointers() {
    let (fixture, stranger) = (racks(), racks());
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let (wanted, chosen) = (request(&members), Chosen::new(&fixture, &anywhere()));
    let mut place = |fixture: &Fixture, selection, policy| {
        told(|message| {
            let (holder, request, answer) = (input(&HOLDER), input(&wanted), output(&mut answer));
            meros_place_where(fixture.table(), none(), holder, request, policy, selection, answer, message)
        })
    };
    assert_eq!(place(&fixture, none(), 0), (Status::InvalidArgument, "selection is null".to_owned()));
    assert_eq!(place(&fixture, wild(4).read(), 0).1, "selection is not aligned for its type");
    assert_eq!(place(&fixture, chosen.handle(), 3).1, "policy is 3: give at most 2");
    let other = "selection is a handle on another table: make one for this table";
    assert_eq!(place(&stranger, chosen.handle(), 0), (Status::InvalidArgument, other.to_owned()));
    let explained = told(|message| {
        let (text, figures) = (Out::null(), Out::null());
        meros_explain_where(stranger.table(), 0, input(&wanted), chosen.handle(), figures, text, message)
    });
    assert_eq!(explained.1, other);
    let null = told(|message| meros_selection_agents(chosen.handle(), Out::null(), message));
    assert_eq!(null.1, "agents is null");
    let null = told(|message| meros_selection_contains(none(), 0, output(&mut 0), message));
    assert_eq!(null.1, "selection is null");
    let (mut holders, mut answers) = ([HOLDER; 70], [Answer::default(); 70]);
    holders[69].reserved = 1;
    let batch = told(|message| {
        let (holders, request, answers) = (first(&holders), input(&wanted), first_mut(&mut answers));
        meros_place_many_where(fixture.table(), none(), holders, 70, request, 0, chosen.handle(), answers, message)
    });
    assert_eq!(batch.1, "holder.reserved is not used yet: leave it 0");
    validate(&fixture);
    assert_eq!(fixture.place(super::Member { pus: 8, ..TWO_PUS }).cpu_milli, 8000, "nothing was placed");
}

//! Merge, resize and gangs.

use super::{Fixture, HOLDER, SHARE, TWO_PUS, first, first_mut, input, none, ok, output, request, told};
use crate::agent::meros_agent_add;
use crate::answer::Answer;
use crate::claim::{meros_claim, meros_release};
use crate::codes::{NO_CLAIM, NONE, Policy, Reason};
use crate::gang::{GangPart, meros_claim_gang, meros_place_gang};
use crate::merge::meros_merge;
use crate::pointer::Out;
use crate::request::Member;
use crate::resize::meros_resize;
use crate::restore::meros_restore_pool;
use crate::status::Status;
use crate::table::meros_validate;

#[test]
fn two_claims_become_one() {
    let fixture = Fixture::new();
    let (table, into, from) = (fixture.table(), fixture.place(TWO_PUS).claim, fixture.place(TWO_PUS).claim);
    let mut answer = Answer::default();
    for (from, owner, status, reason, text) in [
        (into, 7, Status::InvalidArgument, Reason::Unmergeable, "into and from are the same claim: name two"),
        (from, 8, Status::NotOwner, Reason::NotOwner, "belongs to @7"),
        (u64::MAX, 7, Status::InvalidArgument, Reason::Unmergeable, "from is on another agent"),
    ] {
        let (found, said) = told(|message| meros_merge(table, none(), into, from, owner, output(&mut answer), message));
        assert_eq!((found, answer.status, answer.reason), (status, status as u32, reason as u32), "{said}");
        assert!(said.contains(text), "{said}");
    }
    ok(|message| meros_merge(table, none(), into, from, 7, output(&mut answer), message));
    assert_eq!((answer.claim, answer.cpu_milli, answer.mem_bytes), (into, 4000, 2 << 30));
    let gone = told(|message| meros_release(table, none(), from, 7, Out::null(), message));
    assert_eq!(gone.0, Status::Gone);
    ok(|message| meros_validate(table, message));
}

#[test]
fn a_claim_grows_and_shrinks() {
    let fixture = Fixture::new();
    let (claim, mut answer) = (fixture.place(TWO_PUS).claim, Answer::default());
    let mut resize = |member: Member, owner| {
        let (members, table) = ([member], fixture.table());
        let wanted = request(&members);
        let answer = output(&mut answer);
        told(|message| meros_resize(table, none(), claim, owner, input(&wanted), answer, message))
    };
    for pus in [6, 4] {
        assert_eq!(resize(Member { pus, ..TWO_PUS }, 7).0, Status::Ok);
    }
    assert_eq!(resize(Member { pus: 10, ..TWO_PUS }, 7).0, Status::Refused);
    assert_eq!(resize(TWO_PUS, 8).0, Status::NotOwner);
    assert_eq!(resize(SHARE, 7).0, Status::InvalidArgument);
    assert_eq!(resize(TWO_PUS, 7), (Status::Ok, String::new()));
    assert_eq!((answer.claim, answer.cpu_milli), (claim, 2000));
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn a_gang_is_all_or_nothing() {
    let (fixture, mut other) = (Fixture::new(), 9);
    let table = fixture.table();
    ok(|message| meros_agent_add(table, fixture.shape.read(), output(&mut other), message));
    let (six, ten) = ([Member { pus: 6, ..TWO_PUS }], [Member { pus: 10, ..TWO_PUS }]);
    let (six, ten) = (request(&six), request(&ten));
    let (mut answers, mut whole) = ([Answer::default(); 2], Answer::default());
    let mut gang = |parts: &[GangPart]| {
        let (answers, whole) = (first_mut(&mut answers), output(&mut whole));
        told(|message| {
            meros_claim_gang(table, none(), input(&HOLDER), first(parts), parts.len(), answers, whole, message)
        })
    };
    let part = |agent, request| GangPart { agent, reserved: 0, request: input(request) };
    let (status, text) = gang(&[part(other, &ten), part(0, &six)]);
    assert_eq!((status, text.as_str()), (Status::Refused, "wants 10 exclusive PUs; agent a1 has 8 when it is empty"));
    let reserved = gang(&[GangPart { reserved: 1, ..part(0, &six) }]);
    assert_eq!(reserved, (Status::InvalidArgument, "parts.reserved is not used yet: leave it 0".to_owned()));
    assert_eq!(gang(&[part(0, &six), part(other, &six)]).0, Status::Ok, "the first one left nothing behind");
    let all = gang(&[part(other, &six)]);
    assert_eq!(all.0, Status::Refused, "{}", all.1);
    assert_eq!((answers[0].claim, answers[0].agent, whole.agent), (NO_CLAIM, NONE, other));
    ok(|message| meros_validate(table, message));
}

#[test]
fn a_gang_that_is_undone_tells_whose_pools_changed() {
    let (fixture, mut other) = (Fixture::new(), 9);
    let table = fixture.table();
    ok(|message| meros_agent_add(table, fixture.shape.read(), output(&mut other), message));
    // A claim finds room in the pool as it is; what its release no longer needs leaves.
    ok(|message| meros_restore_pool(table, 0, 0, first(&[0, 1, 2, 3]), 4, message));
    let (share, ten) = ([SHARE], [Member { pus: 10, ..TWO_PUS }]);
    let (share, ten) = (request(&share), request(&ten));
    let part = |agent, request| GangPart { agent, reserved: 0, request: input(request) };
    let parts = [part(0, &share), part(other, &ten)];
    let (mut answers, mut whole) = ([Answer::default(); 2], Answer::default());
    let (status, text) = told(|message| {
        let (answers, whole) = (first_mut(&mut answers), output(&mut whole));
        meros_claim_gang(table, none(), input(&HOLDER), first(&parts), 2, answers, whole, message)
    });
    assert_eq!((status, whole.pools_changed), (Status::Refused, 1), "{text}");
    assert_eq!(answers.map(|answer| (answer.agent, answer.pools_changed)), [(0, 1), (NONE, 0)]);
    ok(|message| meros_validate(table, message));
}

#[test]
fn answers_of_a_placed_gang_are_in_agent_order() {
    let (fixture, mut other) = (Fixture::new(), 9);
    let table = fixture.table();
    ok(|message| meros_agent_add(table, fixture.shape.read(), output(&mut other), message));
    let (three, mut answer) = ([Member { pus: 6, ..TWO_PUS }], Answer::default());
    let (three, two) = (request(&three), [TWO_PUS]);
    ok(|message| {
        let (holder, answer) = (input(&HOLDER), output(&mut answer));
        meros_claim(table, none(), other, holder, input(&three), answer, message)
    });
    let (two, mut answers, mut whole) = (request(&two), [Answer::default(); 4], Answer::default());
    let (spread, most) = (Policy::Spread as u32, 4);
    ok(|message| {
        let (holder, answers, whole) = (input(&HOLDER), first_mut(&mut answers), output(&mut whole));
        meros_place_gang(table, none(), holder, input(&two), 4, spread, most, answers, whole, message)
    });
    assert_eq!(answers.map(|answer| answer.agent), [0, 0, 0, other]);
}

#[test]
fn answers_of_a_gang_are_in_the_order_of_its_parts() {
    let (fixture, mut other) = (Fixture::new(), 9);
    ok(|message| meros_agent_add(fixture.table(), fixture.shape.read(), output(&mut other), message));
    let members = [TWO_PUS];
    let wanted = request(&members);
    let part = |agent| GangPart { agent, reserved: 0, request: input(&wanted) };
    let parts = [part(other), part(0), part(other)];
    let (mut answers, mut whole) = ([Answer::default(); 3], Answer::default());
    ok(|message| {
        let (answers, whole) = (first_mut(&mut answers), output(&mut whole));
        meros_claim_gang(fixture.table(), none(), input(&HOLDER), first(&parts), 3, answers, whole, message)
    });
    assert_eq!(answers.map(|answer| (answer.agent, answer.cpu_milli)), [(other, 2000), (0, 2000), (other, 2000)]);
    assert_eq!((whole.cpu_milli, whole.mem_bytes, whole.claim), (6000, 3 << 30, NO_CLAIM));
}

#[test]
fn a_gang_is_placed_or_told_how_many_would_fit() {
    let fixture = Fixture::new();
    let (members, mut answers, mut whole) = ([TWO_PUS], [Answer::default(); 5], Answer::default());
    let wanted = request(&members);
    let mut gang = |count, most| {
        let (holder, answers, whole) = (input(&HOLDER), first_mut(&mut answers), output(&mut whole));
        let table = fixture.table();
        told(|message| meros_place_gang(table, none(), holder, input(&wanted), count, 0, most, answers, whole, message))
    };
    let (status, text) = gang(5, 5);
    assert_eq!(status, Status::Refused);
    assert!(text.starts_with("there is room for 4 of them only; the nearest miss: wants 2 exclusive PUs"), "{text}");
    assert_eq!(gang(2, 1).1, "there is room for 1 of them only");
    assert_eq!(gang(4, 4), (Status::Ok, String::new()));
    assert_eq!((whole.cpu_milli, whole.status), (8000, 0));
    assert!(answers[..4].iter().all(|answer| answer.claim != NO_CLAIM && answer.cpu_milli == 2000));
}

//! Standings: asked for, read, changed, and refused by name when they cannot be meant.

use super::{Fixture, HOLDER, TWO_PUS, first, input, none, ok, output, request, told, wild};
use crate::answer::Answer;
use crate::claim::{meros_claim, meros_release, meros_split};
use crate::codes::{NO_CLAIM, Reason};
use crate::pointer::{Growing, In, Out};
use crate::request::{Member, Request};
use crate::standing::{Standing, meros_claim_set_standing, meros_claim_standing};
use crate::status::Status;

const HIGH: Standing = Standing { priority: 127, revocable: 0, reserved: [0; 2] };
const LOW: Standing = Standing { priority: 3, revocable: 1, reserved: [0; 2] };

fn standing_of(fixture: &Fixture, claim: u64) -> (u32, u32) {
    let mut standing = Standing { priority: 99, revocable: 99, reserved: [9; 2] };
    ok(|message| meros_claim_standing(fixture.table(), claim, output(&mut standing), message));
    assert_eq!(standing.reserved, [0; 2]);
    (standing.priority, standing.revocable)
}

fn claim(fixture: &Fixture, wanted: &Request) -> (Status, String, Answer) {
    let mut answer = Answer::default();
    let (status, text) = told(|message| {
        let (holder, answer) = (input(&HOLDER), output(&mut answer));
        meros_claim(fixture.table(), none(), 0, holder, input(wanted), answer, message)
    });
    (status, text, answer)
}

fn set(fixture: &Fixture, claim: u64, owner: u64, standing: In<Standing>) -> (Status, String, Answer) {
    let mut answer = Answer::default();
    let (status, text) = told(|message| {
        meros_claim_set_standing(fixture.table(), none(), claim, owner, standing, output(&mut answer), message)
    });
    (status, text, answer)
}

#[test]
fn a_claim_stands_as_its_request_says_and_a_piece_as_its_claim() {
    let (fixture, four, two, mut piece) =
        (Fixture::new(), [Member { pus: 4, ..TWO_PUS }], [TWO_PUS], Answer::default());
    let wanted = Request { standing: input(&LOW), ..request(&four) };
    let claim = claim(&fixture, &wanted).2.claim;
    assert_eq!(standing_of(&fixture, claim), (3, 1));
    for (standing, expected) in [(none(), (3, 1)), (input(&HIGH), (127, 0))] {
        let wanted = Request { standing, mem_bytes: 0, ..request(&two) };
        ok(|message| {
            let piece = output(&mut piece);
            meros_split(fixture.table(), none(), claim, HOLDER.owner, input(&wanted), piece, message)
        });
        assert_eq!(standing_of(&fixture, piece.claim), expected);
    }
    assert_eq!(standing_of(&fixture, fixture.place(TWO_PUS).claim), (0, 0), "by default");
}

#[test]
fn a_standing_is_changed_by_the_owner() {
    let (fixture, members) = (Fixture::new(), [TWO_PUS]);
    let claim = claim(&fixture, &request(&members)).2.claim;
    let (status, text, answer) = set(&fixture, claim, HOLDER.owner, input(&LOW));
    assert_eq!((status, answer.claim, answer.reason), (Status::Ok, claim, Reason::Granted as u32), "{text}");
    assert_eq!(standing_of(&fixture, claim), (3, 1));
    ok(|message| {
        let standing = input(&HIGH);
        meros_claim_set_standing(fixture.table(), none(), claim, HOLDER.owner, standing, Out::null(), message)
    });
    let (status, _, answer) = set(&fixture, claim, 8, input(&LOW));
    assert_eq!((status, answer.reason, answer.owner), (Status::NotOwner, Reason::NotOwner as u32, HOLDER.owner));
    assert_eq!(standing_of(&fixture, claim), (127, 0));
    ok(|message| meros_release(fixture.table(), none(), claim, HOLDER.owner, Out::null(), message));
    let (status, _, answer) = set(&fixture, claim, HOLDER.owner, input(&LOW));
    assert_eq!((status, answer.reason, answer.claim), (Status::Gone, Reason::Gone as u32, NO_CLAIM));
    let gone = told(|message| meros_claim_standing(fixture.table(), claim, output(&mut { LOW }), message));
    assert_eq!(gone.0, Status::Gone);
}

#[test]
fn standings_that_cannot_be_meant() {
    let (fixture, members) = (Fixture::new(), [TWO_PUS]);
    let held = claim(&fixture, &request(&members)).2.claim;
    for (expected, standing) in [
        ("standing.priority is 128: give at most 127", Standing { priority: 128, ..LOW }),
        ("standing.priority is 256: give at most 127", Standing { priority: 256, ..LOW }),
        ("standing.revocable is 2: give at most 1", Standing { revocable: 2, ..LOW }),
        ("standing.reserved is not used yet: leave it 0", Standing { reserved: [0, 1], ..LOW }),
    ] {
        let (status, text, _) = set(&fixture, held, HOLDER.owner, input(&standing));
        assert_eq!((status, text.as_str()), (Status::InvalidArgument, expected));
        let (status, text, _) = claim(&fixture, &Request { standing: input(&standing), ..request(&members) });
        assert_eq!((status, text.as_str()), (Status::InvalidArgument, expected));
    }
    assert_eq!(set(&fixture, held, HOLDER.owner, none()).1, "standing is null");
    let misaligned = Request { standing: wild(2).read(), ..request(&members) };
    assert_eq!(claim(&fixture, &misaligned).1, "request.standing is not aligned for its type");
    let null = told(|message| meros_claim_standing(fixture.table(), held, Out::null(), message));
    assert_eq!(null.1, "standing is null");
    assert_eq!(standing_of(&fixture, held), (0, 0), "nothing was changed");
}

#[test]
fn the_request_of_an_older_caller_asks_for_none() {
    let (fixture, members) = (Fixture::new(), [TWO_PUS]);
    let size = u32::try_from(Request::FIRST_BYTES).unwrap();
    let wanted = Request { size, standing: first(&[HIGH]), ..request(&members) };
    let (status, text, answer) = claim(&fixture, &wanted);
    assert_eq!(status, Status::Ok, "{text}");
    assert_eq!(standing_of(&fixture, answer.claim), (0, 0));
}

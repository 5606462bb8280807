//! Selections in use: by their own predicate, by another thread, after a predicate that unwound, and after their table is gone.

use core::ffi::c_void;

use super::siting::{Chosen, RACK, anywhere, of_text, racks, text, validate};
use super::{Fixture, HOLDER, TWO_PUS, first, input, none, ok, output, request, told};
use crate::answer::Answer;
use crate::attribute::{Attribute, meros_agent_set_attributes};
use crate::caller::{Local, meros_local_free, meros_local_new};
use crate::claim::meros_release;
use crate::place_where::meros_place_where;
use crate::pointer::{In, Out};
use crate::selection::{SelectionSpec, meros_selection_agents};
use crate::status::Status;
use crate::table::Table;

/// What the predicates below know and find out.
struct Seen {
    table: In<Table>,
    selection: In<crate::selection::Selection>,
    local: Out<Local>,
    asked: u32,
    statuses: Vec<(Status, String)>,
}

impl Seen {
    fn new(fixture: &Fixture) -> Self {
        let mut local = Out::null();
        ok(|message| meros_local_new(fixture.table(), 0, output(&mut local), message));
        Self { table: fixture.table(), selection: none(), local, asked: 0, statuses: Vec::new() }
    }

    fn spec(&mut self, predicate: Predicate) -> SelectionSpec {
        // SAFETY: a reference's target, which the predicates use as what it is; the tests keep it while the selection is used.
        let context = unsafe { Out::new(core::ptr::from_mut(self).cast()) };
        SelectionSpec { predicate: Some(predicate), context, ..anywhere() }
    }
}

type Predicate = unsafe extern "C-unwind" fn(Out<c_void>, u32, In<Attribute>, usize) -> u32;

fn seen<'a>(context: Out<c_void>) -> &'a mut Seen {
    // SAFETY: the tests pass a `Seen` as the context, and look at it between calls only.
    unsafe { core::mem::transmute::<Out<c_void>, &mut Seen>(context) }
}

/// Uses everything while it is asked: what a lock held here would stop, or what is in use.
extern "C-unwind" fn busy(context: Out<c_void>, agent: u32, _: In<Attribute>, _: usize) -> u32 {
    let seen = seen(context);
    seen.asked += 1;
    let rack = [of_text(RACK, &[text("busy")])];
    let statuses = [
        told(|message| meros_selection_agents(seen.selection, output(&mut 0), message)),
        told(|message| meros_release(seen.table, seen.local.read(), 0, 0, Out::null(), message)),
        told(|message| meros_release(seen.table, none(), 0, 0, Out::null(), message)),
        told(|message| meros_agent_set_attributes(seen.table, 2, first(&rack), 1, message)),
    ];
    seen.statuses.extend(statuses);
    u32::from(agent != 0)
}

#[test]
fn a_predicate_may_use_the_table_but_not_what_asks_it() {
    let fixture = racks();
    let mut seen = Seen::new(&fixture);
    let spec = seen.spec(busy);
    let chosen = Chosen::new(&fixture, &spec);
    assert_eq!(seen.asked, 0, "asked when it is used");
    seen.selection = chosen.handle();
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let wanted = request(&members);
    let (status, text) = told(|message| {
        let (holder, request, answer) = (input(&HOLDER), input(&wanted), output(&mut answer));
        meros_place_where(fixture.table(), seen.local.read(), holder, request, 0, chosen.handle(), answer, message)
    });
    assert_eq!((status, answer.agent), (Status::Ok, 1), "{text}");
    assert!(seen.asked >= 3);
    let texts: Vec<&str> = seen.statuses[..4].iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts[0], "selection is in a call, perhaps the one that asks its predicate: make one per thread");
    assert_eq!(texts[1], "local is in a call of another thread: make one per thread");
    assert_eq!((seen.statuses[2].0, seen.statuses[3].0), (Status::Gone, Status::Ok));
    ok(|message| meros_release(fixture.table(), seen.local.read(), answer.claim, HOLDER.owner, Out::null(), message));
    meros_local_free(seen.local);
    validate(&fixture);
}

/// Unwinds the first time.
extern "C-unwind" fn unwinding(context: Out<c_void>, agent: u32, _: In<Attribute>, _: usize) -> u32 {
    let seen = seen(context);
    seen.asked += 1;
    assert!(seen.asked != 2, "thrown by the predicate");
    u32::from(agent == 1)
}

#[test]
fn a_predicate_that_unwinds_ends_at_the_boundary() {
    let fixture = racks();
    let mut seen = Seen::new(&fixture);
    let spec = seen.spec(unwinding);
    let chosen = Chosen::new(&fixture, &spec);
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let wanted = request(&members);
    let mut place = || {
        told(|message| {
            let (holder, request, answer) = (input(&HOLDER), input(&wanted), output(&mut answer));
            meros_place_where(fixture.table(), seen.local.read(), holder, request, 0, chosen.handle(), answer, message)
        })
    };
    assert_eq!(place(), (Status::Panic, "thrown by the predicate".to_owned()));
    assert_eq!(place(), (Status::Ok, String::new()), "all are asked anew");
    assert_eq!(answer.agent, 1);
    meros_local_free(seen.local);
    validate(&fixture);
}

#[test]
fn a_selection_in_use_is_told_and_not_waited_for() {
    let fixture = racks();
    let chosen = Chosen::new(&fixture, &anywhere());
    let handle = chosen.handle();
    let other = handle.handle("selection").unwrap().lock().unwrap();
    let (status, told, answer) = placed_while(&fixture, &chosen);
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(told, "selection is in a call, perhaps the one that asks its predicate: make one per thread");
    assert_eq!(answer.status, 0, "not written");
    drop(other);
    chosen.placed(&fixture);
}

fn placed_while(fixture: &Fixture, chosen: &Chosen) -> (Status, String, Answer) {
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let wanted = request(&members);
    let (status, text) = told(|message| {
        let (holder, request, answer) = (input(&HOLDER), input(&wanted), output(&mut answer));
        meros_place_where(fixture.table(), none(), holder, request, 0, chosen.handle(), answer, message)
    });
    (status, text, answer)
}

#[test]
fn a_selection_outlives_its_table() {
    let fixture = racks();
    let (chosen, mut agents) = (Chosen::new(&fixture, &anywhere()), 0);
    drop(fixture);
    ok(|message| meros_selection_agents(chosen.handle(), output(&mut agents), message));
    assert_eq!(agents, 3);
}

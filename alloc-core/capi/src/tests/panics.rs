//! Nothing unwinds out of a function, nothing is lost by it, and a handle in use is not waited for.

use super::{Fixture, HOLDER, TWO_PUS, input, none, ok, output, request, told};
use crate::answer::Answer;
use crate::boundary::call;
use crate::caller::{Local, caller, meros_local_free, meros_local_new};
use crate::claim::meros_release;
use crate::codes::NONE;
use crate::place::meros_place;
use crate::pointer::{In, Out};
use crate::snapshot::{meros_snapshot_agents, meros_snapshot_free, meros_snapshot_new, meros_snapshot_refresh};
use crate::status::Status;
use crate::table::meros_validate;

#[test]
fn a_panic_is_a_status_and_its_message() {
    assert_eq!(told(|message| call(message, || panic!("a bug"))), (Status::Panic, "a bug".to_owned()));
    let number = 7;
    assert_eq!(told(|message| call(message, || panic!("bug {number}"))), (Status::Panic, "bug 7".to_owned()));
    let odd = told(|message| call(message, || std::panic::panic_any(7_u32)));
    assert_eq!(odd, (Status::Panic, "a panic without a text".to_owned()));
    assert_eq!(call(Out::null(), || panic!("nobody listens")), Status::Panic);
}

#[test]
fn a_panic_poisons_nothing() {
    let fixture = Fixture::new();
    let table = fixture.table();
    let inside = |message| {
        call(message, || {
            let _table = table.handle("table")?;
            panic!("with the handle in hand")
        })
    };
    assert_eq!(told(inside).0, Status::Panic);
    fixture.place(TWO_PUS);
    ok(|message| meros_validate(table, message));
}

fn local_of(fixture: &Fixture) -> Out<Local> {
    let mut local = Out::null();
    ok(|message| meros_local_new(fixture.table(), 0, output(&mut local), message));
    local
}

/// Places by a thread's handle and releases.
fn place_and_release(fixture: &Fixture, local: In<Local>) {
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let wanted = request(&members);
    ok(|message| {
        let (holder, answer) = (input(&HOLDER), output(&mut answer));
        meros_place(fixture.table(), local, holder, input(&wanted), 0, answer, message)
    });
    ok(|message| meros_release(fixture.table(), local, answer.claim, HOLDER.owner, Out::null(), message));
}

#[test]
fn a_panic_leaves_a_threads_handle_usable() {
    let fixture = Fixture::new();
    let (table, local) = (fixture.table(), local_of(&fixture));
    let handle = local.read();
    let inside = |message| {
        call(message, || {
            let _caller = caller(&table, &handle)?;
            panic!("with the handle in hand")
        })
    };
    assert_eq!(told(inside).0, Status::Panic);
    place_and_release(&fixture, handle);
    meros_local_free(local);
    ok(|message| meros_validate(table, message));
}

#[test]
fn a_threads_handle_in_a_call_is_told_and_not_waited_for() {
    let fixture = Fixture::new();
    let (table, local) = (fixture.table(), local_of(&fixture));
    let handle = local.read();
    let other = caller(&table, &handle).unwrap();
    let (status, text) = told(|message| meros_release(table, handle, 0, 0, Out::null(), message));
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(text, "local is in a call of another thread: make one per thread");
    place_and_release(&fixture, none());
    drop(other);
    place_and_release(&fixture, handle);
    meros_local_free(local);
    ok(|message| meros_validate(table, message));
}

#[test]
fn a_panic_leaves_a_snapshot_usable() {
    let (fixture, mut snapshot, mut len) = (Fixture::new(), Out::null(), 9);
    ok(|message| meros_snapshot_new(fixture.table(), NONE, output(&mut snapshot), message));
    let handle = snapshot.read();
    let inside = |message| {
        call(message, || {
            let _writing = handle.handle("snapshot")?.write()?;
            panic!("in a refresh")
        })
    };
    assert_eq!(told(inside).0, Status::Panic);
    ok(|message| meros_snapshot_agents(handle, Out::null(), 0, output(&mut len), message));
    assert_eq!(len, 0, "nothing was copied");
    ok(|message| meros_snapshot_refresh(handle, Out::null(), message));
    let listed = told(|message| meros_snapshot_agents(handle, Out::null(), 0, output(&mut len), message));
    assert_eq!((listed.0, len), (Status::TooSmall, 1));
    meros_snapshot_free(snapshot);
}

#[test]
fn a_snapshot_in_a_refresh_is_told_and_not_waited_for() {
    let (fixture, mut snapshot, mut len) = (Fixture::new(), Out::null(), 9);
    ok(|message| meros_snapshot_new(fixture.table(), NONE, output(&mut snapshot), message));
    let handle = snapshot.read();
    let refresh = handle.handle("snapshot").unwrap().write().unwrap();
    let read = told(|message| meros_snapshot_agents(handle, Out::null(), 0, output(&mut len), message));
    let again = told(|message| meros_snapshot_refresh(handle, Out::null(), message));
    for (status, text) in [read, again] {
        assert_eq!(status, Status::InvalidArgument);
        assert_eq!(text, "snapshot is in another thread's refresh, or read during one: refresh it alone");
    }
    drop(refresh);
    ok(|message| meros_snapshot_refresh(handle, Out::null(), message));
    meros_snapshot_free(snapshot);
}

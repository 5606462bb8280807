//! Nothing unwinds out of a function, and nothing is lost by it.

use super::{Fixture, TWO_PUS, ok, told};
use crate::boundary::call;
use crate::pointer::Out;
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

//! Boundary: the one way in and out. No unwinding passes it.
//!
//! A panic below is a bug of ours. It poisons nothing: the core undoes what a call had begun (its tests unwind at every step), and the
//! table's next call finds it as if the call had not been. The process's panic hook still prints where it was.

use core::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::message::{Message, Writer};
use crate::pointer::Out;
use crate::status::{Answered, Status};

/// Runs a function's body, and tells what came of it.
pub(crate) fn call(message: Out<Message>, body: impl FnOnce() -> Answered) -> Status {
    // Unwind safe: the core leaves its words as they were before the call, and nothing else outlives it.
    let called = catch_unwind(AssertUnwindSafe(|| told(&message, body)));
    called.unwrap_or_else(|payload| {
        let text = text_of(&*payload);
        if let Ok(Some(writer)) = Writer::new(&message) {
            writer.finish(text);
        }
        // Not dropped: a payload's own drop could panic again.
        core::mem::forget(payload);
        Status::Panic
    })
}

/// As [`call`], of a function that answers nothing.
pub(crate) fn call_quietly(body: impl FnOnce()) {
    let body = || {
        body();
        Ok(())
    };
    call(Out::null(), body);
}

fn told(message: &Out<Message>, body: impl FnOnce() -> Answered) -> Status {
    let Ok(writer) = Writer::new(message) else {
        return Status::InvalidArgument;
    };
    let answered = body();
    if let Some(writer) = writer {
        match &answered {
            Ok(()) => writer.finish(""),
            Err(no) => writer.finish(no),
        }
    }
    answered.map_or_else(|no| no.status(), |()| Status::Ok)
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}

//! Caller: the table itself, or a thread's handle on it. Functions that claim take both, and the handle may be NULL.
//!
//! The core's handle is for one thread at a time, which C cannot promise by its types. So it lies in a lock that is only ever tried: a
//! second thread is answered, instead of racing.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use meros_alloc_core as alloc;

use crate::boundary::{call, call_quietly};
use crate::message::Message;
use crate::pointer::{Argument, In, Out};
use crate::status::{No, Status};
use crate::table::Table;

/// A thread's handle on a table: it makes its calls quick. One thread at a time; it may be handed to another between calls.
#[derive(Debug)]
pub struct Local {
    local: Mutex<alloc::Local<Arc<alloc::Table>>>,
    /// The table that it is a handle on.
    table: Arc<alloc::Table>,
}

/// A handle for a thread, which looks in shard `home` first (modulo how many there are). Any thread. It takes one of the table's
/// `threads` until it is freed; `MEROS_FULL` when all are taken.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_local_new(
    table: In<Table>,
    home: u32,
    local: Out<Out<Local>>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (local.handle_place("local")?, &table.handle("table")?.0);
        let inner = alloc::Local::new(Arc::clone(table), home as usize)?;
        place.give(Local { local: Mutex::new(inner), table: Arc::clone(table) });
        Ok(())
    })
}

/// Frees a thread's handle; NULL is fine. Any thread, also after meros_table_free; nobody may be in a call with it.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_local_free(local: Out<Local>) {
    call_quietly(|| drop(local.take()));
}

/// Who calls.
#[derive(Debug)]
pub(crate) enum Caller<'a> {
    Table(&'a alloc::Table),
    Local(MutexGuard<'a, alloc::Local<Arc<alloc::Table>>>),
}

/// Who calls, by its two handles.
pub(crate) fn caller<'a>(table: &'a In<Table>, local: &'a In<Local>) -> Result<Caller<'a>, Argument> {
    let table = &table.handle("table")?.0;
    if local.is_null() {
        return Ok(Caller::Table(table));
    }
    let local = local.handle("local")?;
    if !Arc::ptr_eq(table, &local.table) {
        return Err(Argument::OtherTable("local"));
    }
    match local.local.try_lock() {
        Ok(inner) => Ok(Caller::Local(inner)),
        // A call that panicked left the handle as it was before.
        Err(TryLockError::Poisoned(poisoned)) => Ok(Caller::Local(poisoned.into_inner())),
        Err(TryLockError::WouldBlock) => Err(Argument::LocalInUse),
    }
}

/// Calls a method that the table and the handle both have.
macro_rules! either {
    ($caller:expr, $method:ident($($argument:expr),*)) => {
        match $caller {
            $crate::caller::Caller::Table(table) => table.$method($($argument),*),
            $crate::caller::Caller::Local(local) => local.$method($($argument),*),
        }
    };
}

pub(crate) use either;

impl Caller<'_> {
    /// As the core's; without a handle one by one.
    pub(crate) fn place_many(
        &self,
        holders: &[alloc::Holder],
        request: &alloc::Request,
        policy: alloc::Policy,
        mut each: impl FnMut(usize, alloc::Placed),
    ) {
        match self {
            Self::Local(local) => local.place_many(holders, request, policy, each),
            Self::Table(table) => {
                holders.iter().enumerate().for_each(|(at, holder)| each(at, table.place(*holder, request, policy)));
            }
        }
    }

    /// As the core's; without a handle one by one.
    pub(crate) fn place_many_where(
        &self,
        holders: &[alloc::Holder],
        request: &alloc::Request,
        policy: alloc::Policy,
        selection: &mut alloc::Selection,
        mut each: impl FnMut(usize, alloc::Placed),
    ) {
        match self {
            Self::Local(local) => local.place_many_where(holders, request, policy, selection, each),
            Self::Table(table) => {
                let mut place = |holder| table.place_where(holder, request, policy, selection);
                holders.iter().enumerate().for_each(|(at, holder)| each(at, place(*holder)));
            }
        }
    }

    /// As the core's; without a handle one by one.
    pub(crate) fn release_many(
        &self,
        claims: &[(alloc::ClaimId, alloc::Owner)],
        mut each: impl FnMut(usize, alloc::Released),
    ) {
        match self {
            Self::Local(local) => local.release_many(claims, each),
            Self::Table(table) => {
                claims.iter().enumerate().for_each(|(at, &(claim, owner))| each(at, table.release(claim, owner)));
            }
        }
    }
}

/// The answer to a batch.
pub(crate) fn all_of(done: usize, of: usize) -> Result<(), No> {
    if done == of { Ok(()) } else { Err(No::Partly { done, of }) }
}

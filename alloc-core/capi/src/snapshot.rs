//! Snapshot: a copy of all agents, to be searched without the table. What it has of one agent: `agent_snapshot`.
//!
//! It is refreshed by one thread, and read by any number between refreshes, which C cannot promise by its types. So it lies in a
//! lock that is only ever tried, as a thread's handle does.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use meros_alloc_core as alloc;

use crate::boundary::{call, call_quietly};
use crate::codes::NONE;
use crate::message::Message;
use crate::pointer::{Argument, In, Out};
use crate::status::{No, Status};
use crate::table::Table;

/// A copy of all agents, or of a shard's, of the moment of its last refresh. Any number of threads may read it, or one refresh it.
#[derive(Debug)]
pub struct Snapshot(RwLock<alloc::Snapshot<Arc<alloc::Table>>>);

/// The copy, to be read.
pub(crate) type Reading<'a> = RwLockReadGuard<'a, alloc::Snapshot<Arc<alloc::Table>>>;

/// The copy, to be refreshed.
pub(crate) type Writing<'a> = RwLockWriteGuard<'a, alloc::Snapshot<Arc<alloc::Table>>>;

impl Snapshot {
    pub(crate) fn read(&self) -> Result<Reading<'_>, Argument> {
        match self.0.try_read() {
            Ok(inner) => Ok(inner),
            // A refresh that panicked left words, if of several moments; exact claims check them anyway.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Argument::SnapshotInUse),
        }
    }

    pub(crate) fn write(&self) -> Result<Writing<'_>, Argument> {
        match self.0.try_write() {
            Ok(inner) => Ok(inner),
            // What a refresh that panicked left is copied anew.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Argument::SnapshotInUse),
        }
    }
}

/// Room for a copy of the agents of a shard, or of all for `MEROS_NONE`; none is in it before meros_snapshot_refresh. Any thread. Free it
/// with meros_snapshot_free, before or after the table.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_new(
    table: In<Table>,
    shard: u32,
    snapshot: Out<Out<Snapshot>>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (snapshot.handle_place("snapshot")?, Arc::clone(&table.handle("table")?.0));
        let inner = match shard {
            NONE => alloc::Snapshot::new(table),
            shard => alloc::Snapshot::of_shard(table, shard as usize)?,
        };
        place.give(Snapshot(RwLock::new(inner)));
        Ok(())
    })
}

/// Frees a snapshot; NULL is fine. Nobody may be in a call with it.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_free(snapshot: Out<Snapshot>) {
    call_quietly(|| drop(snapshot.take()));
}

/// Copies all agents anew; no claim waits for it. `torn`, if not NULL, tells how many agents changed too often to be copied as of one
/// moment. One thread, and nobody may read meanwhile.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_refresh(snapshot: In<Snapshot>, torn: Out<u32>, message: Out<Message>) -> Status {
    call(message, || {
        let (place, snapshot) = (torn.optional("torn")?, snapshot.handle("snapshot")?);
        let torn = match snapshot.write()?.refresh() {
            alloc::Refreshed::Whole => 0,
            alloc::Refreshed::Torn { agents } => agents,
        };
        if let Some(place) = place {
            place.put(torn);
        }
        Ok(())
    })
}

/// The ids of the agents in the copy. `agents` has room for `capacity` of them; `len` becomes how many there are. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_agents(
    snapshot: In<Snapshot>,
    agents: Out<u32>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (mut places, place) = (agents.array(capacity, "agents")?, len.place("len")?);
        let found = places.fill(snapshot.handle("snapshot")?.read()?.agents().map(|agent| agent.id().get()));
        place.put(found);
        if places.holds(found) { Ok(()) } else { Err(No::TooSmall) }
    })
}

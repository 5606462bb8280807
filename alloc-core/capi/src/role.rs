//! Roles: who is charged, and up to what.

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::codes::{NO_LIMIT, NONE, resource};
use crate::message::Message;
use crate::pointer::{Argument, In, Out, growing, narrow, unused};
use crate::status::{No, Status};
use crate::table::Table;

/// CPU and memory: of a role's limit, or what it is charged.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Quantities {
    /// sizeof(meros_quantities).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// CPU, in thousandths of a PU; of a limit perhaps `MEROS_NO_LIMIT`.
    pub cpu_milli: u64,
    /// Ordinary memory, in bytes; of a limit perhaps `MEROS_NO_LIMIT`.
    pub mem_bytes: u64,
}

growing!(Quantities);

/// Adds a role with a limit, or with none for NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_add(
    table: In<Table>,
    limit: In<Quantities>,
    role: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (role.place("role")?, table.handle("table")?);
        place.put(u32::from(table.0.add_role(limit_of(&limit)?)?.get()));
        Ok(())
    })
}

/// Adds a role under another one, with a limit, or with none for NULL. Its claims are charged to that one and to all above it too, and
/// a limit at any level holds. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_add_under(
    table: In<Table>,
    parent: u32,
    limit: In<Quantities>,
    role: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table, parent) = (role.place("role")?, table.handle("table")?, role_id(parent)?);
        place.put(u32::from(table.0.add_role_under(parent, limit_of(&limit)?)?.get()));
        Ok(())
    })
}

/// The role that a role is under; `MEROS_NONE` for one at the top. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_parent(table: In<Table>, role: u32, parent: Out<u32>, message: Out<Message>) -> Status {
    call(message, || {
        let (place, table, role) = (parent.place("parent")?, table.handle("table")?, role_id(role)?);
        table.0.role_used(role).ok_or(No::UnknownRole(role))?;
        place.put(table.0.parent_of(role).map_or(NONE, |parent| u32::from(parent.get())));
        Ok(())
    })
}

/// Changes a role's limit of CPU and memory; NULL for none. Its limits of other resources stay. What it has already stays, even
/// beyond it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_set_limit(
    table: In<Table>,
    role: u32,
    limit: In<Quantities>,
    message: Out<Message>,
) -> Status {
    call(message, || Ok(table.handle("table")?.0.set_limit(role_id(role)?, limit_of(&limit)?)?))
}

/// What a role is charged at this moment, with all roles below it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_used(table: In<Table>, role: u32, used: Out<Quantities>, message: Out<Message>) -> Status {
    call(message, || {
        let (frame, table, role) = (used.growing("used")?, table.handle("table")?, role_id(role)?);
        let alloc::Quantities { cpu_milli, mem_bytes } = table.0.role_used(role).ok_or(No::UnknownRole(role))?;
        frame.put(Quantities { size: 0, reserved: 0, cpu_milli, mem_bytes });
        Ok(())
    })
}

/// Changes a role's limit of one resource, in that one's unit; `MEROS_NO_LIMIT` for none. `what` is a code of `meros_resource`
/// that roles are charged for: thousandths of a PU, bytes of memory, of special memory, of disk, of huge pages, thousandths of a scalar
/// or of all devices of a kind, numbers, items. `which` is the kind or name where there are several. What the role has already stays,
/// even beyond it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_set_limit_of(
    table: In<Table>,
    role: u32,
    what: u32,
    which: u32,
    limit: u64,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (table, role, resource) = (table.handle("table")?, role_id(role)?, resource(what, which)?);
        Ok(table.0.set_limit_of(role, resource, (limit != NO_LIMIT).then_some(limit))?)
    })
}

/// What a role is charged of one resource at this moment, with all roles below it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_role_used_of(
    table: In<Table>,
    role: u32,
    what: u32,
    which: u32,
    used: Out<u64>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table, role) = (used.place("used")?, table.handle("table")?, role_id(role)?);
        place.put(table.0.role_used_of(role, resource(what, which)?).ok_or(No::UnknownRole(role))?);
        Ok(())
    })
}

pub(crate) fn role_id(role: u32) -> Result<alloc::RoleId, Argument> {
    narrow("role", role, u32::from(u16::MAX)).map(alloc::RoleId::new)
}

fn limit_of(limit: &In<Quantities>) -> Result<alloc::Limit, Argument> {
    if limit.is_null() {
        return Ok(alloc::Limit::default());
    }
    let Quantities { size: _, reserved, cpu_milli, mem_bytes } = limit.growing("limit")?;
    unused("limit.reserved", &[u64::from(reserved)])?;
    let some = |figure: u64| (figure != NO_LIMIT).then_some(figure);
    Ok(alloc::Limit { cpu_milli: some(cpu_milli), mem_bytes: some(mem_bytes) })
}

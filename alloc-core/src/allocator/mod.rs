//! Allocator: who gets what the table has. Roles, shares, quota, offers and reclaim; one owner, plain data, no clock.

pub(crate) mod amounts;

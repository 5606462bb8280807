//! The commands, one file each: flags, and what is done with them.

pub(crate) mod agent;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod master;
pub(crate) mod ps;
pub(crate) mod run;
pub(crate) mod topology;
pub(crate) mod up;

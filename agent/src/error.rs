//! Why an agent cannot run, and what to do about it. One line each.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::cgroup::CgroupError;
use crate::disk::DiskError;

/// Why an agent ended, or never began.
#[derive(Debug, Error)]
pub enum AgentError {
    /// Something about its state folder.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The machine could not be read.
    #[error("cannot read the topology: {0}")]
    Topology(#[from] meros_numa::TopologyError),
    /// The machine's topology names no PU that this agent may use.
    #[error("this agent may use no PU of the machine: look at the cpuset it was started in")]
    NoPu,
    /// Cgroups cannot be used.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// A credential cannot be read.
    #[error("cannot read {path}: {source}; --credentials names a folder that the master made for agents")]
    ReadCredentials {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The credentials are not what they should be.
    #[error("the credentials in {path} cannot be used: {problem}")]
    Credentials {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The supervisor's program is missing.
    #[error("{path} is no program: name the meros-supervisor that was built with this agent by --supervisor")]
    Supervisor {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Neither pump works.
    #[error("cannot start the {pump} pump: {source}")]
    Pump {
        /// Which.
        pump: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// The kernel gave no thread, socket or random bytes.
    #[error("cannot start {what}: {source}")]
    Begin {
        /// What was to be started.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// The highest term could not be kept, so no order of it may be obeyed.
    #[error("cannot keep the term {term}, so no order of it can be obeyed: {source}")]
    Term {
        /// Which.
        term: u64,
        /// Why.
        source: DiskError,
    },
    /// The thread that starts and removes members is gone.
    #[error("the agent's machine thread ended early: this is a fault of the agent; its log says more")]
    MachineThread,
}

//! What an operator may say to a master.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of one master.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything it keeps: cluster id, authority, credentials, term, `master.json`.
    pub state_dir: PathBuf,
    /// Where agents and frameworks of other machines connect; port 0: any free one.
    pub listen_tcp: SocketAddr,
    /// Where peers of this machine connect; absent: `<state_dir>/master.sock`.
    pub listen_unix: Option<PathBuf>,
    /// Times and limits.
    pub policy: Policy,
}

/// Times and limits of the reactor: plain numbers, so that the simulator can shrink them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How often each side of a connection is heard, at least.
    pub heartbeat_ms: u32,
    /// After so long without its connection an agent's pods are told unreachable.
    pub unreachable_after_ms: u64,
    /// After so long unmet demand may take what an offer holds.
    pub min_hold_ms: u64,
    /// For so long after a RESCIND went out an ACCEPT still wins.
    pub rescind_grace_ms: u64,
    /// An unanswered offer is taken back after so long; `None`: only when somebody else needs it.
    pub offer_timeout_ms: Option<u64>,
    /// What comes back to an agent within so long of the first is offered together; the first at once.
    pub offer_window_ms: u64,
    /// A filter of an answer that names none.
    pub refuse_ms: u64,
    /// What `refuse_ms` may be at most: a filter is forgotten then.
    pub refuse_ms_max: u64,
    /// Ended pods are listed until so many newer ones have ended.
    pub ended_pods_max: usize,
    /// Agents that the table of words has room for.
    pub agents_max: u32,
    /// Pods that have not ended, over all frameworks.
    pub live_pods_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            heartbeat_ms: 5_000,
            unreachable_after_ms: 15_000,
            min_hold_ms: 2_000,
            rescind_grace_ms: 1_000,
            offer_timeout_ms: Some(60_000),
            offer_window_ms: 5,
            refuse_ms: 5_000,
            refuse_ms_max: 365 * 24 * 3_600_000,
            ended_pods_max: 1_000,
            agents_max: 1_024,
            live_pods_max: 100_000,
        }
    }
}

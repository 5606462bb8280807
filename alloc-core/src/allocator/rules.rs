//! Rules: the times and thresholds an allocator works by.

use crate::Quantities;

/// Times and thresholds. The default is what a cluster of long and short tasks is well served by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// For so long nobody takes an offer from its framework, in milliseconds.
    pub min_hold_ms: u64,
    /// For so long an accept wins over a rescind that went out, in milliseconds.
    pub rescind_grace_ms: u64,
    /// An offer that is not answered for so long is rescinded, in milliseconds; `None`: only when somebody else needs it.
    pub offer_timeout_ms: Option<u64>,
    /// What comes back to an agent within so many milliseconds of the first is offered together; the first at once.
    pub offer_window_ms: u64,
    /// A filter of an answer that names none, in milliseconds.
    pub refuse_ms: u64,
    /// The longest filter, in milliseconds.
    pub refuse_ms_max: u64,
    /// How long a share or a guarantee may be unmet before claims are taken back for it, in milliseconds.
    pub reclaim_after_ms: u64,
    /// How long the owner of such a claim has to end it, in milliseconds.
    pub reclaim_grace_ms: u64,
    /// The most a role may place above its share while a poorer one waits, in thousandths of the cluster.
    pub credit_milli: u32,
    /// An offer has at least all of one of these.
    pub minimum: Vec<Quantities>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_hold_ms: 2_000,
            rescind_grace_ms: 1_000,
            offer_timeout_ms: Some(60_000),
            offer_window_ms: 5,
            refuse_ms: 5_000,
            refuse_ms_max: 365 * 24 * 3_600_000,
            reclaim_after_ms: 30_000,
            reclaim_grace_ms: 30_000,
            credit_milli: 10,
            minimum: vec![Quantities { cpu_milli: 10, mem_bytes: 0 }],
        }
    }
}

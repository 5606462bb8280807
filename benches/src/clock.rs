//! Time as a thread spent it, and threads pinned, so that other work on the machine is not measured.

use std::sync::OnceLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU that the calling thread used so far.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The PUs this process may use, as it was started: a thread that is pinned, and those it starts, are later allowed one only.
pub fn pus() -> &'static [usize] {
    static PUS: OnceLock<Vec<usize>> = OnceLock::new();
    PUS.get_or_init(|| {
        let allowed = sched_getaffinity(None).unwrap_or_default();
        (0..CpuSet::MAX_CPU).filter(|pu| allowed.is_set(*pu)).collect()
    })
}

/// Keeps the calling thread on the `nth` PU of [`pus`] (modulo how many there are). Tells whether it could.
pub fn pin(nth: usize) -> bool {
    let Some(&pu) = pus().get(nth % pus().len().max(1)) else { return false };
    let mut set = CpuSet::new();
    set.set(pu);
    sched_setaffinity(None, &set).is_ok()
}

/// The middle value; 0 of none.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The value below which so many of a thousand are.
#[must_use]
pub fn per_mille(sorted: &[u64], mille: usize) -> u64 {
    sorted.get((sorted.len() * mille / 1000).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

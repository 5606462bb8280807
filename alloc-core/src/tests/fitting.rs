//! Whether members fit cores, found by trying everything, core by core: for the [`oracle`](super::oracle).

use std::collections::BTreeSet;

use meros_alloc_core::{CoreKind, Cpus, MILLI_PER_PU, Smt};

/// What a core has free.
#[derive(Clone, Copy, Debug)]
pub(super) struct FreeCore {
    pub(super) kind: u32,
    pub(super) width: u32,
    pub(super) free: u32,
    /// Whether it may join a pool of a shared member.
    pub(super) joins: bool,
}

/// What is lacking: of each member, in its unit; and millis of the pools.
type Lacking = (Vec<u32>, u64);

/// Whether all members fit, when pools have room for all but `milli` of the shared ones.
pub(super) fn fit(cores: &[FreeCore], members: &[Cpus], milli: u64) -> bool {
    let amount = |cpus: &Cpus| match *cpus {
        Cpus::Exclusive { pus, .. } => pus,
        Cpus::Cores { cores, .. } => cores,
        Cpus::Shared { .. } => 0,
    };
    let mut states: BTreeSet<Lacking> = BTreeSet::from([(members.iter().map(amount).collect(), milli)]);
    for core in cores {
        states = states.iter().flat_map(|state| after(*core, members, state)).collect();
    }
    states.iter().any(|(lacking, milli)| *milli == 0 && lacking.iter().all(|lacking| *lacking == 0))
}

/// All that may be lacking after a core was used in some way.
fn after(core: FreeCore, members: &[Cpus], (lacking, milli): &Lacking) -> Vec<Lacking> {
    let mut states = vec![(lacking.clone(), *milli)];
    if core.free == core.width {
        let whole = |unit: u32, at: usize| {
            let mut lacking = lacking.clone();
            lacking[at] = lacking[at].saturating_sub(unit);
            (lacking, *milli)
        };
        for (at, cpus) in members.iter().enumerate() {
            match *cpus {
                Cpus::Exclusive { smt: Smt::Whole, kind, .. } if suits(kind, core) => {
                    states.push(whole(core.width, at))
                }
                Cpus::Cores { kind, .. } if suits(kind, core) => states.push(whole(1, at)),
                _ => {}
            }
        }
        if core.joins {
            states.push((lacking.clone(), milli.saturating_sub(u64::from(core.width * MILLI_PER_PU))));
        }
    }
    let pieces = pieces(core, members, lacking.clone());
    states.extend(pieces.into_iter().map(|lacking| (lacking, *milli)));
    states
}

/// All ways to deal a core's PUs out singly: one to a split member at most, any number to a kept one.
fn pieces(core: FreeCore, members: &[Cpus], lacking: Vec<u32>) -> Vec<Vec<u32>> {
    let mut states = vec![(core.free, lacking)];
    for (at, cpus) in members.iter().enumerate() {
        let most = match *cpus {
            Cpus::Exclusive { smt: Smt::Split, kind, .. } if suits(kind, core) => 1,
            Cpus::Exclusive { smt: Smt::Kept, kind, .. } if suits(kind, core) => core.free,
            _ => 0,
        };
        let take = |(free, lacking): (u32, Vec<u32>)| {
            let most = most.min(free).min(lacking[at]);
            (0..=most).map(move |taken| {
                let mut lacking = lacking.clone();
                lacking[at] -= taken;
                (free - taken, lacking)
            })
        };
        states = states.into_iter().flat_map(take).collect();
    }
    states.into_iter().map(|(_, lacking)| lacking).collect()
}

fn suits(kind: CoreKind, core: FreeCore) -> bool {
    match kind {
        CoreKind::Required(kind) => kind == core.kind,
        CoreKind::Any | CoreKind::Preferred(_) => true,
    }
}

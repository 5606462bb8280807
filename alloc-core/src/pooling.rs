//! Pooling: how cores join and leave a shared pool, over the pool's word and the words of its leaves.
//!
//! Promise: an exclusive claim never gets a core that the agent may still run shared claims on. The agent is told the pool's
//! cores by *orders* `(cores, epoch)` and confirms them; between the words and the agent there is always a delay.
//!
//! **Join**: 1. leaf: Free or Leaving → Pool (or Held → Pool, from a claim); 2. pool: capacity grows, epoch moves.
//! **Leave**: 1. leaf: Pool → Held, in this call's hands; 2. pool: capacity shrinks, epoch moves; refused if promised
//! meanwhile, then Held → Pool and the epoch moves; 3. leaf: Held → Leaving; 4. pool: epoch moves.
//! **Confirm(e)**: 1. the epoch is e, else stale; 2. leaf: Leaving → Held; 3. the epoch is *still* e, else Held → Leaving,
//! the epoch moves, stale; 4. leaf: Held → Free.
//!
//! Why this keeps the promise: an order of epoch e is read epoch first, cores second. A core that step 2 of a confirmation
//! finds Leaving was moved out of Pool before the epoch moved to some e'; step 3 shows e = e' or later, so the order was
//! read after the core had left, and does not have it. Nobody else can touch a core in somebody's hands, and a core in
//! nobody's hands is either in Pool, and in every order since, or Leaving, with that epoch behind it. The second move of
//! the epoch (step 4 of Leave) is for progress: it makes an order known that can free the core.
//!
//! At rest: `capacity_milli` = 1000 × the PUs in Pool. A stalled call hides the cores in its hands and nothing else.
//!
//! A pool keeps less than one core more than it promised; what is more starts to leave when shared claims are released.

use crate::MILLI_PER_PU;
use crate::exact;
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::outcome::Confirmed;
use crate::placement::PoolOrder;
use crate::sync;

/// Tries to find room before giving up: each failure means that another claim of this pool succeeded.
const TRIES: u32 = 32;

/// One core's bits in a leaf.
#[derive(Clone, Copy, Debug)]
struct CoreBits {
    leaf: u16,
    pus: u32,
}

impl CoreBits {
    const fn cpu_milli(self) -> u32 {
        self.pus.count_ones() * MILLI_PER_PU
    }
}

/// Promises `cpu_milli` of a pool, letting cores join it if need be. `changed` is set when cores moved.
#[must_use]
pub(crate) fn commit(machine: &Machine<'_>, pool: u16, cpu_milli: u32, changed: &mut bool) -> bool {
    for _ in 0..TRIES {
        if machine.commit(pool, cpu_milli) {
            return true;
        }
        let lacking = cpu_milli.saturating_sub(machine.pool(pool).room_milli());
        if !grow(machine, pool, lacking, changed) {
            break;
        }
    }
    if *changed {
        trim(machine, pool);
    }
    false
}

/// Lets cores join until they bring `lacking` millis; false when there are too few.
fn grow(machine: &Machine<'_>, pool: u16, lacking: u32, changed: &mut bool) -> bool {
    let mut brought = 0;
    while brought < lacking {
        let Some((core, from)) = next_to_join(machine, pool) else { return false };
        if machine.shift(core.leaf, core.pus, from, PuState::Pool) {
            *changed = true;
            drop(Joined { machine, pool, cpu_milli: core.cpu_milli(), committed: 0 });
            brought += core.cpu_milli();
        }
    }
    true
}

/// A core whose leaf says Pool and which is not counted yet: counted on drop, also when unwinding.
struct Joined<'a> {
    machine: &'a Machine<'a>,
    pool: u16,
    cpu_milli: u32,
    committed: u32,
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        self.machine.grow_pool(self.pool, self.cpu_milli, self.committed);
    }
}

/// Which core to let join: one that is about to leave, else a wholly free one beside cores of the pool, else one of the leaf with
/// the fewest free cores.
fn next_to_join(machine: &Machine<'_>, pool: u16) -> Option<(CoreBits, PuState)> {
    let layout = &machine.shape.layout;
    let mut best: Option<((bool, u32), CoreBits)> = None;
    for &leaf in &layout.pools[usize::from(pool)].leaves {
        let cores = layout.leaves[usize::from(leaf)].bits;
        let leaving = machine.pus_in(leaf, PuState::Leaving);
        if leaving != 0 {
            return Some((CoreBits { leaf, pus: cores.lowest(leaving, 1) }, PuState::Leaving));
        }
        let free = cores.whole(machine.pus_in(leaf, PuState::Free));
        let rank = (machine.pus_in(leaf, PuState::Pool) == 0, free.count_ones());
        if free != 0 && best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, CoreBits { leaf, pus: cores.lowest(free, 1) }));
        }
    }
    best.map(|(_, core)| (core, PuState::Free))
}

/// Lets cores that a pool no longer needs begin to leave; true when any did.
pub(crate) fn trim(machine: &Machine<'_>, pool: u16) -> bool {
    let mut left = false;
    while let Some(core) = next_to_leave(machine, pool) {
        match leave(machine, pool, core) {
            Some(true) => left = true,
            // Somebody was promised the room meanwhile, or moved the core: they look after the pool from here.
            Some(false) | None => break,
        }
    }
    left
}

/// Which core to let leave: the last of the leaf with the fewest cores in the pool, of those that fit the surplus.
fn next_to_leave(machine: &Machine<'_>, pool: u16) -> Option<CoreBits> {
    let layout = &machine.shape.layout;
    let surplus = machine.pool(pool).room_milli();
    let mut best: Option<(u32, CoreBits)> = None;
    for &leaf in &layout.pools[usize::from(pool)].leaves {
        let cores = layout.leaves[usize::from(leaf)].bits;
        let pooled = machine.pus_in(leaf, PuState::Pool);
        if pooled == 0 || cores.width * MILLI_PER_PU > surplus {
            continue;
        }
        if best.is_none_or(|(least, _)| pooled.count_ones() < least) {
            let others = cores.lowest(pooled, cores.count_whole(pooled) - 1);
            best = Some((pooled.count_ones(), CoreBits { leaf, pus: pooled & !others }));
        }
    }
    best.map(|(_, core)| core)
}

/// `None` when the core is no longer in the pool, `Some(false)` when the pool needs it after all.
fn leave(machine: &Machine<'_>, pool: u16, core: CoreBits) -> Option<bool> {
    if !machine.shift(core.leaf, core.pus, PuState::Pool, PuState::Held) {
        return None;
    }
    let mut hands = Hands { machine, pool, core, to: PuState::Pool, touch: true };
    let left = machine.shrink_pool(pool, core.cpu_milli());
    if left {
        hands.to = PuState::Leaving;
    }
    Some(left)
}

/// A core in this call's hands: put where it belongs on drop, also when unwinding.
struct Hands<'a> {
    machine: &'a Machine<'a>,
    pool: u16,
    core: CoreBits,
    to: PuState,
    touch: bool,
}

impl Drop for Hands<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        self.machine.put(self.core.leaf, self.core.pus, self.to);
        if self.touch {
            self.machine.touch_pool(self.pool);
        }
    }
}

/// Frees the cores that left a pool before the order of this epoch was given.
pub(crate) fn confirm(machine: &Machine<'_>, pool: u16, epoch: u32) -> Confirmed {
    let mut pus = 0;
    for &leaf in &machine.shape.layout.pools[usize::from(pool)].leaves {
        let now = machine.pool(pool).epoch();
        if now != epoch {
            return Confirmed::Stale { epoch: now };
        }
        let leaving = machine.pus_in(leaf, PuState::Leaving);
        if leaving == 0 || !machine.shift(leaf, leaving, PuState::Leaving, PuState::Held) {
            continue;
        }
        let core = CoreBits { leaf, pus: leaving };
        let mut hands = Hands { machine, pool, core, to: PuState::Leaving, touch: true };
        let now = machine.pool(pool).epoch();
        if now != epoch {
            return Confirmed::Stale { epoch: now };
        }
        (hands.to, hands.touch) = (PuState::Free, false);
        pus += leaving.count_ones();
    }
    Confirmed::Freed { pus }
}

/// What the agent is to run the pool's claims on, as of now.
pub(crate) fn order(machine: &Machine<'_>, pool: u16) -> PoolOrder {
    // The epoch first: see the module's argument.
    let epoch = machine.pool(pool).epoch();
    let shape = &machine.shape.layout.pools[usize::from(pool)];
    let in_leaf = |&leaf: &u16| exact::pus_of(machine.shape, leaf, machine.pus_in(leaf, PuState::Pool));
    let mut pus: Vec<_> = shape.leaves.iter().flat_map(in_leaf).collect();
    pus.sort_unstable();
    PoolOrder { numa_node: shape.numa_node, pus, epoch }
}

/// Puts a claim's core into the pool, its millis promised to the same claim. The caller holds the core and rewrites the
/// claim's parts.
pub(crate) fn convert(machine: &Machine<'_>, leaf: u16, pus: u32) -> u32 {
    let pool = machine.shape.layout.leaves[usize::from(leaf)].pool;
    let cpu_milli = CoreBits { leaf, pus }.cpu_milli();
    machine.put(leaf, pus, PuState::Pool);
    drop(Joined { machine, pool, cpu_milli, committed: cpu_milli });
    cpu_milli
}

/// Puts free cores into a pool with nothing promised of them: how a pool is restored.
#[must_use]
pub(crate) fn adopt(machine: &Machine<'_>, leaf: u16, pus: u32) -> bool {
    let pool = machine.shape.layout.leaves[usize::from(leaf)].pool;
    let joined = machine.shift(leaf, pus, PuState::Free, PuState::Pool);
    if joined {
        drop(Joined { machine, pool, cpu_milli: CoreBits { leaf, pus }.cpu_milli(), committed: 0 });
    }
    joined
}

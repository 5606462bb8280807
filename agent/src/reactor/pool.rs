//! Shared pools: which PUs they have, and the pods that move with them.
//!
//! A pool is nothing of the kernel's: it is a set of PUs, and every pod that holds a part of it has those PUs as its cpuset
//! (of all its pools together, when it holds parts of several). An order changes the cpusets of those pods, live, and is
//! confirmed when the kernel has said so of each. A pool is never emptied under a pod that runs on it.

use std::collections::BTreeSet;

use meros_wire::message::{
    ClaimTag, Envelope, MachineCore, Message, Placement, PodId, PoolConfirmed, PoolOrder, Refusal, RefusalCode, Uuid,
};

use crate::effect::{Effect, Move};
use crate::event::Now;
use crate::pins::Pins;
use crate::pod::{Moving, Pod};
use crate::reactor::{obey, refusal, refuse, same_machine, send};
use crate::state::{Pool, State};

/// A change that the kernel refused is tried again after so long.
pub(crate) const POOL_RETRY_MS: u64 = 1_000;

pub(super) fn on_order(state: &mut State, envelope: &Envelope, order: PoolOrder, effects: &mut Vec<Effect>) {
    let admissible = obey(state, envelope, effects).and_then(|()| same_machine(state, envelope));
    if let Err(why) = admissible {
        return refuse(state, envelope, why, effects);
    }
    let known = state.pools.get(&order.pool);
    if let Some(known) = known.filter(|known| order.epoch <= known.ordered.epoch) {
        let done = known.applied.as_ref().is_some_and(|applied| applied.epoch == order.epoch);
        if done {
            confirm(state, order.pool, order.epoch, effects);
        }
        return;
    }
    match check(state, &order) {
        Err(why) => refuse(state, envelope, why, effects),
        Ok(()) => carry_out(state, order, effects),
    }
}

fn check(state: &State, order: &PoolOrder) -> Result<(), Refusal> {
    let invalid = |message| Err(refusal(RefusalCode::Invalid, "pus", message));
    let possible = pus_of_pool(state, order.pool);
    for pu in &order.pus {
        if !possible.contains(pu) {
            return invalid(format!("PU {pu} is not one of pool {}'s NUMA node", order.pool));
        }
        if let Some(owner) = owner_of(state, *pu) {
            return invalid(format!("PU {pu} is pod {owner}'s alone"));
        }
    }
    let stranded =
        sharers(state, order.pool).find(|pod| order.pus.is_empty() && !has_other_pus(state, pod, order.pool));
    match stranded.map(Pod::id) {
        Some(pod) => invalid(format!("pod {pod} runs on pool {} and would have no PU", order.pool)),
        None => Ok(()),
    }
}

/// Whether a pod would still have a PU without this pool.
fn has_other_pus(state: &State, pod: &Pod, pool: u32) -> bool {
    let mut others = pod.placement.pools.iter().filter(|share| share.pool != pool);
    others.any(|share| !pus(state, share.pool).is_empty())
}

fn pus_of_pool(state: &State, pool: u32) -> BTreeSet<u32> {
    let here = |core: &&MachineCore| core.numa_node.unwrap_or(PoolOrder::NO_NUMA_NODE) == pool;
    state.identity.machine.cores.iter().filter(here).flat_map(|core| core.pus.iter().copied()).collect()
}

/// The live pod that has this PU to itself.
pub(crate) fn owner_of(state: &State, pu: u32) -> Option<PodId> {
    let owner = state.pods.values().find(|pod| pod.is_live() && pod.placement.exclusive_pus.contains(&pu));
    owner.map(Pod::id)
}

/// The pool that has this PU, as ordered last.
pub(crate) fn pool_of(state: &State, pu: u32) -> Option<u32> {
    let pool = state.pools.values().find(|pool| pool.ordered.pus.contains(&pu));
    pool.map(|pool| pool.ordered.pool)
}

/// A pool's PUs, as ordered last; none for a pool that was never ordered.
pub(crate) fn pus(state: &State, pool: u32) -> &[u32] {
    state.pools.get(&pool).map_or(&[], |pool| &pool.ordered.pus)
}

fn sharers(state: &State, pool: u32) -> impl Iterator<Item = &Pod> {
    let shares = move |pod: &&Pod| pod.placement.pools.iter().any(|share| share.pool == pool);
    state.pods.values().filter(|pod| pod.is_pinned()).filter(shares)
}

fn carry_out(state: &mut State, order: PoolOrder, effects: &mut Vec<Effect>) {
    let pool = order.pool;
    let applied = state.pools.remove(&pool).and_then(|known| known.applied);
    tracing::info!(pool, epoch = order.epoch, pus = order.pus.len(), "the pool changes");
    state.pools.insert(pool, Pool { ordered: order, applied, retry_at_ms: None });
    apply(state, pool, effects);
}

/// Asks for the pool's newest order to be carried out.
fn apply(state: &mut State, pool: u32, effects: &mut Vec<Effect>) {
    let Some(epoch) = state.pools.get(&pool).map(|known| known.ordered.epoch) else { return };
    let moves: Vec<Move> =
        sharers(state, pool).map(|pod| Move { pod: pod.id(), pins: pins(state, &pod.placement) }).collect();
    for order in &moves {
        if let Some(pod) = state.pods.get_mut(&order.pod) {
            pod.move_to(Moving { pool, epoch, pins: order.pins.clone() });
        }
    }
    effects.push(Effect::SetPool { pool, epoch, moves });
}

/// The kernel has the pool's PUs of this epoch, or refused.
pub(super) fn set(
    state: &mut State,
    pool: u32,
    epoch: u64,
    result: Result<(), String>,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let Some(known) = state.pools.get_mut(&pool) else { return };
    let newest = known.ordered.epoch == epoch;
    match result {
        Ok(()) => {
            if newest {
                known.applied = Some(known.ordered.clone());
            }
            for pod in state.pods.values_mut() {
                pod.moved(pool, epoch);
            }
            if newest {
                confirm(state, pool, epoch, effects);
            }
        }
        Err(message) => {
            tracing::error!(pool, epoch, "cannot change the pool: {message}");
            known.retry_at_ms = newest.then(|| now.mono_ms.saturating_add(POOL_RETRY_MS));
        }
    }
}

fn confirm(state: &State, pool: u32, epoch: u64, effects: &mut Vec<Effect>) {
    if state.is_registered() {
        let confirmed = Message::PoolConfirmed(PoolConfirmed { pool, epoch });
        send(state, Uuid::NIL, ClaimTag::default(), confirmed, effects);
    }
}

pub(super) fn tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let due: Vec<u32> = state
        .pools
        .values_mut()
        .filter(|pool| pool.retry_at_ms.is_some_and(|at| at <= now.mono_ms))
        .map(|pool| {
            pool.retry_at_ms = None;
            pool.ordered.pool
        })
        .collect();
    for pool in due {
        apply(state, pool, effects);
    }
}

/// Where a pod with this placement runs. Without memory of its own, it gets that of its PUs' NUMA nodes.
pub(super) fn pins(state: &State, placement: &Placement) -> Pins {
    let shared = placement.pools.iter().flat_map(|share| pus(state, share.pool));
    let pus: BTreeSet<u32> = placement.exclusive_pus.iter().chain(shared).copied().collect();
    let named: BTreeSet<u32> = placement.memory.iter().map(|memory| memory.numa_node).collect();
    let numa_nodes = if named.is_empty() { numa_nodes_of(state, &pus) } else { named };
    Pins::new(&pus, &numa_nodes)
}

/// The NUMA nodes that are local to these PUs; where none is, every NUMA node that has PUs, or else every one.
fn numa_nodes_of(state: &State, pus: &BTreeSet<u32>) -> BTreeSet<u32> {
    let machine = &state.identity.machine;
    let local = machine.cores.iter().filter(|core| core.pus.iter().any(|pu| pus.contains(pu)));
    let local: BTreeSet<u32> = local.filter_map(|core| core.numa_node).collect();
    let ordinary = || machine.cores.iter().filter_map(|core| core.numa_node).collect::<BTreeSet<u32>>();
    let every = || machine.numa_nodes.iter().map(|numa_node| numa_node.os_index).collect();
    [local, ordinary()].into_iter().find(|set| !set.is_empty()).unwrap_or_else(every)
}

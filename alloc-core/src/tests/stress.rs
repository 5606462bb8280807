//! Conservation at full speed: real threads on one table, and every PU watched from outside.

use std::sync::Arc;

use super::hand::xorshift;
use super::machines::{GPU, HBM, LABELS, PORTS, with_extras};
use super::{AGENT, ROLE, holder, table_of};
use crate::sync::{Ordering, Word64, thread};
use crate::{
    Confirmed, Cpus, DeviceAmount, DeviceLocality, HoldLimit, HugePages, Level, Limit, Locality, MemoryLocality,
    Outcome, Owner, Pick, Quantities, Released, Request, Shape, Smt, Table, Transferred,
};

const CLAIMERS: u64 = 3;
const ROUNDS: u64 = 3000;

/// What is known of each PU outside of the table: an exclusive claim has it, the agent runs a pool on it.
struct Watched {
    table: Table,
    exclusive: Vec<Word64>,
    pooled: Vec<Word64>,
    done: Word64,
}

fn request(dice: u64) -> Request {
    let memory = [MemoryLocality::Any, MemoryLocality::Preferred, MemoryLocality::Required];
    let memory = memory[usize::try_from(dice / 64 % 3).unwrap()];
    let mem_bytes = dice / 8 % 4 * 8192;
    let request = match dice % 6 {
        4 => Request::exclusive(u32::try_from(dice / 512 % 4).unwrap() + 1, mem_bytes).with_smt(Smt::Kept),
        5 => Request::exclusive(2, mem_bytes).with_smt(Smt::Split).with_member(Cpus::shared(700)),
        0 => Request::shared(u32::try_from(dice / 512 % 1500).unwrap() + 1, mem_bytes),
        1 => Request::exclusive(2, mem_bytes).with_locality(Locality::Required(Level::Core)),
        _ => Request::exclusive(u32::try_from(dice / 512 % 6).unwrap() + 1, mem_bytes),
    }
    .with_memory(memory);
    let locality = [DeviceLocality::Any, DeviceLocality::Preferred, DeviceLocality::Required];
    let locality = locality[usize::try_from(dice / 4096 % 3).unwrap()];
    match dice / 16_384 % 4 {
        0 => request.with_devices(GPU, DeviceAmount::Milli(400), locality).with_range(PORTS, Pick::Any(9)),
        1 => request.with_devices(GPU, DeviceAmount::Whole(1), locality).with_set(LABELS, Pick::Any(2)),
        2 => request
            .with_huge_pages(HugePages { mib2: 3, gib1: 0 })
            .with_special_memory(HBM, 3 * 4096)
            .with_disk(1 << 16),
        _ => request,
    }
}

/// Claims, or holds and splits, looks at the PUs, transfers, releases.
fn claimer(watched: &Watched, me: u64) {
    let mut seed = me.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    for _ in 0..ROUNDS {
        let dice = xorshift(&mut seed);
        let outcome = if dice.is_multiple_of(5) {
            let limit =
                HoldLimit { exclusive_pus: 4, pool_milli: 500, mem_bytes: 1 << 14, extras: dice.is_multiple_of(3) };
            watched.table.hold(AGENT, holder(me), limit)
        } else {
            watched.table.claim(AGENT, holder(me), &request(dice))
        };
        let Outcome::Granted(grant) = outcome else { continue };
        if dice.is_multiple_of(5)
            && let Outcome::Granted(child) = watched.table.split(grant.claim, Owner::new(me), &request(dice / 5))
        {
            use_and_release(watched, child.claim, me);
        }
        use_and_release(watched, grant.claim, me);
    }
    // AcqRel: Release pairs with the Acquire in `agent`. Relaxed on failure: it cannot fail.
    let _before = watched.done.update(Ordering::AcqRel, Ordering::Relaxed, |done| Some(done + 1));
}

fn use_and_release(watched: &Watched, claim: crate::ClaimId, me: u64) {
    let pus = watched.table.placement(claim).expect("only its owner changes it").all_pus();
    for pu in &pus {
        // AcqRel: pairs with the Release store below, of whoever had the PU before. Relaxed on failure: it cannot fail.
        let before = watched.exclusive[pu.index()].update(Ordering::AcqRel, Ordering::Relaxed, |_| Some(me + 1));
        assert_eq!(before, Ok(0), "{pu} has two holders");
        // Acquire: pairs with the Release store in `agent`.
        assert_eq!(watched.pooled[pu.index()].load(Ordering::Acquire), 0, "the agent runs a pool on {pu}");
    }
    let to = Owner::new(me + 100);
    assert_eq!(watched.table.transfer(claim, Owner::new(me), to), Transferred::Transferred);
    for pu in &pus {
        // Release: pairs with the AcqRel above.
        watched.exclusive[pu.index()].store(0, Ordering::Release);
    }
    let released = watched.table.release(claim, to);
    assert!(matches!(released, Released::Released { .. }), "{released:?}");
}

/// The agent: runs the newest orders and confirms them, until the claimers are done.
fn agent(watched: &Watched) {
    // Acquire: pairs with the Release half in `claimer`.
    while watched.done.load(Ordering::Acquire) < CLAIMERS {
        for order in watched.table.pool_orders(AGENT) {
            let numa_node = order.numa_node;
            let in_pool = |pu: crate::PuId| watched.table.shape(AGENT).unwrap().core_of(pu).unwrap().spec.numa_node;
            for (at, word) in (0..).zip(&watched.pooled) {
                let pu = crate::PuId::new(at);
                if in_pool(pu) == numa_node {
                    // Release: pairs with the Acquire in `use_and_release`.
                    word.store(u64::from(order.pus.contains(&pu)), Ordering::Release);
                }
            }
            match watched.table.confirm_pool(AGENT, numa_node, order.epoch) {
                Confirmed::Freed { .. } | Confirmed::Stale { .. } => {}
                Confirmed::NoSuchPool => panic!("no such pool"),
            }
        }
    }
}

#[test]
fn nothing_is_lost_and_nothing_has_two_holders() {
    let words = |count| (0..count).map(|_| Word64::new(0)).collect();
    let limit = Limit { cpu_milli: Some(14_000), mem_bytes: None };
    let table = table_of(64, limit, vec![Shape::new(&with_extras()).unwrap()]);
    let before = table.usage(AGENT).unwrap();
    let watched = Arc::new(Watched { table, exclusive: words(16), pooled: words(16), done: Word64::new(0) });
    let threads: Vec<_> = (0..=CLAIMERS)
        .map(|me| {
            let watched = watched.clone();
            thread::spawn(move || if me == CLAIMERS { agent(&watched) } else { claimer(&watched, me) })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let table = &watched.table;
    table.validate().unwrap();
    for order in table.pool_orders(AGENT) {
        let _freed = table.confirm_pool(AGENT, order.numa_node, order.epoch);
    }
    let after = table.usage(AGENT).unwrap();
    assert_eq!((after.pus_free, after.memory, after.extras), (16, before.memory, before.extras));
    assert_eq!(table.role_used(ROLE), Some(Quantities::default()));
    assert_eq!(table.claims_on(AGENT).count(), 0);
}

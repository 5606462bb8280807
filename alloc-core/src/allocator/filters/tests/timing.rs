//! How small, and how fast: `cargo test --release --package meros-alloc-core --lib filters::tests::timing -- --nocapture` prints it.

use std::time::Instant;

use super::super::*;
use super::much;

/// Every subscription filters every agent.
fn all_filtered(subs: u32, agents: u32, for_ms: u64) -> Filters {
    let mut filters = Filters::default();
    refuse_all(&mut filters, 0..subs, agents, for_ms);
    filters
}

fn refuse_all(filters: &mut Filters, subs: core::ops::Range<u32>, agents: u32, for_ms: u64) {
    for sub in subs {
        for agent in 0..agents {
            let refused = much(8000 + u64::from(agent % 7), 1 << 20);
            assert!(filters.refuse(sub, agent, &Shown::new(&refused, &[]), u64::from(sub), u64::from(sub) + for_ms));
        }
    }
}

#[test]
fn a_filter_takes_no_more_than_16_bytes() {
    for (subs, agents) in [(50, 1000), (200, 5000)] {
        let filters = all_filtered(subs, agents, 5000);
        let (bytes, len) = (filters.bytes(), filters.len());
        assert!(bytes <= 16 * len, "{subs} x {agents}: {bytes} bytes for {len} filters");
    }
}

#[expect(clippy::disallowed_methods, reason = "it is about time")]
fn now() -> Instant {
    Instant::now()
}

/// Prints how long each of so many took.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn timed(what: &str, times: usize, work: impl FnOnce()) {
    let start = now();
    work();
    print!(" {what} {:.1} ns", start.elapsed().as_nanos() as f64 / times as f64);
}

/// Subscriptions and agents. Without optimisation there is nothing to be learnt from the larger ones.
const SIZES: &[(u32, u32)] = match cfg!(debug_assertions) {
    true => &[(50, 1000)],
    false => &[(1, 1000), (1, 20_000), (50, 1000), (200, 5000), (200, 20_000), (1000, 10_000)],
};

#[test]
fn what_is_timed_does_what_it_should() {
    for (subs, agents) in SIZES.iter().copied() {
        let pairs = subs as usize * agents as usize;
        print!("{subs} x {agents}:");
        let mut filters = Filters::default();
        timed("refuse, fresh", pairs, || refuse_all(&mut filters, 0..subs, agents, 5000));
        print!(" ({:.1} bytes each),", filters.bytes() as f64 / pairs as f64);
        timed("revive", agents as usize, || filters.revive(subs / 2));
        refuse_all(&mut filters, subs / 2..subs / 2 + 1, agents, 5000);
        let mut opened = 0;
        timed("expire", pairs, || filters.expire(u64::MAX, |_, _| opened += 1));
        assert_eq!(opened, pairs);
        timed("refuse again", pairs, || refuse_all(&mut filters, 0..subs, agents, 5000));
        timed("grew by nothing", agents as usize, || grow_all(&mut filters, agents, 1, &mut opened));
        timed("grew", pairs, || grow_all(&mut filters, agents, 9000, &mut opened));
        assert_eq!(opened, 2 * pairs);
        refuse_all(&mut filters, 0..subs, agents, 5000);
        timed("revive all", pairs, || (0..subs).for_each(|sub| filters.revive(sub)));
        assert_eq!(filters.len(), 0);
        println!(" empty: {} bytes", filters.bytes());
    }
}

fn grow_all(filters: &mut Filters, agents: u32, cpu_milli: u64, opened: &mut usize) {
    let now = much(cpu_milli, 1);
    (0..agents).for_each(|agent| filters.grew(agent, &Shown::new(&now, &[]), |_| *opened += 1));
}

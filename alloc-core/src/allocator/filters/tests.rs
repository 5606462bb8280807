//! What frameworks may rely on, one by one; against a model; and how fast and small it is.

mod model;
mod timing;

use super::*;
use crate::amounts::Amounts;

/// So much CPU and memory.
pub(super) fn much(cpu_milli: u64, pages: u64) -> Amounts {
    Amounts::new(cpu_milli, pages)
}

/// Filters, spoken to in few words. When a test is through, everything is counted anew.
#[derive(Default)]
struct Desk(Filters);

impl Desk {
    fn refuse(&mut self, sub: u32, agent: u32, cpus: u64, for_ms: u64) {
        self.refuse_at(0, sub, agent, cpus, for_ms);
    }

    fn refuse_at(&mut self, now_ms: u64, sub: u32, agent: u32, cpus: u64, for_ms: u64) {
        let refused = much(cpus, cpus);
        assert!(self.0.refuse(sub, agent, &Shown::new(&refused, &[]), now_ms, now_ms + for_ms));
    }

    fn grew(&mut self, agent: u32, cpus: u64) -> Vec<u32> {
        let mut opened = Vec::new();
        self.0.grew(agent, &Shown::new(&much(cpus, cpus), &[]), |sub| opened.push(sub));
        opened
    }

    fn expire(&mut self, now_ms: u64) -> Vec<(u32, u32)> {
        let mut opened = Vec::new();
        self.0.expire(now_ms, |sub, agent| opened.push((sub, agent)));
        opened
    }

    fn filtered(&self, pairs: &[(u32, u32)]) -> Vec<bool> {
        pairs.iter().map(|(sub, agent)| self.0.has(*sub, *agent)).collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.validate();
        }
    }
}

impl Filters {
    /// Counts anew what is counted along the way.
    pub(super) fn validate(&self) {
        assert_eq!(self.len, self.agents.iter().map(Columns::count).sum::<usize>());
        let live = self.wheel.all().filter(|(_, entry)| is_live(&self.rows, &self.agents, *entry));
        assert_eq!(self.len, live.count(), "each filter has one entry");
        assert_eq!(self.wheel.len(), self.wheel.all().count());
        assert!(self.wheel.ticks().all(|bucket| bucket.chunks().next().is_some_and(|chunk| !chunk.is_empty())));
        for (agent, columns) in (0..).zip(&self.agents) {
            let subs: Vec<u32> =
                (0..).zip(&self.rows).filter(|(_, row)| bits::has(&row.agents, agent)).map(|of| of.0).collect();
            assert!(subs.iter().copied().eq(bits::all(&columns.words().collect::<Vec<_>>())), "rows and columns agree");
        }
    }
}

#[test]
fn what_was_refused_and_less_is_not_shown_again_but_more_is() {
    let mut desk = Desk::default();
    desk.refuse(1, 2, 4, 5000);
    assert!(desk.0.has(1, 2) && !desk.0.has(0, 2) && !desk.0.has(1, 1) && !desk.0.has(9, 9));
    assert_eq!([4, 1, 3, 4].map(|cpus| desk.grew(2, cpus)), [const { Vec::new() }; 4], "shrinks, and grows back");
    assert_eq!((desk.0.row(1), desk.0.len()), (&[0b100][..], 1));
    assert_eq!(desk.grew(2, 5), [1]);
    assert!(!desk.0.has(1, 2) && desk.0.len() == 0 && desk.0.next_deadline_ms().is_none());
}

#[test]
fn more_of_one_resource_is_more_and_so_is_another_port() {
    let mut filters = Filters::default();
    let (refused, less_cpu) = (much(4, 4), much(1, 5));
    assert!(filters.refuse(0, 0, &Shown::new(&refused, &[0b11]), 0, 5000));
    assert!(filters.refuse(1, 0, &Shown::new(&refused, &[0b01]), 0, 5000));
    let mut opened = Vec::new();
    filters.grew(0, &Shown::new(&refused, &[0b10]), |sub| opened.push(sub));
    assert_eq!(opened, [1]);
    filters.grew(0, &Shown::new(&less_cpu, &[]), |sub| opened.push(sub));
    assert_eq!(opened, [1, 0]);
}

#[test]
fn each_agent_and_each_subscription_has_sizes_of_its_own() {
    let mut desk = Desk::default();
    for sub in 0..130 {
        desk.refuse(sub, 0, 1 + u64::from(sub % 3), 5000);
        desk.refuse(sub, 70, 9, 5000);
    }
    assert_eq!((desk.0.filtered_by(0), desk.0.filtered_by(1), desk.0.filtered_by(99)), (130, 0, 0));
    assert_eq!(desk.0.column(70).collect::<Vec<_>>(), [u64::MAX, u64::MAX, 0b11]);
    let mut opened = desk.grew(0, 3);
    opened.sort_unstable();
    assert!(opened.into_iter().eq((0..130).filter(|sub| sub % 3 < 2)));
    assert_eq!((desk.0.filtered_by(0), desk.0.filtered_by(70), desk.0.len()), (43, 130, 173));
}

#[test]
fn filters_end_in_order_and_never_early() {
    let mut desk = Desk::default();
    for (agent, for_ms) in [(0, 5000), (1, 150), (2, 100), (3, 4999)] {
        desk.refuse(0, agent, 4, for_ms);
    }
    assert_eq!([99, 100, 199].map(|now| desk.expire(now)), [vec![], vec![(0, 2)], vec![]]);
    assert_eq!(desk.0.next_deadline_ms(), Some(200));
    assert_eq!([200, 4999].map(|now| desk.expire(now)), [vec![(0, 1)], vec![]]);
    assert_eq!(desk.expire(9000), [(0, 0), (0, 3)]);
    assert!(!desk.0.refuse(0, 0, &Shown::new(&much(1, 1), &[]), 9000, 9000), "nor does no time make a filter");
    assert!(desk.0.len() == 0 && desk.0.next_deadline_ms().is_none());
}

#[test]
fn a_revival_ends_only_its_own_filters() {
    let mut desk = Desk::default();
    let pairs = [(0, 0), (0, 65), (1, 0), (1, 1)];
    pairs.iter().for_each(|(sub, agent)| desk.refuse(*sub, *agent, 4, 5000));
    desk.0.revive(0);
    desk.0.revive(7);
    assert_eq!(desk.filtered(&pairs), [false, false, true, true]);
    assert_eq!(desk.expire(5000), [(1, 0), (1, 1)], "the ends of filters that are no more are nobody's business");
}

#[test]
fn a_filter_made_again_is_not_ended_by_what_was_there_before() {
    let mut desk = Desk::default();
    // Others, so that the size stays there.
    (0..3).for_each(|agent| desk.refuse(9, agent, 4, 60_000));
    (0..3).for_each(|agent| desk.refuse(0, agent, 4, 1000));
    desk.0.revive(0);
    assert_eq!(desk.grew(1, 5), [9]);
    desk.0.remove_agent(2);
    (0..3).for_each(|agent| desk.refuse_at(500, 0, agent, 4, 1000));
    assert_eq!(desk.expire(1499), []);
    assert_eq!(desk.expire(1500), [(0, 0), (0, 1), (0, 2)]);
    desk.0.remove_sub(9);
    assert_eq!((desk.0.len(), desk.0.row(9)), (0, &[][..]));
}

#[test]
fn of_two_refusals_of_one_agent_the_last_to_end_opens_it() {
    let mut desk = Desk::default();
    for (cpus, for_ms) in [(4, 1000), (4, 3000), (4, 2000), (8, 500)] {
        desk.refuse(0, 0, cpus, for_ms);
    }
    assert_eq!((desk.0.filtered_by(0), desk.0.len(), desk.0.until(0, 0)), (1, 4, Some(3000)));
    assert_eq!([500, 1000, 2000].map(|now| desk.expire(now)), [const { Vec::new() }; 3]);
    assert_eq!(desk.expire(3000), [(0, 0)]);
    desk.refuse(0, 0, 4, 9000);
    desk.refuse(0, 0, 8, 9000);
    assert_eq!([desk.grew(0, 5), desk.grew(0, 9)], [vec![], vec![0]]);
}

#[test]
fn a_year_is_a_year() {
    const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;
    let mut desk = Desk::default();
    desk.refuse_at(777, 0, 0, 4, YEAR_MS);
    let until = desk.0.until(0, 0).unwrap();
    assert!((777 + YEAR_MS..777 + YEAR_MS + YEAR_MS / 32).contains(&until), "{until}");
    assert_eq!((desk.expire(until - 1), desk.0.next_deadline_ms()), (vec![], Some(until)));
    assert_eq!(desk.expire(until), [(0, 0)]);
    assert!(desk.0.refuse(0, 0, &Shown::new(&much(1, 1), &[]), 0, u64::MAX), "and there may be no end at all");
    assert_eq!(desk.0.until(0, 0), Some(u64::MAX));
}

#[test]
fn an_agent_that_is_back_is_offered_to_all() {
    let mut desk = Desk::default();
    (0..3).for_each(|sub| desk.refuse(sub, 1, 4, 1000));
    desk.0.remove_agent(1);
    desk.0.remove_agent(50);
    assert_eq!((desk.filtered(&[(0, 1), (1, 1), (2, 1)]), desk.0.filtered_by(1)), (vec![false; 3], 0));
    desk.refuse_at(900, 2, 1, 4, 1000);
    assert_eq!((desk.expire(1000), desk.expire(1900)), (vec![], vec![(2, 1)]));
}

#[test]
fn ticks_stay_few_whatever_the_durations_are() {
    let mut desk = Desk::default();
    let mut for_ms = 1;
    for round in 0..200_000 {
        desk.refuse_at(round, 0, u32::try_from(round % 4096).unwrap(), 4 + round, for_ms);
        for_ms = for_ms * 1_000_003 % 31_536_000_000 + 1;
        desk.expire(round);
        desk.grew(u32::try_from((round + 2048) % 4096).unwrap(), u64::MAX);
    }
    assert!(desk.0.wheel.ticks().count() < 1500, "{}", desk.0.wheel.ticks().count());
}

#[test]
fn revivals_without_end_leave_no_more_behind_than_there_is() {
    const HOUR_MS: u64 = 3_600_000;
    let mut desk = Desk::default();
    (0..5000).for_each(|agent| desk.refuse(1, agent, 4, (1 + u64::from(agent % 3)) * HOUR_MS));
    for round in 0..300 {
        (0..1000).for_each(|agent| desk.refuse_at(round, 0, agent, 4, (1 + round % 7) * HOUR_MS));
        desk.0.revive(0);
    }
    let entries = desk.0.wheel.len();
    assert!(entries < 2 * desk.0.len(), "{entries} entries, {} filters", desk.0.len());
    let thirds = [2, 3, 4].map(|hours| desk.expire(hours * HOUR_MS).len());
    assert_eq!((thirds, desk.0.wheel.len()), ([1667, 1667, 1666], 0), "and what there is ends as it should");
}

#[test]
fn a_size_that_outlives_all_ids_keeps_its_own() {
    let mut desk = Desk::default();
    desk.refuse(0, 0, 4, 1 << 40);
    for round in 0..65_600 {
        desk.refuse_at(round * 100, 1, 0, 9, 100);
        assert_eq!(desk.expire(round * 100 + 100), [(1, 0)]);
    }
    assert!(desk.0.has(0, 0));
}

#[test]
fn an_entry_that_is_256_revivals_old_does_no_more_than_end_a_filter_early() {
    let mut desk = Desk::default();
    desk.refuse(1, 0, 4, 9000);
    for _ in 0..256 {
        desk.refuse(0, 0, 4, 1000);
        desk.0.revive(0);
    }
    desk.refuse(0, 0, 4, 5000);
    assert_eq!((desk.expire(1000), desk.0.has(0, 0), desk.0.has(1, 0)), (vec![(0, 0)], false, true));
    desk.0.validate();
    assert_eq!([5000, 9000].map(|now| desk.expire(now)), [vec![], vec![(1, 0)]]);
}

#[test]
fn more_sizes_than_are_kept_make_no_filter() {
    let mut desk = Desk::default();
    (0..1024).for_each(|cpus| desk.refuse(0, 0, 1 + cpus, 1000));
    assert!(!desk.0.refuse(1, 0, &Shown::new(&much(5000, 1), &[]), 0, 1000));
    assert!(!desk.0.has(1, 0));
    desk.refuse(1, 0, 7, 1000);
}

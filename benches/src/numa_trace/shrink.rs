//! Fewer servers: as many are dropped, in an order of the seed's, as it takes for first-fit to refuse one request in twenty.

use super::place::{Fit, Placed, Scan, run};
use super::trace::{Request, Server};
use crate::random::Random;

/// Of so many requests first-fit refuses one.
pub const REFUSED_ONE_IN: usize = 20;

/// How many requests were refused.
#[must_use]
pub fn refused(placements: &[Option<Placed>]) -> usize {
    placements.iter().filter(|placed| placed.is_none()).count()
}

/// The servers that stay, in their old order. All of them when first-fit refuses that many anyway.
///
/// It is found by halving: the count at which one server more would bring first-fit under the bar.
#[must_use]
pub fn shrink(servers: &[Server], requests: &[Request], seed: u64) -> Vec<Server> {
    let mut order: Vec<usize> = (0..servers.len()).collect();
    Random::new(seed).shuffle(&mut order);
    let stay = |count: usize| {
        let mut indices = order[..count].to_vec();
        indices.sort_unstable();
        indices.into_iter().map(|index| servers[index]).collect::<Vec<Server>>()
    };
    let refuses = |count: usize| {
        let placements = run(requests, &mut Scan::new(Fit::First, &stay(count)));
        refused(&placements) * REFUSED_ONE_IN >= requests.len()
    };
    let (mut few, mut many) = (0, servers.len());
    if refuses(many) {
        return stay(many);
    }
    while many - few > 1 {
        let middle = few.midpoint(many);
        if refuses(middle) { few = middle } else { many = middle }
    }
    stay(few)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numa_trace::trace::{Amount, Rule, in_racks};

    #[test]
    fn one_in_twenty_is_refused_and_one_server_more_would_hold_it() {
        let amount = Amount { pus: 1, mem_gib: 1 };
        let servers = in_racks(&[[amount; 2]; 40], 1);
        let requests = vec![Request { wants: amount, numa_nodes: 1, rule: Rule::Free }; 40];
        let left = shrink(&servers, &requests, 42);
        // 38 of 40 requests fit on 19 servers; on 20 all do.
        assert_eq!(left.len(), 19);
    }

    #[test]
    fn nothing_is_dropped_when_too_much_is_refused_anyway() {
        let servers = in_racks(&[[Amount { pus: 1, mem_gib: 1 }; 2]; 3], 1);
        let requests = vec![Request { wants: Amount { pus: 2, mem_gib: 1 }, numa_nodes: 1, rule: Rule::Free }; 3];
        assert_eq!(shrink(&servers, &requests, 42).len(), 3);
    }
}

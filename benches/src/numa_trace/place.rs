//! First-fit, best-fit and worst-fit over servers of two NUMA nodes, under the rules.
//!
//! All are the same scan: among the places where a request fits and its rule allows it, the smallest key wins, the first of
//! equals.

use std::collections::{HashMap, HashSet};

use super::trace::{Amount, Amounts, NUMA_NODES, Request, Rule, Server};

/// Where a request went: what each NUMA node of a server gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The server, by its place in the list.
    pub server: usize,
    /// From each NUMA node.
    pub takes: Amounts,
}

/// Something that places requests on the servers it was made with.
pub trait Placer {
    /// Places the request, and keeps it. `None`: it fits nowhere by its rule.
    fn place(&mut self, request: &Request) -> Option<Placed>;
}

/// What is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The first server, and its first NUMA node.
    First,
    /// The fewest PUs left on the server, then on the NUMA node.
    Best,
    /// The most.
    Worst,
}

impl Fit {
    fn key(self, left: &Amounts, takes: &Amounts) -> (i64, i64) {
        let all: i64 = left.iter().map(|amount| i64::from(amount.pus)).sum();
        let used = left.iter().zip(takes).filter(|(_, takes)| **takes != Amount::default());
        let beside: i64 = used.map(|(left, _)| i64::from(left.pus)).sum();
        match self {
            Self::First => (0, 0),
            Self::Best => (all, beside),
            Self::Worst => (-all, -beside),
        }
    }
}

/// What the rules remember of the placed requests.
#[derive(Clone, Debug, Default)]
struct Groups {
    /// The rack of each affinity group.
    together: HashMap<u32, usize>,
    /// Servers that an anti-affinity group is on.
    apart: HashSet<(u32, usize)>,
    /// The domain that a rack carries of a group.
    domain: HashMap<(u32, usize), u32>,
}

impl Groups {
    fn allow(&self, rule: Rule, server: usize, rack: usize) -> bool {
        match rule {
            Rule::Free => true,
            Rule::Affinity(group) => self.together.get(&group).is_none_or(|&with| with == rack),
            Rule::AntiAffinity(group) => !self.apart.contains(&(group, server)),
            Rule::FaultDomain { group, domain } => self.domain.get(&(group, rack)).is_none_or(|&there| there == domain),
        }
    }

    fn keep(&mut self, rule: Rule, server: usize, rack: usize) {
        match rule {
            Rule::Free => {}
            Rule::Affinity(group) => {
                self.together.insert(group, rack);
            }
            Rule::AntiAffinity(group) => {
                self.apart.insert((group, server));
            }
            Rule::FaultDomain { group, domain } => {
                self.domain.insert((group, rack), domain);
            }
        }
    }
}

/// The scan.
#[derive(Clone, Debug)]
pub struct Scan {
    fit: Fit,
    servers: Vec<Server>,
    groups: Groups,
}

impl Scan {
    /// Over empty servers.
    #[must_use]
    pub fn new(fit: Fit, servers: &[Server]) -> Self {
        Self { fit, servers: servers.to_vec(), groups: Groups::default() }
    }
}

/// What the request takes of each NUMA node, in the ways it may.
fn ways(request: &Request) -> Vec<Amounts> {
    let Amount { pus, mem_gib } = request.wants;
    if request.numa_nodes == NUMA_NODES {
        let (second_pus, second_gib) = (pus / 2, mem_gib / 2);
        let first = Amount { pus: pus - second_pus, mem_gib: mem_gib - second_gib };
        return vec![[first, Amount { pus: second_pus, mem_gib: second_gib }]];
    }
    let none = Amount::default();
    vec![[request.wants, none], [none, request.wants]]
}

/// What is left. `None`: it does not fit.
fn without(free: &Amounts, takes: &Amounts) -> Option<Amounts> {
    let mut left = *free;
    for (left, takes) in left.iter_mut().zip(takes) {
        left.pus = left.pus.checked_sub(takes.pus)?;
        left.mem_gib = left.mem_gib.checked_sub(takes.mem_gib)?;
    }
    Some(left)
}

impl Placer for Scan {
    fn place(&mut self, request: &Request) -> Option<Placed> {
        let ways = ways(request);
        let mut best: Option<((i64, i64), Placed)> = None;
        for (index, server) in self.servers.iter().enumerate() {
            if !self.groups.allow(request.rule, index, server.rack) {
                continue;
            }
            for takes in &ways {
                let Some(left) = without(&server.free, takes) else { continue };
                let key = self.fit.key(&left, takes);
                if best.is_none_or(|(smallest, _)| key < smallest) {
                    best = Some((key, Placed { server: index, takes: *takes }));
                }
            }
            if self.fit == Fit::First && best.is_some() {
                break;
            }
        }
        let (_, placed) = best?;
        let server = &mut self.servers[placed.server];
        server.free = without(&server.free, &placed.takes)?;
        self.groups.keep(request.rule, placed.server, server.rack);
        Some(placed)
    }
}

/// Places all requests in order.
pub fn run(requests: &[Request], placer: &mut (impl Placer + ?Sized)) -> Vec<Option<Placed>> {
    requests.iter().map(|request| placer.place(request)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numa_trace::trace::Rule::{Affinity, AntiAffinity, FaultDomain, Free};

    /// A server in the given rack.
    fn racked(rack: usize, first: u32, second: u32) -> Server {
        Server { rack, free: [first, second].map(|pus| Amount { pus, mem_gib: 100 }) }
    }

    fn server(first: u32, second: u32) -> Server {
        racked(0, first, second)
    }

    fn request(pus: u32, numa_nodes: usize, rule: Rule) -> Request {
        Request { wants: Amount { pus, mem_gib: 3 }, numa_nodes, rule }
    }

    /// (server, PUs of each NUMA node) of each request.
    fn placed(fit: Fit, servers: &[Server], requests: &[Request]) -> Vec<Option<(usize, u32, u32)>> {
        let list = run(requests, &mut Scan::new(fit, servers));
        list.iter().map(|placed| placed.map(|to| (to.server, to.takes[0].pus, to.takes[1].pus))).collect()
    }

    #[test]
    fn each_fit_prefers_its_own() {
        let servers = [server(8, 6), server(4, 4), server(9, 9)];
        let one = [request(4, 1, Free)];
        assert_eq!(placed(Fit::First, &servers, &one), [Some((0, 4, 0))]);
        assert_eq!(placed(Fit::Best, &servers, &one), [Some((1, 4, 0))]);
        assert_eq!(placed(Fit::Worst, &servers, &one), [Some((2, 4, 0))]);
        assert_eq!(placed(Fit::Best, &servers[..1], &one), [Some((0, 0, 4))], "the tighter NUMA node");
    }

    #[test]
    fn one_numa_node_or_half_of_two() {
        let servers = [server(4, 4)];
        assert_eq!(placed(Fit::First, &servers, &[request(6, 1, Free)]), [None]);
        assert_eq!(placed(Fit::First, &servers, &[request(6, 2, Free)]), [Some((0, 3, 3))]);
        let odd = run(&[request(6, 2, Free)], &mut Scan::new(Fit::First, &servers));
        assert_eq!(odd[0].map(|to| (to.takes[0].mem_gib, to.takes[1].mem_gib)), Some((2, 1)));
    }

    #[test]
    fn groups_stay_together_or_apart() {
        let servers = [racked(0, 4, 4), racked(1, 8, 8)];
        let together = [request(4, 1, Affinity(1)); 3];
        assert_eq!(placed(Fit::First, &servers, &together), [Some((0, 4, 0)), Some((0, 0, 4)), None]);
        let one_rack = [server(4, 4), server(8, 8)];
        assert_eq!(placed(Fit::First, &one_rack, &together), [Some((0, 4, 0)), Some((0, 0, 4)), Some((1, 4, 0))]);
        let apart = [request(1, 1, AntiAffinity(1)); 3];
        assert_eq!(placed(Fit::First, &servers, &apart), [Some((0, 1, 0)), Some((1, 1, 0)), None]);
        let domain = |domain| request(1, 1, FaultDomain { group: 1, domain });
        let domains = [domain(0), domain(0), domain(1), domain(2)];
        let expected = [Some((0, 1, 0)), Some((0, 1, 0)), Some((1, 1, 0)), None];
        assert_eq!(placed(Fit::First, &servers, &domains), expected);
        assert_eq!(placed(Fit::First, &one_rack, &domains)[2], None, "a rack is one domain");
    }
}

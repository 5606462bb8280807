//! The checker: whether placements are possible and honour every rule. It looks at nothing but servers, requests and placements.

use std::collections::{BTreeMap, BTreeSet};

use super::place::Placed;
use super::trace::{Amount, Amounts, Request, Rule, Server};

/// What is wrong with a list of placements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There is no such server.
    #[error("request {request} is on server {server}, which does not exist")]
    NoServer {
        /// The request, by its place in the list.
        request: usize,
        /// The server.
        server: usize,
    },
    /// A request got something else than it wanted, or from the wrong number of NUMA nodes.
    #[error("request {request} got {takes:?}")]
    Amounts {
        /// The request.
        request: usize,
        /// What it got.
        takes: Amounts,
    },
    /// A NUMA node gave more than it has.
    #[error("NUMA node {numa_node} of server {server} has {has:?} and gave {gave:?}")]
    Overfull {
        /// The server.
        server: usize,
        /// Its NUMA node.
        numa_node: usize,
        /// What it has.
        has: Amount,
        /// What it gave.
        gave: Amount,
    },
    /// An affinity group is in several racks.
    #[error("affinity group {group} is in racks {racks:?}")]
    Parted {
        /// The group.
        group: u32,
        /// Its racks.
        racks: BTreeSet<usize>,
    },
    /// A server has several requests of an anti-affinity group, or a rack several domains of a fault-domain group.
    #[error("requests {requests:?} of group {group} must be further apart")]
    Crowded {
        /// The group.
        group: u32,
        /// Two requests of it.
        requests: [usize; 2],
    },
}

/// How a request over two NUMA nodes is to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halves {
    /// Half on each.
    Asked,
    /// Anyhow.
    NotAsked,
}

/// Checks all placements.
///
/// # Errors
/// The first thing found broken: amounts, then servers, then rules.
pub fn check(
    servers: &[Server],
    requests: &[Request],
    placements: &[Option<Placed>],
    halves: Halves,
) -> Result<(), Broken> {
    let pairs = requests.iter().zip(placements).enumerate();
    let placed: Vec<(usize, &Request, Placed)> =
        pairs.filter_map(|(at, (request, to))| Some((at, request, (*to)?))).collect();
    amounts(servers, &placed, halves)?;
    capacity(servers, &placed)?;
    together(servers, &placed)?;
    apart(servers, &placed)
}

fn amounts(servers: &[Server], placed: &[(usize, &Request, Placed)], halves: Halves) -> Result<(), Broken> {
    for &(at, request, to) in placed {
        if to.server >= servers.len() {
            return Err(Broken::NoServer { request: at, server: to.server });
        }
        let [first, second] = to.takes;
        let sum = Amount { pus: first.pus + second.pus, mem_gib: first.mem_gib + second.mem_gib };
        let shape = if request.numa_nodes == 1 {
            first == Amount::default() || second == Amount::default()
        } else {
            halves == Halves::NotAsked
                || first.pus.abs_diff(second.pus) <= 1 && first.mem_gib.abs_diff(second.mem_gib) <= 1
        };
        if sum != request.wants || !shape {
            return Err(Broken::Amounts { request: at, takes: to.takes });
        }
    }
    Ok(())
}

fn capacity(servers: &[Server], placed: &[(usize, &Request, Placed)]) -> Result<(), Broken> {
    let mut gave = vec![Amounts::default(); servers.len()];
    for (_, _, to) in placed {
        for (sum, takes) in gave[to.server].iter_mut().zip(to.takes) {
            sum.pus += takes.pus;
            sum.mem_gib += takes.mem_gib;
        }
    }
    for (server, (has, gave)) in servers.iter().zip(&gave).enumerate() {
        for (numa_node, (&has, &gave)) in has.free.iter().zip(gave).enumerate() {
            if gave.pus > has.pus || gave.mem_gib > has.mem_gib {
                return Err(Broken::Overfull { server, numa_node, has, gave });
            }
        }
    }
    Ok(())
}

fn together(servers: &[Server], placed: &[(usize, &Request, Placed)]) -> Result<(), Broken> {
    let mut groups: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for (_, request, to) in placed {
        if let Rule::Affinity(group) = request.rule {
            groups.entry(group).or_default().insert(servers[to.server].rack);
        }
    }
    let parted = groups.into_iter().find(|(_, racks)| racks.len() > 1);
    parted.map_or(Ok(()), |(group, racks)| Err(Broken::Parted { group, racks }))
}

/// Looks for two requests of a group, one of which must not be where it is.
fn apart(servers: &[Server], placed: &[(usize, &Request, Placed)]) -> Result<(), Broken> {
    let mut singles: BTreeMap<(u32, usize), usize> = BTreeMap::new();
    let mut domains: BTreeMap<(u32, usize), (u32, usize)> = BTreeMap::new();
    for &(at, request, Placed { server, .. }) in placed {
        let (group, other) = match request.rule {
            Rule::AntiAffinity(group) => (group, singles.insert((group, server), at)),
            Rule::FaultDomain { group, domain } => {
                let (there, first) = *domains.entry((group, servers[server].rack)).or_insert((domain, at));
                (group, (there != domain).then_some(first))
            }
            Rule::Free | Rule::Affinity(_) => continue,
        };
        if let Some(other) = other {
            return Err(Broken::Crowded { group, requests: [other, at] });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Amounts = [Amount { pus: 4, mem_gib: 8 }; 2];
    /// Two servers in two racks.
    const SERVERS: [Server; 2] = [Server { rack: 0, free: FREE }, Server { rack: 1, free: FREE }];
    /// Two servers in one rack.
    const ONE_RACK: [Server; 2] = [Server { rack: 0, free: FREE }; 2];

    fn request(numa_nodes: usize, rule: Rule) -> Request {
        Request { wants: Amount { pus: 2, mem_gib: 4 }, numa_nodes, rule }
    }

    fn on(server: usize, first: u32, second: u32) -> Option<Placed> {
        Some(Placed { server, takes: [first, second].map(|pus| Amount { pus, mem_gib: 2 * pus }) })
    }

    fn told(rules: [Rule; 2], placements: [Option<Placed>; 2]) -> Result<(), Broken> {
        check(&SERVERS, &rules.map(|rule| request(1, rule)), &placements, Halves::Asked)
    }

    #[test]
    fn good_placements_pass() {
        let domain = |domain| Rule::FaultDomain { group: 1, domain };
        assert_eq!(told([Rule::Free; 2], [on(0, 2, 0), None]), Ok(()));
        assert_eq!(told([Rule::Affinity(1); 2], [on(0, 2, 0), on(0, 0, 2)]), Ok(()));
        assert_eq!(told([Rule::AntiAffinity(1); 2], [on(0, 2, 0), on(1, 0, 2)]), Ok(()));
        assert_eq!(told([domain(0), domain(0)], [on(0, 2, 0), on(0, 2, 0)]), Ok(()));
        assert_eq!(told([domain(0), domain(1)], [on(0, 2, 0), on(1, 2, 0)]), Ok(()));
        assert_eq!(told([Rule::Affinity(1), Rule::AntiAffinity(1)], [on(0, 2, 0), on(0, 2, 0)]), Ok(()), "two groups");
    }

    #[test]
    fn amounts_are_checked() {
        let one = |numa_nodes, to| check(&SERVERS, &[request(numa_nodes, Rule::Free)], &[to], Halves::Asked);
        assert!(matches!(one(1, on(0, 1, 1)), Err(Broken::Amounts { request: 0, .. })), "split");
        assert!(matches!(one(2, on(0, 2, 0)), Err(Broken::Amounts { request: 0, .. })), "not split");
        assert_eq!(check(&SERVERS, &[request(2, Rule::Free)], &[on(0, 2, 0)], Halves::NotAsked), Ok(()));
        assert_eq!(one(2, on(0, 1, 1)), Ok(()));
        assert!(matches!(one(1, on(0, 1, 0)), Err(Broken::Amounts { .. })), "too little");
        assert_eq!(one(1, on(2, 2, 0)), Err(Broken::NoServer { request: 0, server: 2 }));
    }

    #[test]
    fn overfull_numa_nodes_are_found() {
        let requests = [request(1, Rule::Free); 3];
        let broken = check(&SERVERS, &requests, &[on(1, 0, 2); 3], Halves::Asked);
        assert!(matches!(broken, Err(Broken::Overfull { server: 1, numa_node: 1, .. })), "{broken:?}");
    }

    #[test]
    fn broken_rules_are_found() {
        let parted = told([Rule::Affinity(7); 2], [on(0, 2, 0), on(1, 2, 0)]);
        assert_eq!(parted, Err(Broken::Parted { group: 7, racks: BTreeSet::from([0, 1]) }));
        let crowded = Err(Broken::Crowded { group: 7, requests: [0, 1] });
        assert_eq!(told([Rule::AntiAffinity(7); 2], [on(1, 2, 0), on(1, 2, 0)]), crowded);
        let domain = |domain| Rule::FaultDomain { group: 7, domain };
        assert_eq!(told([domain(0), domain(1)], [on(1, 2, 0), on(1, 2, 0)]), crowded);
        let in_one_rack = |rules: [Rule; 2]| {
            check(&ONE_RACK, &rules.map(|rule| request(1, rule)), &[on(0, 2, 0), on(1, 2, 0)], Halves::Asked)
        };
        assert_eq!(in_one_rack([Rule::Affinity(7); 2]), Ok(()));
        assert_eq!(in_one_rack([Rule::AntiAffinity(7); 2]), Ok(()));
        assert_eq!(in_one_rack([domain(0), domain(1)]), crowded);
    }
}

//! Who is served first, by what everybody holds: through offers, launches and the other ways in.

use super::{Cluster, GIB};
use crate::allocator::{Claimant, RoleSpec, Subscription};
use crate::tests::machines::PORTS;
use crate::{AgentId, FrameworkId, Owner, Pick, Placed, Policy, Request, RoleId};

const A0: AgentId = AgentId::new(0);

fn weighted(cluster: &mut Cluster, parent: Option<RoleId>, weight_milli: u32) -> RoleId {
    cluster.allocator.add_role(RoleSpec { parent, weight_milli, ..RoleSpec::default() }).unwrap()
}

/// Everybody who is offered something launches one task of his, or wants no more; how many each launched in the end.
fn fill(cluster: &mut Cluster, tasks: &[(FrameworkId, Request)]) -> Vec<usize> {
    let mut launched = vec![0; tasks.len()];
    for _ in 0..200 {
        let made = cluster.after(100);
        if made.is_empty() {
            break;
        }
        for offer in cluster.out.keys().copied().collect::<Vec<_>>() {
            let to = cluster.out[&offer].0;
            let at = tasks.iter().position(|(framework, _)| *framework == to).unwrap();
            let fits = cluster.allocator.offer_view(offer).unwrap().agent.fits(&tasks[at].1);
            if fits {
                cluster.accept(offer, &[tasks[at].1.clone()], 0);
                launched[at] += 1;
            } else {
                cluster.decline(offer, 3_600_000);
            }
        }
    }
    launched
}

#[test]
fn tasks_of_different_dominant_resources_are_launched_as_in_the_paper() {
    // Ghodsi et al., NSDI 2011, section 4.1: 9 CPUs and 18 GB; tasks of <1 CPU, 4 GB> and of <3 CPUs, 1 GB>.
    let mut cluster = Cluster::new();
    cluster.agent(9, 18);
    let roles = [cluster.role(), cluster.role()];
    let [memory, cpu] = [cluster.framework(1, roles[0]), cluster.framework(2, roles[1])];
    let tasks = [(memory, Request::exclusive(1, 4 * GIB)), (cpu, Request::exclusive(3, GIB))];
    assert_eq!(fill(&mut cluster, &tasks), [3, 2]);
}

#[test]
fn launched_tasks_share_by_weight() {
    let mut cluster = Cluster::new();
    cluster.agent(12, 64);
    let roles = [weighted(&mut cluster, None, 2_000), weighted(&mut cluster, None, 1_000)];
    let tasks = [1, 2].map(|id| (cluster.framework(id, roles[id as usize - 1]), Request::exclusive(1, GIB)));
    assert_eq!(fill(&mut cluster, &tasks), [8, 4]);
}

#[test]
fn child_roles_share_what_their_parent_is_due() {
    let mut cluster = Cluster::new();
    cluster.agent(16, 64);
    let (eng, ads) = (cluster.role(), cluster.role());
    let [front, back] = [cluster.role_below(eng), cluster.role_below(eng)];
    let tasks =
        [(1, front), (2, back), (3, ads)].map(|(id, role)| (cluster.framework(id, role), Request::exclusive(1, GIB)));
    assert_eq!(fill(&mut cluster, &tasks), [4, 4, 8]);
}

#[test]
fn a_parents_own_frameworks_are_as_one_more_child() {
    let mut cluster = Cluster::new();
    cluster.agent(12, 64);
    let eng = cluster.role();
    let [front, back] = [cluster.role_below(eng), weighted(&mut cluster, Some(eng), 4_000)];
    let tasks =
        [(1, eng), (2, front), (3, back)].map(|(id, role)| (cluster.framework(id, role), Request::exclusive(1, GIB)));
    assert_eq!(fill(&mut cluster, &tasks), [2, 2, 8]);
}

#[test]
fn a_framework_in_several_roles_is_served_in_each_for_itself() {
    let mut cluster = Cluster::new();
    cluster.agents(16, 1, 1);
    let [one, two] = [cluster.role(), cluster.role()];
    let both = cluster.framework(1, one);
    cluster.subscribe(1, two, Subscription::default());
    let other = cluster.framework(2, one);
    assert_eq!(cluster.cycle().len(), 16);
    let count = |of, role| cluster.out.values().filter(|(to, in_role, _)| (*to, *in_role) == (of, role)).count();
    assert_eq!((count(both, one), count(other, one), count(both, two)), (4, 4, 8));
}

#[test]
fn what_a_framework_left_behind_counts_for_its_role() {
    let mut cluster = Cluster::new();
    cluster.agents(8, 1, 8);
    let [one, two] = [cluster.role(), cluster.role()];
    let leaving = cluster.framework(1, one);
    cluster.cycle();
    for offer in cluster.offers_to(leaving).into_iter().take(4) {
        cluster.accept(offer, &[Request::exclusive(1, 0)], 0);
    }
    cluster.allocator.remove_framework(leaving).unwrap();
    let [next, other] = [cluster.framework(2, one), cluster.framework(3, two)];
    cluster.after(100);
    assert_eq!((cluster.agents_of(next).len(), cluster.agents_of(other).len()), (0, 4), "half is the role's already");
    cluster.check();
    for _ in 0..4 {
        cluster.end_last();
    }
    cluster.after(100);
    assert_eq!((cluster.agents_of(next).len(), cluster.agents_of(other).len()), (4, 4));
}

#[test]
fn agents_that_come_change_which_resource_is_dominant() {
    let mut cluster = Cluster::new();
    cluster.agent(16, 16);
    let roles = [cluster.role(), cluster.role()];
    let [cpu, memory] = [cluster.framework(1, roles[0]), cluster.framework(2, roles[1])];
    assert_eq!(cluster.cycle(), [(cpu, A0)]);
    let offer = cluster.offers_to(cpu)[0];
    cluster.accept(offer, &[Request::exclusive(4, GIB)], 0);
    assert_eq!(cluster.after(100), [(memory, A0)]);
    let offer = cluster.offers_to(memory)[0];
    cluster.accept(offer, &[Request::exclusive(1, 6 * GIB)], 0);
    assert_eq!(cluster.after(100), [(cpu, A0)], "4 of 16 CPUs are less than 6 of 16 GiB");
    cluster.decline_all(0);
    let large = cluster.agent(1, 64);
    cluster.allocator.suppress(cpu, roles[0]).unwrap();
    cluster.allocator.suppress(memory, roles[1]).unwrap();
    cluster.after(100);
    cluster.allocator.revive(cpu, roles[0]).unwrap();
    cluster.allocator.revive(memory, roles[1]).unwrap();
    assert_eq!(cluster.after(100)[0].0, memory, "4 of 17 CPUs are more than 6 of 80 GiB");
    cluster.decline_all(0);
    cluster.allocator.remove_agent(large).unwrap();
    assert_eq!(cluster.after(100), [(cpu, A0)], "as before");
}

#[test]
fn ports_count_in_no_share() {
    // In Mesos only scalars count too; `fair_sharing_excluded_resource_names` leaves out some of them.
    let mut cluster = Cluster::new();
    cluster.agent_with_extras();
    let roles = [cluster.role(), cluster.role()];
    let [one, two] = [cluster.framework(1, roles[0]), cluster.framework(2, roles[1])];
    cluster.cycle();
    let offer = cluster.offers_to(one)[0];
    cluster.accept(offer, &[Request::cores(1, 4096).with_range(PORTS, Pick::Any(60))], 0);
    assert_eq!(cluster.after(100), [(two, A0)]);
    let offer = cluster.offers_to(two)[0];
    cluster.accept(offer, &[Request::cores(1, 4096)], 0);
    assert_eq!(cluster.after(100), [(one, A0)], "both have as much, and the first is the older");
}

#[test]
fn who_declines_without_a_filter_takes_turns_with_others() {
    // By share and then by name, the first would be offered all again each time (trap G.6.12).
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let all = [1, 2, 3].map(|id| cluster.framework(id, role));
    let mut to = Vec::new();
    for _ in 0..9 {
        to.extend(cluster.after(100).into_iter().map(|(to, _)| to));
        cluster.decline_all(0);
    }
    assert_eq!(to, all.repeat(3));
}

#[test]
fn what_is_placed_counts_as_what_is_launched() {
    let mut cluster = Cluster::new();
    let [one, two] = [cluster.role(), cluster.role()];
    let [placing, offered] = [cluster.framework(1, one), cluster.framework(2, two)];
    let agent = cluster.agent(8, 8);
    let claimant = Claimant { owner: Owner::new(70), role: one, framework: Some(placing) };
    let placed = cluster.allocator.place(claimant, &Request::exclusive(2, GIB), Policy::Pack).unwrap();
    let Placed::Granted(grant) = placed else { panic!("{placed:?}") };
    assert_eq!(cluster.cycle(), [(offered, agent)], "who placed something is not the neediest");
    let mine = Claimant { owner: Owner::new(71), role: two, framework: None };
    cluster.decline_all(0);
    let claimed = cluster.allocator.claim(agent, mine, &Request::exclusive(3, GIB)).unwrap();
    assert!(claimed.granted().is_some());
    assert_eq!(cluster.after(100), [(placing, agent)], "what a role claims itself counts for its frameworks");
    cluster.decline_all(0);
    let resized = cluster.allocator.resize(grant.claim, claimant.owner, &Request::exclusive(4, GIB));
    assert!(resized.granted().is_some());
    assert_eq!(cluster.after(100), [(offered, agent)], "four is more than three");
}

#[test]
fn who_comes_while_others_hold_claims_gets_what_is_free() {
    let mut cluster = Cluster::new();
    cluster.agents(6, 1, 1);
    let role = cluster.role();
    let first = cluster.framework(1, role);
    cluster.cycle();
    for offer in cluster.offers_to(first).into_iter().take(3) {
        cluster.accept(offer, &[Request::exclusive(1, 0)], 0);
    }
    cluster.decline_all(0);
    let late = cluster.framework(2, role);
    assert_eq!(cluster.after(100).iter().filter(|(to, _)| *to == late).count(), 3);
    cluster.allocator.unsubscribe(late, role).unwrap();
    assert_eq!(cluster.after(100).iter().filter(|(to, _)| *to == first).count(), 3, "and the other when it is gone");
}

//! The share order's behaviour, scene by scene; [`property`] has it against exact arithmetic.

mod hierarchy;
mod model;
mod property;
mod shares;
mod timing;

use super::*;

const CPU: usize = 0;
const MEM: usize = 1;
const GPU: usize = 9;

fn cluster(cpu: u64, mem: u64) -> Order {
    let mut order = Order::new();
    order.set_total(CPU, cpu);
    order.set_total(MEM, mem);
    order
}

fn amounts(cpu: u64, mem: u64) -> Amounts {
    Amounts::new(cpu, mem)
}

fn gpus(number: u64) -> Amounts {
    let mut of = Amounts::ZERO;
    of.0[GPU] = number;
    of
}

fn weight(milli: u32) -> Weight {
    Weight::from_milli(milli).unwrap()
}

/// A role at the top.
fn role(order: &mut Order, milli: u32) -> BranchId {
    order.add_role(order.root(), weight(milli))
}

/// An open subscription.
fn open(order: &mut Order, role: BranchId) -> BranchId {
    let leaf = order.add_subscription(role);
    order.set_open(leaf, true);
    leaf
}

/// Gives one task after the other to the neediest, and tells to whom.
fn fill<const N: usize>(order: &mut Order, leaves: [BranchId; N], task: [Amounts; N], tasks: usize) -> Vec<usize> {
    let mut given = Vec::new();
    for _ in 0..tasks {
        let leaf = order.pick().unwrap();
        let at = leaves.iter().position(|known| *known == leaf).unwrap();
        order.award(leaf, &task[at]);
        given.push(at);
    }
    given
}

#[test]
fn cpu_and_memory_heavy_frameworks_share_as_in_the_paper() {
    let mut order = cluster(9, 18);
    let any = role(&mut order, 1000);
    let [a, b] = [open(&mut order, any), open(&mut order, any)];
    // A task of A takes 2/9 of memory, one of B 1/3 of CPU. Then the CPU is used up.
    assert_eq!(fill(&mut order, [a, b], [amounts(1, 4), amounts(3, 1)], 5), [0, 1, 0, 1, 0]);
    assert_eq!((order.used(a), order.used(b)), (amounts(3, 12), amounts(6, 2)));
    assert_eq!(order.used(any), amounts(9, 14));
    assert_eq!(order.share(a), order.share(b));
    assert_eq!(order.share(a), Share::ALL.portion(2, 3));
}

#[test]
fn who_shares_alike_takes_turns_and_the_older_goes_first() {
    let mut order = cluster(100, 100);
    let any = role(&mut order, 1000);
    let leaves = [open(&mut order, any), open(&mut order, any), open(&mut order, any)];
    // Offers that are declined leave no share behind.
    let mut offered = Vec::new();
    for _ in 0..6 {
        let leaf = order.pick().unwrap();
        order.award(leaf, &amounts(1, 1));
        order.refund(leaf, &amounts(1, 1));
        offered.push(leaf);
    }
    assert_eq!(offered[..3], leaves);
    assert_eq!(offered[3..], leaves);
    order.count(leaves[0]);
    assert_eq!(order.pick(), Some(leaves[1]));
}

#[test]
fn twice_the_weight_gets_twice_as_much_and_a_new_weight_holds_at_once() {
    let mut order = cluster(1 << 20, 1 << 20);
    let roles = [role(&mut order, 2000), role(&mut order, 1000)];
    let leaves = roles.map(|role| open(&mut order, role));
    let given = fill(&mut order, leaves, [amounts(1, 1); 2], 30);
    assert_eq!(given.iter().filter(|at| **at == 0).count(), 20);
    assert_eq!(order.share_by_weight(roles[0]), order.share_by_weight(roles[1]));
    assert_eq!(order.share(roles[0]), Share::ALL.portion(20, 1 << 20));
    order.set_weight(roles[0], weight(500));
    assert_eq!(order.pick(), Some(leaves[1]));
    // 20 units by a weight of 0.5 are as 80 by a weight of 2.
    let given = fill(&mut order, leaves, [amounts(1, 1); 2], 30);
    assert_eq!(given, [1; 30]);
    assert_eq!(order.pick(), Some(leaves[0]), "a tie that fewer allocations decide");
}

#[test]
fn a_small_share_by_a_great_weight_is_told_from_a_smaller_one() {
    let mut order = cluster(100_000 * 64_000, 1);
    let roles = [role(&mut order, 1_000_000), role(&mut order, 1_000_000)];
    let leaves = roles.map(|role| open(&mut order, role));
    order.charge(leaves[0], &amounts(64_001, 0));
    order.charge(leaves[1], &amounts(64_000, 0));
    assert_eq!(order.pick(), Some(leaves[1]));
    order.charge(leaves[1], &amounts(2, 0));
    assert_eq!(order.pick(), Some(leaves[0]));
}

#[test]
fn excluded_resources_do_not_count() {
    let mut order = cluster(100, 100);
    order.set_total(GPU, 2);
    let any = role(&mut order, 1000);
    let [a, b] = [open(&mut order, any), open(&mut order, any)];
    order.charge(a, &gpus(1));
    order.charge(b, &amounts(10, 0));
    assert_eq!(order.pick(), Some(b));
    order.exclude(GPU, true);
    assert_eq!(order.pick(), Some(a));
    assert_eq!(order.used(a), gpus(1), "what is used is still told");
    order.exclude(GPU, false);
    assert_eq!(order.pick(), Some(b));
}

#[test]
fn agents_that_come_and_go_change_who_is_neediest() {
    let mut order = cluster(10, 100);
    let any = role(&mut order, 1000);
    let [a, b] = [open(&mut order, any), open(&mut order, any)];
    order.charge(a, &amounts(5, 0));
    order.charge(b, &amounts(0, 20));
    assert_eq!(order.pick(), Some(b));
    order.set_total(CPU, 100);
    assert_eq!(order.pick(), Some(a));
    // Charged before all is keyed anew.
    order.set_total(MEM, 1000);
    order.charge(a, &amounts(5, 0));
    assert_eq!(order.compare(a, b), Ordering::Greater);
    assert_eq!(order.pick(), Some(b));
    // The last agents go: nothing counts any more.
    order.set_total(CPU, 0);
    order.set_total(MEM, 0);
    assert_eq!(order.pick(), Some(a), "the older");
    assert_eq!(order.share(a), Share::default());
}

#[test]
fn more_than_the_cluster_in_use_is_ordered_too() {
    let mut order = cluster(1, 1);
    let any = role(&mut order, 1000);
    let [a, b] = [open(&mut order, any), open(&mut order, any)];
    order.charge(a, &amounts(200_001, 0));
    order.charge(b, &amounts(0, 200_000));
    assert_eq!(order.pick(), Some(b));
    order.charge(b, &amounts(u64::MAX, u64::MAX));
    assert_eq!(order.share(b), Share::MOST);
    assert_eq!(order.pick(), Some(a));
    order.set_weight(any, weight(1));
    assert_eq!(order.pick(), Some(a), "who has too much still takes part");
}

#[test]
fn who_is_closed_or_skipped_is_not_picked() {
    let mut order = cluster(100, 100);
    let roles = [role(&mut order, 1000), role(&mut order, 1000)];
    let [a, b] = roles.map(|role| open(&mut order, role));
    order.skip(a);
    assert_eq!(order.pick(), Some(b));
    order.charge(a, &amounts(1, 0));
    order.skip(b);
    assert_eq!(order.pick(), None);
    order.set_open(a, false);
    order.set_open(a, true);
    assert_eq!(order.pick(), None, "the cycle is not over");
    order.end_skip();
    assert_eq!(order.pick(), Some(b));
    order.set_open(b, false);
    assert_eq!(order.pick(), Some(a));
    order.set_open(a, false);
    assert_eq!(order.pick(), None);
}

#[test]
fn a_number_that_is_used_again_is_another_branch() {
    let mut order = cluster(100, 100);
    let any = role(&mut order, 1000);
    let [a, b] = [open(&mut order, any), open(&mut order, any)];
    order.charge(a, &amounts(7, 0));
    order.skip(a);
    order.remove(a);
    assert_eq!(order.used(any), Amounts::ZERO, "what it used is refunded");
    let c = open(&mut order, any);
    assert_ne!(a, c);
    order.end_skip();
    order.count(b);
    assert_eq!(order.pick(), Some(c));
}

#[test]
#[should_panic(expected = "was removed")]
#[cfg(debug_assertions)]
fn a_stale_number_is_noticed() {
    let mut order = cluster(100, 100);
    let any = role(&mut order, 1000);
    let a = open(&mut order, any);
    order.remove(a);
    open(&mut order, any);
    order.charge(a, &amounts(1, 1));
}

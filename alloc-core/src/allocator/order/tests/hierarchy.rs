//! Roles below roles.

use super::*;

#[test]
fn child_roles_share_their_parents_share() {
    let mut order = cluster(1 << 20, 1 << 20);
    let (eng, ads) = (role(&mut order, 1000), role(&mut order, 1000));
    let below = [order.add_role(eng, Weight::ONE), order.add_role(eng, Weight::ONE)];
    let [one, two] = below.map(|role| open(&mut order, role));
    let alone = open(&mut order, ads);
    let given = fill(&mut order, [one, two, alone], [amounts(1, 1); 3], 40);
    let of = |who| given.iter().filter(|at| **at == who).count();
    assert_eq!([of(0), of(1), of(2)], [10, 10, 20]);
    assert_eq!(order.used(eng), amounts(20, 20));
}

#[test]
fn a_roles_own_subscriptions_are_as_one_more_child() {
    let mut order = cluster(1 << 20, 1 << 20);
    let eng = role(&mut order, 1000);
    // They are there before the role has child roles, and one comes after.
    let own = [open(&mut order, eng), open(&mut order, eng)];
    order.award(own[0], &amounts(1, 1));
    let below = order.add_role(eng, Weight::ONE);
    let child = open(&mut order, below);
    let late = open(&mut order, eng);
    let leaves = [own[0], own[1], late, child];
    let given = fill(&mut order, leaves, [amounts(1, 1); 4], 59);
    let of = |who| given.iter().filter(|at| **at == who).count();
    assert_eq!([of(0) + 1, of(1), of(2), of(3)], [10, 10, 10, 30]);
}

#[test]
fn the_papers_hierarchy_gives_each_department_what_the_other_leaves() {
    // One organisation needs CPU and memory alike; of the other's departments one needs CPU alone, one memory alone.
    let mut order = cluster(480, 480);
    let (first, second) = (role(&mut order, 1000), role(&mut order, 1000));
    let both = open(&mut order, first);
    let below = [order.add_role(second, Weight::ONE), order.add_role(second, Weight::ONE)];
    let [cpu, memory] = below.map(|role| open(&mut order, role));
    let (leaves, tasks) = ([both, cpu, memory], [amounts(1, 1), amounts(1, 0), amounts(0, 1)]);
    let mut free = amounts(480, 480);
    while let Some(leaf) = order.pick() {
        let task = tasks[leaves.iter().position(|known| *known == leaf).unwrap()];
        if free.covers(&task) {
            order.award(leaf, &task);
            free.sub(&task);
        } else {
            order.set_open(leaf, false);
        }
    }
    assert_eq!(leaves.map(|leaf| order.used(leaf)), [amounts(240, 240), amounts(240, 0), amounts(0, 240)]);
    assert_eq!(order.share(first), order.share(second));
}

#[test]
fn weights_multiply_down_the_tree() {
    let mut order = cluster(1 << 20, 1 << 20);
    let (eng, ads) = (role(&mut order, 3000), role(&mut order, 2000));
    let below = [order.add_role(eng, weight(4000)), order.add_role(eng, weight(1000))];
    let leaves = [open(&mut order, below[0]), open(&mut order, below[1]), open(&mut order, eng), open(&mut order, ads)];
    let given = fill(&mut order, leaves, [amounts(1, 1); 4], 100);
    let of = |who| given.iter().filter(|at| **at == who).count();
    assert_eq!([of(0), of(1), of(2), of(3)], [40, 10, 10, 40]);
}

#[test]
fn what_a_role_uses_itself_counts_for_its_own_subscriptions() {
    let mut order = cluster(100, 100);
    let eng = role(&mut order, 1000);
    let own = open(&mut order, eng);
    order.charge_role(eng, &amounts(10, 0));
    let below = order.add_role(eng, Weight::ONE);
    let child = open(&mut order, below);
    assert_eq!(order.pick(), Some(child));
    order.charge(child, &amounts(11, 0));
    assert_eq!(order.pick(), Some(own));
    order.charge_role(eng, &amounts(2, 0));
    assert_eq!(order.pick(), Some(child));
    order.refund_role(eng, &amounts(12, 0));
    assert_eq!(order.pick(), Some(own));
    assert_eq!(order.used(eng), amounts(11, 0));
}

#[test]
fn a_role_is_entitled_by_weight_among_those_that_want_or_use() {
    let mut order = cluster(100, 100);
    let (eng, ads, idle) = (role(&mut order, 3000), role(&mut order, 1000), role(&mut order, 4000));
    let own = open(&mut order, eng);
    let below = order.add_role(eng, Weight::ONE);
    let child = open(&mut order, below);
    let alone = open(&mut order, ads);
    let part = |part, whole| Share::ALL.portion(part, whole);
    assert_eq!(order.entitlement(order.root()), Share::ALL);
    assert_eq!(order.entitlement(eng), part(3, 4));
    assert_eq!(order.entitlement(own), part(3, 8));
    assert_eq!(order.entitlement(child), part(3, 8));
    assert_eq!(order.entitlement(idle), part(1, 2), "if it came in");
    // Who wants nothing but has something stays; who has nothing goes.
    order.charge(alone, &amounts(1, 0));
    order.set_open(alone, false);
    assert_eq!(order.entitlement(eng), part(3, 4));
    order.refund(alone, &amounts(1, 0));
    assert_eq!(order.entitlement(eng), Share::ALL);
    order.set_open(child, false);
    assert_eq!(order.entitlement(own), Share::ALL);
    // A claim by place makes a role active, skipping does not make it idle.
    order.charge_role(idle, &amounts(0, 1));
    order.skip(own);
    assert_eq!(order.entitlement(eng), part(3, 7));
    order.set_weight(idle, weight(1000));
    assert_eq!(order.entitlement(eng), part(3, 4));
}

#[test]
fn a_role_that_lost_all_child_roles_goes_on_and_goes() {
    let mut order = cluster(100, 100);
    let eng = role(&mut order, 1000);
    let own = open(&mut order, eng);
    for _ in 0..300 {
        let below = order.add_role(eng, Weight::ONE);
        let child = open(&mut order, below);
        order.charge(own, &amounts(1, 0));
        assert_eq!(order.pick(), Some(child));
        order.remove(child);
        order.remove(below);
        assert_eq!(order.pick(), Some(own));
        order.refund(own, &amounts(1, 0));
    }
    order.remove(own);
    order.charge_role(eng, &amounts(1, 0));
    order.remove(eng);
    assert_eq!(order.pick(), None);
    assert!(order.used(order.root()).is_zero());
    assert_eq!(order.branches.len(), 6, "numbers are used again");
}

//! Shared pools and the pods that move with them.

use super::*;
use crate::reactor::pool::POOL_RETRY_MS;

fn set(scene: &mut Scene, pool: u32, epoch: u64) {
    scene.event(Event::PoolSet { pool, epoch, result: Ok(()) });
}

/// Pool 0 has PUs 2 and 3, and pod 1 runs on it.
fn sharing() -> Scene {
    let mut scene = Scene::registered();
    scene.order(pool(0, &[2, 3], 5));
    set(&mut scene, 0, 5);
    scene.order(Message::Launch(shared(1, &[0])));
    scene.started(1, pinned("2-3", "0"));
    scene.expect(&[
        "set pool 0 epoch 5:",
        "confirm pool 0 epoch 5",
        "keep launch p1",
        "tell p1 starting",
        "launch p1 on 2-3 / 0",
        "tell p1 running",
    ]);
    scene
}

#[test]
fn a_change_of_the_pool_moves_its_pods_and_is_confirmed_when_done() {
    let mut scene = sharing();
    scene.order(pool(0, &[0, 1, 2, 3], 6));
    scene.expect(&["set pool 0 epoch 6: p1 to 0-3 / 0"]);
    set(&mut scene, 0, 6);
    scene.expect(&["confirm pool 0 epoch 6"]);
}

#[test]
fn orders_count_in_the_order_of_their_epochs() {
    let mut scene = sharing();
    scene.order(pool(0, &[0, 1, 2, 3], 8));
    scene.order(pool(0, &[2, 3], 7));
    scene.order(pool(0, &[0, 1, 2, 3], 8));
    scene.expect(&["set pool 0 epoch 8: p1 to 0-3 / 0"]);
    set(&mut scene, 0, 8);
    scene.order(pool(0, &[0, 1, 2, 3], 8));
    scene.order(pool(0, &[2, 3], 5));
    scene.expect(&["confirm pool 0 epoch 8", "confirm pool 0 epoch 8"]);
}

#[test]
fn a_change_overtaken_by_another_is_not_confirmed() {
    let mut scene = sharing();
    scene.order(pool(0, &[0, 1, 2, 3], 6));
    scene.order(pool(0, &[3], 7));
    set(&mut scene, 0, 6);
    scene.expect(&["set pool 0 epoch 6: p1 to 0-3 / 0", "set pool 0 epoch 7: p1 to 3 / 0"]);
    set(&mut scene, 0, 7);
    scene.expect(&["confirm pool 0 epoch 7"]);
}

#[test]
fn a_change_that_the_kernel_refuses_is_tried_again_and_not_confirmed() {
    let mut scene = sharing();
    scene.order(pool(0, &[3], 6));
    scene.event(Event::PoolSet { pool: 0, epoch: 6, result: Err("busy".to_owned()) });
    scene.expect(&["set pool 0 epoch 6: p1 to 3 / 0"]);
    scene.after(POOL_RETRY_MS);
    scene.expect(&["set pool 0 epoch 6: p1 to 3 / 0"]);
    set(&mut scene, 0, 6);
    scene.expect(&["confirm pool 0 epoch 6"]);
}

#[test]
fn a_pod_on_two_pools_has_the_pus_of_both() {
    let mut scene = sharing();
    scene.order(pool(1, &[6], 1));
    set(&mut scene, 1, 1);
    scene.order(Message::Launch(shared(2, &[0, 1])));
    scene.skip();
    scene.order(pool(1, &[4, 5, 6, 7], 2));
    scene.expect(&["set pool 1 epoch 2: p2 to 2-7 / 0-1"]);
    set(&mut scene, 1, 2);
    scene.order(pool(1, &[], 3));
    scene.expect(&["confirm pool 1 epoch 2", "set pool 1 epoch 3: p2 to 2-3 / 0"]);
}

#[test]
fn a_pool_is_not_emptied_under_its_pods() {
    let mut scene = sharing();
    scene.order(pool(0, &[], 6));
    scene.expect(&["refuse Invalid pus"]);
    scene.exited(1, Exit::Code(0));
    scene.skip();
    scene.order(pool(0, &[], 7));
    scene.expect(&["set pool 0 epoch 7:"]);
}

#[test]
fn a_pool_takes_only_free_pus_of_its_own_numa_node() {
    let mut scene = Scene::running(1);
    for pus in [&[4][..], &[99], &[0]] {
        scene.order(pool(0, pus, 1));
    }
    scene.order(pool(77, &[4], 1));
    scene.expect(&["refuse Invalid pus"; 4]);
}

#[test]
fn a_shared_pod_needs_a_pool_with_pus() {
    let mut scene = Scene::registered();
    scene.order(Message::Launch(shared(1, &[0])));
    scene.order(Message::Launch(shared(1, &[])));
    let mut both = shared(1, &[0]);
    both.placement.exclusive_pus = vec![4];
    scene.order(Message::Launch(both));
    scene.expect(&[
        "refuse Invalid placement.pools[0].pool",
        "refuse Invalid placement.pools",
        "refuse Invalid placement.exclusive_pus",
    ]);
}

#[test]
fn a_pod_that_starts_while_its_pool_changes_may_be_found_on_either_side() {
    for found in ["2-3", "0-3", "1-3"] {
        let mut scene = sharing();
        scene.order(Message::Launch(shared(2, &[0])));
        scene.order(pool(0, &[0, 1, 2, 3], 6));
        scene.order(pool(0, &[1, 2, 3], 7));
        scene.skip();
        scene.started(2, pinned(found, "0"));
        scene.expect(&["tell p2 running"]);
    }
    let mut scene = sharing();
    scene.order(Message::Launch(shared(2, &[0])));
    scene.order(pool(0, &[0, 1, 2, 3], 6));
    set(&mut scene, 0, 6);
    scene.skip();
    scene.started(2, pinned("2-3", "0"));
    scene.expect(&["force p2"]);
}

#[test]
fn pools_are_told_at_registration_as_they_stand() {
    let mut scene = sharing();
    scene.order(pool(0, &[3], 6));
    scene.disconnect();
    set(&mut scene, 0, 6);
    scene.order(pool(1, &[4], 1));
    scene.skip();
    scene.after(crate::reactor::register::BACKOFF_MIN_MS);
    scene.event(Event::Opened);
    scene.expect(&["connect", "register pods [p1 running] pools [0 at 6]"]);
}

/// Without the PUs of an order under way, a new leader would have no room for the pod that came with it, and end it.
#[test]
fn a_pool_that_changes_is_told_at_registration_with_the_pus_of_both_sides() {
    let mut scene = sharing();
    scene.order(pool(0, &[0, 1, 2], 6));
    scene.disconnect();
    scene.skip();
    let told = scene.state.pools[&0].as_it_may_be();
    assert_eq!((told.pus.as_slice(), told.epoch), (&[0, 1, 2, 3][..], 6));
    scene.after(crate::reactor::register::BACKOFF_MIN_MS);
    scene.event(Event::Opened);
    scene.expect(&["connect", "register pods [p1 running] pools [0 at 6]"]);
}

//! The agent's own end.

use super::*;
use crate::reactor::end::SETTLE_MS;

#[test]
fn an_idle_agent_ends_at_once() {
    let mut scene = Scene::registered();
    scene.event(Event::Stop);
    scene.expect(&["hang up", "finished"]);
}

#[test]
fn pods_end_first_and_their_last_statuses_are_acknowledged() {
    let mut scene = Scene::running(1);
    scene.event(Event::Stop);
    scene.event(Event::Stop);
    scene.expect(&["signal p1 15", "tell p1 killing"]);
    scene.order(Message::Launch(exclusive(2, &[2])));
    scene.expect(&["refuse Busy "]);
    scene.exited(1, Exit::Signal(15));
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 killed", "tell p1 killed KillRequested"]);
    scene.acknowledge(1);
    scene.expect(&["forget p1", "hang up", "finished"]);
}

#[test]
fn a_master_that_does_not_answer_holds_nobody_up() {
    let mut scene = Scene::running(1);
    scene.event(Event::Stop);
    scene.exited(1, Exit::Signal(15));
    scene.removed(1);
    scene.skip();
    scene.after(SETTLE_MS);
    scene.expect(&["hang up", "finished"]);
    scene.disconnect();
    scene.after(60_000);
    scene.expect(&[]);
}

#[test]
fn without_a_connection_the_agent_ends_with_its_last_pod() {
    let mut scene = Scene::running(1);
    scene.disconnect();
    scene.event(Event::Stop);
    scene.expect(&["signal p1 15"]);
    scene.exited(1, Exit::Signal(15));
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 killed", "finished"]);
}

//! Connecting, registering, and who is obeyed.

use super::*;
use crate::reactor::register::{BACKOFF_MAX_MS, BACKOFF_MIN_MS};
use meros_wire::message::{Refusal, RefusalCode};

fn refused() -> Message {
    Message::Refusal(Refusal { code: RefusalCode::NotAllowed, ..Refusal::default() })
}

#[test]
fn a_lost_connection_is_asked_for_again_after_a_doubling_wait() {
    let mut scene = Scene::new(Recovered::default());
    for attempt in 0..10_u32 {
        scene.disconnect();
        let full_ms = (BACKOFF_MIN_MS << attempt).min(BACKOFF_MAX_MS);
        let wait_ms = scene.state.next_deadline_ms().unwrap() - scene.now.mono_ms;
        assert!((full_ms / 2..=full_ms).contains(&wait_ms), "attempt {attempt}: {wait_ms} ms");
        scene.after(wait_ms);
    }
    scene.expect(&["connect"; 11]);
}

#[test]
fn admission_starts_the_waits_anew_and_an_opened_connection_does_not() {
    let mut scene = Scene::new(Recovered::default());
    for _ in 0..6 {
        scene.event(Event::Opened);
        scene.order(refused());
        scene.disconnect();
        scene.after(BACKOFF_MAX_MS);
    }
    scene.event(Event::Opened);
    scene.disconnect();
    assert!(scene.state.next_deadline_ms().unwrap() - scene.now.mono_ms >= BACKOFF_MAX_MS / 2);
    scene.after(BACKOFF_MAX_MS);
    scene.event(Event::Opened);
    scene.admit();
    scene.disconnect();
    assert!(scene.state.next_deadline_ms().unwrap() - scene.now.mono_ms <= BACKOFF_MIN_MS);
    scene.skip();
}

#[test]
fn an_agent_that_is_not_admitted_hangs_up_and_does_nothing_else() {
    let mut scene = Scene::new(Recovered::default());
    scene.event(Event::Opened);
    scene.order(Message::Launch(exclusive(1, &[0])));
    scene.order(refused());
    scene.expect(&["connect", "register pods [] pools []", "refuse OutOfTurn ", "hang up"]);
}

#[test]
fn a_message_of_another_conversation_is_out_of_turn() {
    let mut scene = Scene::registered();
    scene.order(Message::Suppress);
    scene.admit();
    scene.expect(&["refuse OutOfTurn ", "refuse OutOfTurn "]);
}

#[test]
fn a_higher_term_is_saved_before_its_order_is_carried_out() {
    let mut scene = Scene::registered();
    scene.order_as(|envelope| envelope.term = TERM + 1, pool(0, &[2, 3], 1));
    scene.expect(&["save term 4", "set pool 0 epoch 1:"]);
}

#[test]
fn an_order_of_an_older_term_is_refused() {
    let mut scene = Scene::registered();
    let older = |envelope: &mut Envelope| envelope.term = TERM - 1;
    scene.order_as(older, Message::Launch(exclusive(1, &[0])));
    scene.order_as(older, pool(0, &[2, 3], 1));
    scene.order_as(older, Message::KillPod(KillPod::default()));
    scene.expect(&["refuse StaleTerm term"; 3]);
}

#[test]
fn a_leader_of_an_older_term_is_not_followed() {
    let mut scene = Scene::new(Recovered { highest_term: TERM + 1, ..Recovered::default() });
    scene.event(Event::Opened);
    scene.admit();
    scene.disconnect();
    scene.expect(&["connect", "register pods [] pools []", "refuse StaleTerm term", "hang up"]);
}

#[test]
fn what_this_build_does_not_understand_is_refused() {
    let mut scene = Scene::registered();
    scene.order_as(|envelope| envelope.must_understand = 1 << 60, Message::Launch(exclusive(1, &[0])));
    scene.event(Event::Unreadable {
        envelope: Box::new(Envelope { idempotency_key: Uuid([1; 16]), ..Envelope::default() }),
        refusal: Refusal { code: RefusalCode::NotUnderstood, field: "spec".to_owned(), ..Refusal::default() },
    });
    scene.expect(&["refuse NotUnderstood must_understand", "refuse NotUnderstood spec"]);
}

#[test]
fn pods_the_master_does_not_want_are_ended() {
    let mut scene = Scene::running(1);
    scene.disconnect();
    scene.after(BACKOFF_MIN_MS);
    scene.event(Event::Opened);
    let unwanted = vec![pod(1), pod(2)];
    scene.order(Message::Registered(Registered { agent: AgentId(7), unwanted, ..Registered::default() }));
    scene.expect(&[
        "connect",
        "register pods [p1 running] pools []",
        "tell p1 starting",
        "tell p1 running",
        "signal p1 15",
        "tell p1 killing",
    ]);
}

//! Scenarios of a framework's session against a master that the test plays.

use meros_wire::message::{Envelope, Rescind, Subscribed, TaskState, Update};

use super::*;

/// A session with what it did and was told since the last check; dropped with something unchecked, it panics.
struct Scenario {
    session: Session,
    effects: Effects,
    now: Now,
}

impl Scenario {
    fn new(acknowledge: Acknowledge) -> Self {
        let subscribe =
            Subscribe { name: "batch".to_owned(), roles: vec!["science".to_owned()], ..Subscribe::default() };
        let session = Session::new(Uuid([7; 16]), Options { subscribe, acknowledge }, 42);
        Self { session, effects: Vec::new(), now: Now::default() }
    }

    fn subscribed(acknowledge: Acknowledge) -> Self {
        let mut scenario = Self::new(acknowledge);
        scenario.session.start(&mut scenario.effects);
        scenario.event(Event::Opened);
        scenario.hear(subscribed());
        scenario.effects.clear();
        scenario
    }

    fn event(&mut self, event: Event) {
        self.session.handle(event, self.now, &mut self.effects);
    }

    fn hear(&mut self, message: Message) {
        let envelope = Box::new(Envelope { term: 3, ..Envelope::default() });
        self.event(Event::Message { envelope, message: Box::new(message) });
    }

    fn offer(&mut self, offer: u64) -> OfferId {
        let offer = OfferId(offer);
        self.hear(Message::Offers(vec![Offer { offer, ..Offer::default() }]));
        self.notices();
        offer
    }

    fn accept(&mut self, offer: OfferId) -> PodId {
        let pod = self.session.new_pod_id();
        let spec = PodSpec { pod, ..PodSpec::default() };
        self.session.accept(&[offer], vec![spec], 0, &mut self.effects).expect("held");
        pod
    }

    fn lose_connection(&mut self) {
        self.event(Event::Closed { reason: "the wire was cut".to_owned() });
    }

    fn wait_and_open(&mut self) {
        self.now.mono_ms = self.session.next_deadline_ms().expect("waits to connect");
        self.event(Event::Tick);
        assert!(matches!(self.effects.pop(), Some(Effect::Connect)));
        self.event(Event::Opened);
    }

    /// Takes the messages sent since the last check.
    fn sent(&mut self) -> Vec<Message> {
        let is_send = |effect: &Effect<Notice>| matches!(effect, Effect::Send { .. });
        let (sends, rest) = self.effects.drain(..).partition(is_send);
        self.effects = rest;
        let sends: Vec<Effect<Notice>> = sends;
        sends
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Send { message, .. } => Some(*message),
                _ => None,
            })
            .collect()
    }

    /// Takes the notices since the last check.
    fn notices(&mut self) -> Vec<Notice> {
        let is_notice = |effect: &Effect<Notice>| matches!(effect, Effect::Notify(_));
        let (notices, rest) = self.effects.drain(..).partition(is_notice);
        self.effects = rest;
        let notices: Vec<Effect<Notice>> = notices;
        notices
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Notify(notice) => Some(notice),
                _ => None,
            })
            .collect()
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.effects, [], "the scenario did not look at these");
        }
    }
}

fn subscribed() -> Message {
    Message::Subscribed(Subscribed { framework: FrameworkId(2), heartbeat_ms: 5_000 })
}

fn status(pod: PodId, update: u8, state: TaskState) -> Message {
    let status = StatusUpdate { pod, update: Uuid([update; 16]), state, ..StatusUpdate::default() };
    Message::Update(Update { status })
}

fn acknowledgement(pod: PodId, update: u8) -> Message {
    Message::AcknowledgeStatus(AcknowledgeStatus { pod, update: Uuid([update; 16]) })
}

#[test]
fn subscribes_first_and_again_with_its_number() {
    let mut scenario = Scenario::new(Acknowledge::Automatic);
    scenario.session.start(&mut scenario.effects);
    assert!(matches!(scenario.effects.pop(), Some(Effect::Connect)));
    scenario.event(Event::Opened);
    assert!(matches!(&scenario.sent()[..], [Message::Subscribe(Subscribe { framework: None, .. })]));
    scenario.hear(subscribed());
    assert_eq!(scenario.notices(), [Notice::Subscribed { framework: FrameworkId(2), again: false }]);

    scenario.lose_connection();
    assert!(matches!(&scenario.notices()[..], [Notice::Disconnected { .. }]));
    scenario.wait_and_open();
    assert!(matches!(&scenario.sent()[..], [Message::Subscribe(Subscribe { framework: Some(FrameworkId(2)), .. })]));
    scenario.hear(subscribed());
    assert_eq!(scenario.notices(), [Notice::Subscribed { framework: FrameworkId(2), again: true }]);
}

#[test]
fn a_status_is_told_once_and_acknowledged_each_time() {
    let mut scenario = Scenario::subscribed(Acknowledge::Automatic);
    let pod = scenario.session.new_pod_id();
    scenario.hear(status(pod, 1, TaskState::Running));
    scenario.hear(status(pod, 1, TaskState::Running));
    assert_eq!(scenario.notices().len(), 1);
    assert_eq!(scenario.sent(), [acknowledgement(pod, 1), acknowledgement(pod, 1)]);
}

#[test]
fn by_hand_a_status_comes_until_it_is_acknowledged() {
    let mut scenario = Scenario::subscribed(Acknowledge::ByHand);
    let pod = scenario.session.new_pod_id();
    scenario.hear(status(pod, 1, TaskState::Running));
    scenario.hear(status(pod, 1, TaskState::Running));
    assert_eq!(scenario.notices().len(), 2);
    assert_eq!(scenario.sent(), []);
    scenario.session.acknowledge(pod, Uuid([1; 16]), &mut scenario.effects).expect("subscribed");
    assert_eq!(scenario.sent(), [acknowledgement(pod, 1)]);
}

#[test]
fn an_answer_to_reconciliation_wants_no_acknowledgement() {
    let mut scenario = Scenario::subscribed(Acknowledge::Automatic);
    let pod = scenario.session.new_pod_id();
    scenario.hear(status(pod, 0, TaskState::Running));
    assert_eq!(scenario.notices().len(), 1);
    assert_eq!(scenario.sent(), []);
}

#[test]
fn after_a_reconnect_only_pods_not_seen_to_end_are_asked_for() {
    let mut scenario = Scenario::subscribed(Acknowledge::Automatic);
    let (first, second) = (scenario.offer(1), scenario.offer(2));
    let (ended, live) = (scenario.accept(first), scenario.accept(second));
    scenario.hear(status(ended, 1, TaskState::Finished));
    scenario.hear(status(live, 2, TaskState::Running));
    scenario.lose_connection();
    scenario.effects.clear();

    scenario.wait_and_open();
    scenario.hear(subscribed());
    assert!(
        matches!(&scenario.sent()[..], [Message::Subscribe(_), Message::Reconcile(Reconcile { pods })] if *pods == [live])
    );
    assert_eq!(scenario.notices().len(), 1);
}

#[test]
fn an_offer_is_answered_once_and_only_while_it_holds() {
    let mut scenario = Scenario::subscribed(Acknowledge::Automatic);
    let (taken, rescinded, lost) = (scenario.offer(1), scenario.offer(2), scenario.offer(3));
    scenario.accept(taken);
    assert_eq!(scenario.sent().len(), 1);
    let mut none = Vec::new();
    assert_eq!(scenario.session.decline(&[taken], 0, &mut none), Err(CallError::OfferGone(taken)));

    scenario.hear(Message::Rescind(Rescind { offers: vec![rescinded] }));
    assert_eq!(scenario.notices(), [Notice::Rescinded(vec![rescinded])]);
    assert_eq!(scenario.session.decline(&[lost, rescinded], 0, &mut none), Err(CallError::OfferGone(rescinded)));

    scenario.lose_connection();
    assert_eq!(scenario.session.decline(&[lost], 0, &mut none), Err(CallError::NotSubscribed));
    assert_eq!(none, []);
    assert_eq!(scenario.notices().len(), 1);
}

#[test]
fn suppressed_while_disconnected_is_told_by_the_next_subscribe() {
    let mut scenario = Scenario::subscribed(Acknowledge::Automatic);
    scenario.lose_connection();
    scenario.session.suppress(&mut scenario.effects);
    scenario.notices();
    scenario.wait_and_open();
    assert!(matches!(&scenario.sent()[..], [Message::Subscribe(Subscribe { suppressed: true, .. })]));
}

#[test]
fn a_closed_session_does_not_come_back() {
    let mut scenario = Scenario::subscribed(Acknowledge::Automatic);
    scenario.session.close("done", &mut scenario.effects);
    assert!(matches!(scenario.effects.pop(), Some(Effect::Close { .. })));
    scenario.lose_connection();
    assert_eq!(scenario.session.next_deadline_ms(), None);
    let mut none = Vec::new();
    assert_eq!(scenario.session.place(Vec::new(), &mut none), Err(CallError::NotSubscribed));
}

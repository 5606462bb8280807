//! Scenarios of an operator's session against a master that the test plays.

use super::*;

/// A session whose effects are taken by kind; dropped with something unchecked, it panics.
struct Scenario {
    session: Session,
    effects: Effects,
    now: Now,
}

impl Scenario {
    fn new() -> Self {
        Self { session: Session::new(Uuid([7; 16]), 42), effects: Vec::new(), now: Now::default() }
    }

    fn connected() -> Self {
        let mut scenario = Self::new();
        scenario.session.start(&mut scenario.effects);
        scenario.event(Event::Opened);
        scenario.effects.clear();
        scenario
    }

    fn event(&mut self, event: Event) {
        self.session.handle(event, self.now, &mut self.effects);
    }

    fn reconnect(&mut self) {
        self.event(Event::Closed { reason: "the wire was cut".to_owned() });
        self.now.mono_ms = self.session.next_deadline_ms().expect("waits to connect");
        self.event(Event::Tick);
        self.effects.clear();
        self.event(Event::Opened);
        assert_eq!(self.effects.remove(0), Effect::Notify(Notice::Connected { again: true }));
    }

    fn list(&mut self, request: u64) {
        let message = Box::new(Message::Listing(Listing { request, ..Listing::default() }));
        self.event(Event::Message { envelope: Box::default(), message });
    }

    fn taken(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.effects, [], "the scenario did not look at these");
        }
    }
}

fn sent(effects: &Effects) -> Vec<(Uuid, &'static str)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { envelope, message } => Some((envelope.idempotency_key, message.name())),
            _ => None,
        })
        .collect()
}

#[test]
fn wishes_made_before_the_connection_are_sent_when_it_opens() {
    let mut scenario = Scenario::new();
    scenario.session.start(&mut scenario.effects);
    scenario.session.place(vec![PodSpec::default()], &mut scenario.effects);
    scenario.session.query(None, false, &mut scenario.effects);
    assert_eq!(scenario.taken(), [Effect::Connect]);
    scenario.event(Event::Opened);
    let names: Vec<_> = sent(&scenario.taken()).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["Place", "Query"]);
}

#[test]
fn an_order_is_sent_again_under_its_key_until_it_was_taken() {
    let mut scenario = Scenario::connected();
    scenario.session.place(vec![PodSpec::default()], &mut scenario.effects);
    scenario.session.kill(PodId::default(), None, &mut scenario.effects);
    let first = sent(&scenario.taken());
    scenario.event(Event::Acknowledged { sequence: 1 });
    scenario.reconnect();
    assert_eq!(sent(&scenario.taken()), [first[1]], "the place was taken, the kill was not");
    scenario.event(Event::Acknowledged { sequence: 1 });
    scenario.reconnect();
}

#[test]
fn a_query_is_asked_until_answered_and_a_watch_on_every_connection() {
    let mut scenario = Scenario::connected();
    let once = scenario.session.query(None, false, &mut scenario.effects);
    let watch = scenario.session.query(None, true, &mut scenario.effects);
    assert_eq!(sent(&scenario.taken()).len(), 2);
    scenario.list(once);
    scenario.list(watch);
    assert_eq!(scenario.taken().len(), 2);
    scenario.reconnect();
    assert!(matches!(&scenario.taken()[..], [Effect::Send { message, .. }]
        if matches!(**message, Message::Query(Query { request, watch: true, .. }) if request == watch)));
}

#[test]
fn a_log_goes_on_where_its_connection_left_it() {
    let mut scenario = Scenario::connected();
    let request = LogsRequest { offset_bytes: 10, follow: true, ..LogsRequest::default() };
    let stream = scenario.session.logs(request, &mut scenario.effects);
    scenario.taken();
    scenario.event(Event::StreamData { stream, bytes: b"hello".to_vec() });
    assert_eq!(
        scenario.taken(),
        [Effect::Notify(Notice::Log { stream, bytes: b"hello".to_vec() }), Effect::StreamConsumed { stream, count: 5 }]
    );
    scenario.reconnect();
    assert!(matches!(&scenario.taken()[..],
        [Effect::StreamOpen { purpose: StreamPurpose::Logs(request), .. }] if request.offset_bytes == 15));
    scenario.event(Event::StreamEnded { stream });
    assert_eq!(scenario.taken(), [Effect::StreamEnd { stream }, Effect::Notify(Notice::LogEnded { stream })]);
    scenario.reconnect();
}

#[test]
fn a_log_that_fails_says_where_to_go_on() {
    let mut scenario = Scenario::connected();
    let stream = scenario.session.logs(LogsRequest::default(), &mut scenario.effects);
    scenario.event(Event::StreamData { stream, bytes: b"hello".to_vec() });
    scenario.taken();
    let reason = "its agent is gone".to_owned();
    scenario.event(Event::StreamReset { stream, reason: reason.clone() });
    assert_eq!(scenario.taken(), [Effect::Notify(Notice::LogFailed { stream, offset_bytes: 5, reason })]);
}

#[test]
fn a_log_nobody_wants_any_more_is_reset_once() {
    let mut scenario = Scenario::connected();
    let stream = scenario.session.logs(LogsRequest::default(), &mut scenario.effects);
    scenario.taken();
    scenario.session.stop_logs(stream, &mut scenario.effects);
    scenario.session.stop_logs(stream, &mut scenario.effects);
    assert!(matches!(&scenario.taken()[..], [Effect::StreamReset { .. }]));
    scenario.event(Event::StreamData { stream, bytes: vec![0; 3] });
}

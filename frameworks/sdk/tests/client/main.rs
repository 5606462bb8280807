//! Clients over real sockets and real TLS, against a master that the test plays.

#![expect(clippy::tests_outside_test_module, reason = "an integration test is a test module as a whole")]

mod master;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use master::{FakeMaster, Then};
use meros_sdk::framework::{self, Options};
use meros_sdk::message::{
    Accept, FrameworkId, Listing, LogsRequest, Message, Offer, OfferId, PodSpec, Query, Refusal, Subscribe, Subscribed,
};
use meros_sdk::operator::Notice;
use meros_sdk::{ClientError, FrameworkClient, Next, OperatorClient, Peer, Target};
use meros_wire::{Event, Link};

/// Far beyond what anything here takes: a test that waits so long fails.
const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn answer(link: &mut dyn Link, message: &Message) {
    link.send(&meros_sdk::message::Envelope::default(), message).expect("open");
}

fn listing(link: &mut dyn Link, query: Query) {
    answer(link, &Message::Listing(Listing { request: query.request, ..Listing::default() }));
}

/// Answers queries, refuses places.
fn operators_master(link: &mut dyn Link, event: Event) -> Then {
    match event {
        Event::Message { message: Message::Query(query), .. } => listing(link, query),
        Event::Message { message: Message::Place(_), .. } => {
            let (field, message) = ("pods[0].role".to_owned(), "is empty".to_owned());
            answer(link, &Message::Refusal(Refusal { field, message, ..Refusal::default() }));
        }
        _ => {}
    }
    Then::GoOn
}

fn next<R: meros_sdk::event::Reactor>(client: &mut meros_sdk::Client<R>) -> R::Notice {
    match client.next(LONG).expect("a client that goes on") {
        Next::Notice(notice) => notice,
        Next::Woken | Next::TimedOut => panic!("nothing came"),
    }
}

#[test]
fn an_operator_asks_and_is_answered_over_both_kinds_of_socket() {
    for over_tcp in [false, true] {
        let master = FakeMaster::start(operators_master);
        let mut client = OperatorClient::connect(&master.target(Peer::Operator, over_tcp)).expect("a master is there");
        assert_eq!(client.listing(None).expect("an answer").request, 1);
        assert_eq!(client.listing(None).expect("an answer").request, 2);
        client.close("done").expect("closed");
    }
}

#[test]
fn a_refused_place_is_told_before_the_listing_that_follows_it() {
    let master = FakeMaster::start(operators_master);
    let mut client = OperatorClient::connect(&master.target(Peer::Operator, false)).expect("a master is there");
    client.place(vec![PodSpec::default()]).expect("sent");
    let error = client.listing(None).expect_err("refused").to_string();
    assert_eq!(error, "refused: pods[0].role: is empty");
}

#[test]
fn a_log_larger_than_the_window_comes_whole_and_in_order() {
    const CHUNK: usize = 100_000;
    const CHUNKS: usize = 20;
    let (mut stream, mut written) = (None, 0);
    let master = FakeMaster::start(move |link, event| {
        if let Event::StreamOpened { stream: opened, .. } = event {
            stream = Some(opened);
        }
        let Some(stream) = stream else { return Then::GoOn };
        while written < CHUNK * CHUNKS {
            let number = u8::try_from(written / CHUNK).expect("few chunks");
            let chunk = vec![number; CHUNK - written % CHUNK];
            match link.write_stream(stream, &chunk).unwrap_or(0) {
                0 => return Then::GoOn,
                count => written += count,
            }
        }
        let _ = link.end_stream(stream);
        Then::GoOn
    });
    let mut client = OperatorClient::connect(&master.target(Peer::Operator, false)).expect("a master is there");
    client.logs(LogsRequest::default()).expect("asked");
    let mut log = Vec::new();
    loop {
        match next(&mut client) {
            Notice::Log { bytes, .. } => log.extend(bytes),
            Notice::LogEnded { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(log.len(), CHUNK * CHUNKS);
    assert!(log.is_sorted(), "bytes came out of order");
}

#[test]
fn a_lost_connection_is_told_and_made_again() {
    let mut connections = 0;
    let master = FakeMaster::start(move |link, event| match event {
        Event::Opened { .. } => {
            connections += 1;
            Then::GoOn
        }
        Event::Message { message: Message::Query(_), .. } if connections == 1 => Then::HangUp,
        Event::Message { message: Message::Query(query), .. } => {
            listing(link, query);
            Then::GoOn
        }
        _ => Then::GoOn,
    });
    let mut client = OperatorClient::connect(&master.target(Peer::Operator, false)).expect("a master is there");
    client.query(None, true).expect("sent");
    assert!(matches!(next(&mut client), Notice::Disconnected { .. }));
    assert_eq!(next(&mut client), Notice::Connected { again: true });
    assert!(matches!(next(&mut client), Notice::Listing(Listing { request: 1, .. })));
}

#[test]
fn a_framework_subscribes_and_takes_an_offer() {
    let master = FakeMaster::start(|link, event| {
        match event {
            Event::Message { message: Message::Subscribe(_), .. } => {
                answer(link, &Message::Subscribed(Subscribed { framework: FrameworkId(7), heartbeat_ms: 1_000 }));
                answer(link, &Message::Offers(vec![Offer { offer: OfferId(3), ..Offer::default() }]));
            }
            Event::Message { message: Message::Accept(Accept { offers, .. }), .. } => {
                answer(link, &Message::Rescind(meros_sdk::message::Rescind { offers }));
            }
            _ => {}
        }
        Then::GoOn
    });
    let subscribe = Subscribe { name: "f".to_owned(), roles: vec!["r".to_owned()], ..Subscribe::default() };
    let options = Options { subscribe, ..Options::default() };
    let mut client = FrameworkClient::connect(&master.target(Peer::Framework, false), options).expect("let in");
    assert_eq!(client.framework(), Some(FrameworkId(7)));
    let framework::Notice::Offers(offers) = next(&mut client) else { panic!("no offers") };
    client.accept(&[offers[0].offer], Vec::new(), 0).expect("held");
    assert!(matches!(client.accept(&[offers[0].offer], Vec::new(), 0), Err(ClientError::Call(_))));
    assert_eq!(next(&mut client), framework::Notice::Rescinded(vec![OfferId(3)]));
}

#[test]
fn a_refused_subscription_is_an_error_with_the_masters_words() {
    let master = FakeMaster::start(|link, event| {
        if let Event::Message { message: Message::Subscribe(_), .. } = event {
            let message = "name at least one role".to_owned();
            answer(link, &Message::Refusal(Refusal { field: "roles".to_owned(), message, ..Refusal::default() }));
        }
        Then::GoOn
    });
    let target = master.target(Peer::Framework, false);
    let error = FrameworkClient::connect(&target, Options::default()).expect_err("refused").to_string();
    assert_eq!(error, "refused: roles: name at least one role");
}

#[test]
fn nobody_there_and_nobody_who_lets_us_in_are_told_apart() {
    let master = FakeMaster::start(operators_master);
    let target = master.target(Peer::Operator, false);
    let foreign = FakeMaster::start(operators_master);
    let mixed = Target::new(target.endpoint().clone(), &foreign.credentials(Peer::Operator), "test").expect("readable");
    let error = OperatorClient::connect(&mixed).expect_err("of another cluster").to_string();
    assert!(error.contains(&target.endpoint().to_string()) && !error.contains("No such file"), "{error}");
    drop(master);
    let error = OperatorClient::connect(&target).expect_err("nobody there").to_string();
    assert!(error.contains("no master at unix:") && error.contains("No such file"), "{error}");
}

#[test]
fn a_descriptor_wakes_a_client_that_waits() {
    let master = FakeMaster::start(operators_master);
    let mut client = OperatorClient::connect(&master.target(Peer::Operator, false)).expect("a master is there");
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    client.wake_on(&ours).expect("registered");
    assert_eq!(client.next(Some(Duration::ZERO)).expect("goes on"), Next::TimedOut);
    theirs.write_all(b"x").expect("written");
    assert_eq!(client.next(LONG).expect("goes on"), Next::Woken);
}

//! Two links back to back on a clock that the test moves.

use meros_wire::message::{Envelope, LogsRequest, Message, Query, StreamPurpose, Uuid};
use meros_wire::{Channel, Event, Identity, Limits, Link, Peer};

/// The side that connected and the side that accepted.
#[derive(Debug)]
pub(crate) struct Pair<L> {
    pub(crate) client: L,
    pub(crate) server: L,
    pub(crate) now_ms: u64,
}

pub(crate) fn cluster() -> Uuid {
    Uuid::from_random([9; 16])
}

pub(crate) fn identity(role: Peer) -> Identity {
    Identity { cluster: cluster(), role, name: format!("a {role}") }
}

/// A message with a number of its own.
pub(crate) fn query(request: u64) -> Message {
    Message::Query(Query { request, pod: None, watch: false })
}

pub(crate) fn logs() -> StreamPurpose {
    StreamPurpose::Logs(LogsRequest::default())
}

/// Everything that can be taken now.
pub(crate) fn events(link: &mut impl Link) -> Vec<Event> {
    core::iter::from_fn(|| link.next_event()).collect()
}

/// Moves what `from` has now to `to`, in pieces. True: there was something.
pub(crate) fn pump(from: &mut impl Link, to: &mut impl Link, piece: usize, now_ms: u64) -> bool {
    let bytes = from.output().to_vec();
    from.consume(bytes.len());
    for piece in bytes.chunks(piece) {
        // What ends the connection is told by its closed event.
        let _ = to.receive(piece, now_ms);
    }
    !bytes.is_empty()
}

/// Takes all output without delivering it.
pub(crate) fn drain(link: &mut impl Link) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let bytes = link.output().to_vec();
        if bytes.is_empty() {
            return all;
        }
        link.consume(bytes.len());
        all.extend(bytes);
    }
}

impl Pair<Channel> {
    /// Two bare channels that have not exchanged a byte.
    pub(crate) fn strangers(client: Limits, server: Limits) -> Self {
        Self {
            client: Channel::client(identity(Peer::Agent), client, 0),
            server: Channel::server(identity(Peer::Master), server, 0),
            now_ms: 0,
        }
    }

    /// Two bare channels that have exchanged hellos.
    pub(crate) fn open(client: Limits, server: Limits) -> Self {
        let mut pair = Self::strangers(client, server);
        pair.settle();
        assert!(matches!(events(&mut pair.client)[..], [Event::Opened { .. }]));
        assert!(matches!(events(&mut pair.server)[..], [Event::Opened { .. }]));
        pair
    }
}

impl<L: Link> Pair<L> {
    /// Moves bytes both ways, whole, until none are left.
    pub(crate) fn settle(&mut self) {
        self.settle_in_pieces(usize::MAX);
    }

    /// Moves bytes both ways, so many at a time, until none are left.
    pub(crate) fn settle_in_pieces(&mut self, piece: usize) {
        loop {
            let there = pump(&mut self.client, &mut self.server, piece, self.now_ms);
            let back = pump(&mut self.server, &mut self.client, piece, self.now_ms);
            if !there && !back {
                return;
            }
        }
    }

    /// Lets time pass in steps that miss no deadline, moving bytes.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            let deadlines = [self.client.next_deadline_ms(), self.server.next_deadline_ms()];
            let next_ms = deadlines.into_iter().flatten().min().unwrap_or(end_ms);
            assert!(next_ms > self.now_ms, "a deadline that ticking does not move");
            self.now_ms = next_ms.min(end_ms);
            self.client.tick(self.now_ms);
            self.server.tick(self.now_ms);
            self.settle();
        }
    }

    /// Sends from the client and returns its number.
    pub(crate) fn send(&mut self, request: u64) -> u64 {
        self.client.send(&Envelope::default(), &query(request)).unwrap()
    }
}

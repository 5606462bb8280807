//! An operator's side of the conversation with a master: what the commands of `meros` are made of.
//!
//! Rules, all kept by [`Session`]:
//! 1. Calls are wishes: made without a connection, they are sent when there is one.
//! 2. A place or a kill is sent again, under the same key, until the master has taken it; not later, because a master
//!    that has long forgotten an ended pod would start it anew.
//! 3. A query is sent again until it is answered; a watch, on every connection.
//! 4. A log that its connection left half read goes on at the byte where it stopped.

use std::collections::BTreeMap;

use meros_wire::event::Peer;
use meros_wire::message::{
    Kill, Listing, LogsRequest, Message, Place, PodId, PodSpec, Query, Refusal, StreamPurpose, Uuid,
};

use crate::event::{Effect, Event, Now, Reactor, Standing, StreamKey};
use crate::link::Link;

/// What an operator is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// There is a connection.
    Connected {
        /// True after a reconnect.
        again: bool,
    },
    /// The connection is lost. The session connects again by itself.
    Disconnected {
        /// Why. One line.
        reason: String,
        /// When it tries again.
        retry_ms: u64,
    },
    /// The answer to a query, or the next one to a watch.
    Listing(Listing),
    /// The master will not. `request` is the query's number, 0 when it speaks of a place or a kill.
    Refused(Refusal),
    /// The next bytes of a log.
    Log {
        /// As [`Session::logs`] told.
        stream: StreamKey,
        /// What.
        bytes: Vec<u8>,
    },
    /// All of the log was told.
    LogEnded {
        /// Which.
        stream: StreamKey,
    },
    /// The log cannot go on, now.
    LogFailed {
        /// Which.
        stream: StreamKey,
        /// Where to go on: the first byte that was not told.
        offset_bytes: u64,
        /// Why. One line.
        reason: String,
    },
}

/// A place or a kill that the master may not have taken yet.
#[derive(Debug)]
struct Order {
    key: Uuid,
    message: Message,
    /// On this connection; `None`: not sent on it.
    sequence: Option<u64>,
}

/// The state of an operator's session: plain data, no socket and no clock.
#[derive(Debug)]
pub struct Session {
    link: Link,
    orders: Vec<Order>,
    queries: BTreeMap<u64, Query>,
    last_request: u64,
    logs: BTreeMap<StreamKey, LogsRequest>,
    last_stream: u64,
}

type Effects = Vec<Effect<Notice>>;

impl Reactor for Session {
    type Notice = Notice;

    const ROLE: Peer = Peer::Operator;

    fn start(&mut self, effects: &mut Effects) {
        self.link.start(effects);
    }

    fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match event {
            Event::Opened => self.on_opened(effects),
            Event::Message { envelope, message } => {
                self.link.heard(&envelope);
                self.on_message(*message, effects);
            }
            Event::Unreadable { refusal } => effects.push(Effect::Notify(Notice::Refused(refusal))),
            Event::Acknowledged { sequence } => {
                self.orders.retain(|order| order.sequence.is_none_or(|sent| sent > sequence));
            }
            Event::StreamData { stream, bytes } => self.on_log(stream, bytes, effects),
            Event::StreamEnded { stream } => self.on_log_ended(stream, effects),
            Event::StreamReset { stream, reason } => {
                if let Some(request) = self.logs.remove(&stream) {
                    let offset_bytes = request.offset_bytes;
                    effects.push(Effect::Notify(Notice::LogFailed { stream, offset_bytes, reason }));
                }
            }
            Event::Closed { reason } => self.on_closed(reason, now, effects),
            Event::Tick => self.link.tick(now, effects),
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.link.next_deadline_ms()
    }

    fn close(&mut self, reason: &str, effects: &mut Effects) {
        self.link.stop(reason, effects);
    }

    fn standing(notice: &Notice) -> Standing<'_> {
        match notice {
            Notice::Connected { .. } => Standing::Up,
            Notice::Disconnected { reason, .. } => Standing::Down(reason),
            Notice::Refused(refusal) => Standing::Refused(refusal),
            Notice::Listing(_) | Notice::Log { .. } | Notice::LogEnded { .. } | Notice::LogFailed { .. } => {
                Standing::Unchanged
            }
        }
    }
}

impl Session {
    /// A session that has not yet asked for a connection. The seed feeds ids and jitter.
    #[must_use]
    pub const fn new(cluster: Uuid, seed: u64) -> Self {
        Self {
            link: Link::new(cluster, seed),
            orders: Vec::new(),
            queries: BTreeMap::new(),
            last_request: 0,
            logs: BTreeMap::new(),
            last_stream: 0,
        }
    }

    /// A fresh pod id.
    pub const fn new_pod_id(&mut self) -> PodId {
        PodId(self.link.ids.next_uuid())
    }

    /// Everything wished for and not yet done.
    fn on_opened(&mut self, effects: &mut Effects) {
        let again = self.link.opened();
        effects.push(Effect::Notify(Notice::Connected { again }));
        for order in &mut self.orders {
            order.sequence = Some(self.link.send_as(order.key, order.message.clone(), effects));
        }
        for query in self.queries.values() {
            self.link.send(Message::Query(*query), effects);
        }
        for (stream, request) in &self.logs {
            effects.push(Effect::StreamOpen { stream: *stream, purpose: StreamPurpose::Logs(request.clone()) });
        }
    }

    fn on_message(&mut self, message: Message, effects: &mut Effects) {
        match message {
            Message::Listing(listing) => {
                self.answered(listing.request);
                effects.push(Effect::Notify(Notice::Listing(listing)));
            }
            Message::Refusal(refusal) => {
                self.queries.remove(&refusal.request);
                effects.push(Effect::Notify(Notice::Refused(refusal)));
            }
            other => {
                tracing::warn!(message = other.name(), "the master sent what operators do not get; left out");
            }
        }
    }

    fn answered(&mut self, request: u64) {
        if self.queries.get(&request).is_some_and(|query| !query.watch) {
            self.queries.remove(&request);
        }
    }

    fn on_log(&mut self, stream: StreamKey, bytes: Vec<u8>, effects: &mut Effects) {
        let Some(request) = self.logs.get_mut(&stream) else { return };
        let count = bytes.len();
        request.offset_bytes = request.offset_bytes.saturating_add(count as u64);
        effects.push(Effect::Notify(Notice::Log { stream, bytes }));
        effects.push(Effect::StreamConsumed { stream, count });
    }

    /// The master has sent all; this side never had anything to send.
    fn on_log_ended(&mut self, stream: StreamKey, effects: &mut Effects) {
        if self.logs.remove(&stream).is_some() {
            effects.push(Effect::StreamEnd { stream });
            effects.push(Effect::Notify(Notice::LogEnded { stream }));
        }
    }

    fn on_closed(&mut self, reason: String, now: Now, effects: &mut Effects) {
        for order in &mut self.orders {
            order.sequence = None;
        }
        if let Some(retry_ms) = self.link.closed(now) {
            effects.push(Effect::Notify(Notice::Disconnected { reason, retry_ms }));
        }
    }

    /// Asks the master to place pods wherever they fit, now or later.
    pub fn place(&mut self, pods: Vec<PodSpec>, effects: &mut Effects) {
        self.order(Message::Place(Place { pods }), effects);
    }

    /// Ends a pod; `grace_ms` absent: its own grace.
    pub fn kill(&mut self, pod: PodId, grace_ms: Option<u32>, effects: &mut Effects) {
        self.order(Message::Kill(Kill { pod, grace_ms }), effects);
    }

    fn order(&mut self, message: Message, effects: &mut Effects) {
        let key = self.link.ids.next_uuid();
        let open = self.link.is_open();
        let sequence = open.then(|| self.link.send_as(key, message.clone(), effects));
        self.orders.push(Order { key, message, sequence });
    }

    /// Asks for the cluster's state, or one pod's; with `watch`, again after each change. Tells the query's number.
    pub fn query(&mut self, pod: Option<PodId>, watch: bool, effects: &mut Effects) -> u64 {
        self.last_request += 1;
        let query = Query { request: self.last_request, pod, watch };
        self.queries.insert(query.request, query);
        if self.link.is_open() {
            self.link.send(Message::Query(query), effects);
        }
        self.last_request
    }

    /// Reads a member's output.
    pub fn logs(&mut self, request: LogsRequest, effects: &mut Effects) -> StreamKey {
        self.last_stream += 1;
        let stream = StreamKey(self.last_stream);
        if self.link.is_open() {
            effects.push(Effect::StreamOpen { stream, purpose: StreamPurpose::Logs(request.clone()) });
        }
        self.logs.insert(stream, request);
        stream
    }

    /// Stops reading a log.
    pub fn stop_logs(&mut self, stream: StreamKey, effects: &mut Effects) {
        if self.logs.remove(&stream).is_some() && self.link.is_open() {
            effects.push(Effect::StreamReset { stream, reason: "no longer wanted".to_owned() });
        }
    }
}

#[cfg(test)]
mod tests;

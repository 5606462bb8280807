//! The agent's ends of its supervisors' sockets: orders go out, events come in and become the reactor's.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use meros_wire::message::{Exit, Pinning, PodId, StatusReason};
use tokio::sync::mpsc;

use super::{Input, Inputs};
use crate::cgroup::observed;
use crate::effect::Move;
use crate::event::{Ended, Event};
use crate::pins::Pins;
use crate::pump::{Pump, Socket};
use crate::supervisor::protocol::{self, End, EventReader, Order, Stage};

/// Larger than any event but one with a very long text.
const READ_BYTES: usize = 4_096;

/// Supervisors that are connected.
pub(super) struct Members<P: Pump> {
    pump: P,
    inputs: Inputs<P>,
    pretended: bool,
    links: BTreeMap<PodId, MemberLink<P::Socket>>,
}

struct MemberLink<S> {
    socket: Rc<S>,
    orders: mpsc::UnboundedSender<Vec<u8>>,
    /// As the cgroups were read back, at the launch and after each move.
    pins: Pins,
    /// It has told how it ended.
    ended: bool,
}

impl<P: Pump> Members<P> {
    pub(super) const fn new(pump: P, inputs: Inputs<P>, pretended: bool) -> Self {
        Self { pump, inputs, pretended, links: BTreeMap::new() }
    }

    /// A member was launched: its supervisor will say how that went.
    pub(super) fn launched(&mut self, pod: PodId, pins: Pins, stream: UnixStream, events: &mut VecDeque<Event>) {
        let socket = match self.pump.adopt(stream) {
            Ok(socket) => Rc::new(socket),
            Err(error) => {
                let message = format!("cannot talk to its supervisor: {error}");
                return events.push_back(Event::SupervisorLost { pod, message });
            }
        };
        let (orders, queue) = mpsc::unbounded_channel();
        tokio::task::spawn_local(write_orders(Rc::clone(&socket), queue));
        tokio::task::spawn_local(read_events::<P>(pod, Rc::clone(&socket), self.inputs.clone()));
        self.links.insert(pod, MemberLink { socket, orders, pins, ended: false });
    }

    /// Pools have moved these pods.
    pub(super) fn moved(&mut self, moves: Vec<Move>) {
        for order in moves {
            if let Some(link) = self.links.get_mut(&order.pod) {
                link.pins = order.pins;
            }
        }
    }

    /// To a supervisor that is not there nothing can be said, and its absence is told by itself.
    pub(super) fn order(&self, pod: PodId, order: &Order) {
        if let Some(link) = self.links.get(&pod) {
            // A writer that is gone has lost its socket: the reader tells that too.
            let _ = link.orders.send(order.encode());
        }
    }

    /// A supervisor tells something.
    pub(super) fn heard(&mut self, pod: PodId, event: protocol::Event, events: &mut VecDeque<Event>) {
        let Some(link) = self.links.get_mut(&pod) else { return };
        if link.ended {
            return;
        }
        link.ended = event.is_final();
        let pretended = self.pretended;
        let pins = &link.pins;
        events.push_back(translate(pod, event, |pid| if pretended { None } else { Some(read_back(pid, pins)) }));
    }

    /// A supervisor's socket is at its end. True: it has not told how its member ended.
    pub(super) fn gone(&mut self, pod: PodId) -> bool {
        self.links.remove(&pod).is_some_and(|link| !link.ended)
    }

    /// Lets go of all sockets; the members live on.
    pub(super) fn shutdown(&mut self) {
        for link in std::mem::take(&mut self.links).into_values() {
            link.socket.shutdown();
        }
    }
}

/// A supervisor's event in the reactor's words.
pub(super) fn translate(pod: PodId, event: protocol::Event, read_back: impl FnOnce(u32) -> Option<Pinning>) -> Event {
    match event {
        protocol::Event::Started { pid } => Event::Started { pod, pid, pinning: read_back(pid) },
        protocol::Event::StartFailed { stage, text, .. } => {
            let reason = match stage {
                Stage::Root => StatusReason::RootUnusable,
                Stage::Exec => StatusReason::ExecFailed,
                _ => StatusReason::LaunchFailed,
            };
            Event::StartFailed { pod, reason, message: text }
        }
        protocol::Event::Exited { end, out_of_memory } => {
            Event::Exited { pod, ended: Ended { exit: exit(end), out_of_memory } }
        }
    }
}

/// How a process ended, in the wire's words.
pub(crate) fn exit(end: End) -> Exit {
    match end {
        End::Code(code) => Exit::Code(i32::from(code)),
        End::Signal(number) => Exit::Signal(i32::from(number)),
    }
}

/// What the kernel says a process may use: from the process itself while it lives.
///
/// A process that has ended, or that has already narrowed its own affinity, says nothing about its cgroup; then the cgroup's
/// files do, which were read back when they were written.
fn read_back(pid: u32, cgroup: &Pins) -> Pinning {
    let as_cgroup = || Pinning { cpuset: cgroup.cpuset.clone(), mems: cgroup.mems.clone() };
    let Ok(seen) = observed::of_process(pid) else { return as_cgroup() };
    let narrowed = cgroup.cpuset.parse().is_ok_and(|given| seen.cpus.is_subset(&given));
    if narrowed && seen.mems.to_string() == cgroup.mems {
        return as_cgroup();
    }
    Pinning { cpuset: seen.cpus.to_string(), mems: seen.mems.to_string() }
}

async fn write_orders<S: Socket>(socket: Rc<S>, mut orders: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(order) = orders.recv().await {
        if socket.write_all(order).await.is_err() {
            break;
        }
    }
}

async fn read_events<P: Pump>(pod: PodId, socket: Rc<P::Socket>, inputs: Inputs<P>) {
    let mut reader = EventReader::new();
    while let Ok(bytes) = socket.read(READ_BYTES).await {
        if bytes.is_empty() {
            break;
        }
        reader.push(&bytes);
        if let Err(error) = pass_on::<P>(pod, &mut reader, &inputs).await {
            tracing::error!(%pod, "its supervisor talks nonsense: {error}");
            break;
        }
    }
    // Whoever receives is gone only when the agent ends.
    let _ = inputs.send(Input::MemberGone { pod }).await;
}

async fn pass_on<P: Pump>(
    pod: PodId,
    reader: &mut EventReader,
    inputs: &Inputs<P>,
) -> Result<(), protocol::ProtocolError> {
    while let Some(event) = reader.next()? {
        let _ = inputs.send(Input::Member { pod, event }).await;
    }
    Ok(())
}

//! The two bounded queues between an I/O thread and the state thread.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Select, Sender, TrySendError};
use mio::Waker;

use crate::effect::Effect;
use crate::event::{Event, PeerId};
use crate::io::socket::Socket;

/// Events that may wait for the state thread, over all I/O threads.
pub(crate) const EVENTS_MAX: usize = 4_096;
/// Commands that may wait for one I/O thread.
pub(crate) const COMMANDS_MAX: usize = 4_096;

/// What an I/O thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Carry out.
    Effect(Effect),
    /// Own this connection.
    Adopt(PeerId, Socket),
    /// Say goodbye to everybody and end.
    Stop,
}

/// The state thread's ends: commands to every I/O thread.
#[derive(Clone, Debug)]
pub(crate) struct IoThreads {
    threads: Vec<(Sender<Command>, Arc<Waker>)>,
}

impl IoThreads {
    pub(crate) const fn new(threads: Vec<(Sender<Command>, Arc<Waker>)>) -> Self {
        Self { threads }
    }

    /// Hands effects to the threads that own their peers, and wakes each such thread once.
    pub(crate) fn carry_out(&self, effects: Vec<Effect>) {
        let mut woken = vec![false; self.threads.len()];
        for effect in effects {
            let at = self.owner(effect.peer());
            woken[at] = true;
            self.send(at, Command::Effect(effect));
        }
        for (at, (_, waker)) in self.threads.iter().enumerate().filter(|(at, _)| woken[*at]) {
            wake(at, waker.wake());
        }
    }

    /// Hands a fresh connection to the thread that will own it.
    pub(crate) fn adopt(&self, peer: PeerId, socket: Socket) {
        let at = self.owner(peer);
        self.send(at, Command::Adopt(peer, socket));
        wake(at, self.threads[at].1.wake());
    }

    /// Ends every thread.
    pub(crate) fn stop(&self) {
        for (at, (_, waker)) in self.threads.iter().enumerate() {
            self.send(at, Command::Stop);
            wake(at, waker.wake());
        }
    }

    fn owner(&self, peer: PeerId) -> usize {
        usize::try_from(peer.0 % self.threads.len() as u64).unwrap_or(0)
    }

    fn send(&self, at: usize, command: Command) {
        if self.threads[at].0.send(command).is_err() {
            tracing::error!(thread = at, "an I/O thread is gone");
        }
    }
}

fn wake(thread: usize, outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::error!(thread, %error, "waking an I/O thread");
    }
}

/// One I/O thread's ends.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) events: Sender<Event>,
    pub(crate) commands: Receiver<Command>,
}

/// What came of handing an event over.
#[derive(Debug)]
pub(crate) enum Handed {
    /// The state thread has it.
    Over,
    /// Not yet: a command came first, and the event is back.
    CommandFirst(Event, Box<Command>),
    /// Nobody listens any more.
    Gone,
}

impl Queues {
    /// Hands an event over; while there is no room, takes a command instead of waiting blindly (rule 2).
    pub(crate) fn hand_over(&self, event: Event) -> Handed {
        let mut event = event;
        loop {
            match self.events.try_send(event) {
                Ok(()) => return Handed::Over,
                Err(TrySendError::Disconnected(_)) => return Handed::Gone,
                Err(TrySendError::Full(back)) => event = back,
            }
            let mut select = Select::new();
            select.send(&self.events);
            select.recv(&self.commands);
            select.ready();
            if let Ok(command) = self.commands.try_recv() {
                return Handed::CommandFirst(event, Box::new(command));
            }
        }
    }
}

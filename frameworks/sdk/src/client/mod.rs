//! A session driven over a socket: one thread, blocking calls, no runtime.
//!
//! [`Client::next`] is the heart: it moves bytes, keeps the connection alive, connects again after a loss, and returns the
//! next thing that its user should know. Rules:
//! 1. Nothing happens between calls. Call `next` at least every few seconds, or the master takes this side for dead; after
//!    that it connects again and goes on, but offers are lost.
//! 2. One notice at a time: the next event of the connection is looked at when the last one's notices are taken. So the
//!    session is always as the last notice left it, and who takes notices slowly slows the master's streams down.
//! 3. Calls return when their message is on its way; what came of it is a notice.

mod clock;
mod framework;
mod link;
mod operator;
mod socket;
mod target;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::time::Duration;

use meros_wire::SendError;
use meros_wire::message::Refusal;
use thiserror::Error;

pub use target::{Target, TargetError};

use crate::event::{Effect, Event, Reactor, Standing};
use crate::framework::CallError;
use clock::Clock;
use link::Link;
use socket::Waiter;

/// A master that has not answered a first connection in this time is not there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long [`Client::close`] waits for its last bytes to be taken.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A framework's connection to its master.
pub type FrameworkClient = Client<crate::framework::Session>;
/// An operator's connection to the master.
pub type OperatorClient = Client<crate::operator::Session>;

/// A session with its socket.
#[derive(Debug)]
pub struct Client<R: Reactor> {
    session: R,
    target: Target,
    clock: Clock,
    waiter: Waiter,
    link: Option<Link>,
    /// Told by the driver itself: a connection that could not be made.
    failure: Option<String>,
    notices: VecDeque<R::Notice>,
    woken: bool,
}

/// What [`Client::next`] found.
#[derive(Clone, Debug, PartialEq)]
pub enum Next<N> {
    /// Something to know.
    Notice(N),
    /// The descriptor given to [`Client::wake_on`] became readable.
    Woken,
    /// Nothing in the time given.
    TimedOut,
}

/// Why a client cannot go on.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No way to the master, or no way in.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nobody there, or nobody who lets us in.
    #[error("no master at {endpoint}: {reason}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why. One line.
        reason: String,
    },
    /// The master will not.
    #[error("refused: {}{}", field(.0), .0.message)]
    Refused(Refusal),
    /// The call makes no sense now.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The message cannot be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The kernel refused something a client cannot do without.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

fn field(refusal: &Refusal) -> String {
    if refusal.field.is_empty() { String::new() } else { format!("{}: ", refusal.field) }
}

pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> ClientError {
    move |source| ClientError::System { what, source }
}

impl<R: Reactor> Client<R> {
    /// Connects, and returns once the master has let this side in. The notice that says so is taken already.
    fn open(target: &Target, session: impl FnOnce(u64) -> R) -> Result<Self, ClientError> {
        let mut client = Self {
            session: session(seed()?),
            target: target.clone(),
            clock: Clock::start(),
            waiter: Waiter::new().map_err(system("epoll"))?,
            link: None,
            failure: None,
            notices: VecDeque::new(),
            woken: false,
        };
        client.call(|session, effects| session.start(effects))?;
        client.wait_until_up()?;
        Ok(client)
    }

    fn wait_until_up(&mut self) -> Result<(), ClientError> {
        let unreachable = |target: &Target, reason: &str| ClientError::Unreachable {
            endpoint: target.endpoint().to_string(),
            reason: reason.to_owned(),
        };
        loop {
            let Next::Notice(notice) = self.next(Some(ANSWER_TIMEOUT))? else {
                return Err(unreachable(&self.target, "it takes the connection and says nothing"));
            };
            match R::standing(&notice) {
                Standing::Up => return Ok(()),
                Standing::Down(reason) => return Err(unreachable(&self.target, reason)),
                Standing::Refused(refusal) => return Err(ClientError::Refused(refusal.clone())),
                Standing::Unchanged => {}
            }
        }
    }

    /// The next thing to know, waited for at most `timeout`; `None`: as long as it takes.
    ///
    /// # Errors
    /// [`ClientError::Send`] for a message that no master takes, [`ClientError::System`]. A lost connection is no error but
    /// a notice.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Next<R::Notice>, ClientError> {
        let until_ms = timeout.map(|timeout| {
            let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            self.clock.mono_ms().saturating_add(timeout_ms)
        });
        let mut waited = false;
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Ok(Next::Notice(notice));
            }
            if let Some(event) = self.next_event() {
                self.handle(event)?;
            } else if std::mem::take(&mut self.woken) {
                return Ok(Next::Woken);
            } else if waited && until_ms.is_some_and(|until_ms| until_ms <= self.clock.mono_ms()) {
                return Ok(Next::TimedOut);
            } else {
                self.wait(until_ms)?;
                waited = true;
            }
        }
    }

    /// From now on [`Client::next`] returns [`Next::Woken`] when this becomes readable, once for each time: read it empty then.
    ///
    /// # Errors
    /// When the kernel cannot wait for such a descriptor.
    pub fn wake_on(&mut self, descriptor: &impl AsRawFd) -> Result<(), ClientError> {
        self.waiter.wake_on(descriptor.as_raw_fd()).map_err(system("epoll"))
    }

    /// Says goodbye and waits a moment until it is sent. Dropping a client only breaks its connection.
    ///
    /// # Errors
    /// [`ClientError::System`].
    pub fn close(mut self, reason: &str) -> Result<(), ClientError> {
        self.call(|session, effects| session.close(reason, effects))?;
        self.flush(CLOSE_TIMEOUT)
    }

    fn next_event(&mut self) -> Option<Event> {
        if let Some(reason) = self.failure.take() {
            return Some(Event::Closed { reason });
        }
        let link = self.link.as_mut()?;
        let event = link.next_event()?;
        if matches!(event, Event::Closed { .. }) {
            // What is left tells the master why; if it does not take it at once, it need not know.
            link.write();
            self.link = None;
        }
        Some(event)
    }

    fn handle(&mut self, event: Event) -> Result<(), ClientError> {
        let now = self.clock.now();
        self.call(|session, effects| session.handle(event, now, effects))
    }

    /// Lets the session decide, then does what it decided.
    fn call<T>(&mut self, decide: impl FnOnce(&mut R, &mut Vec<Effect<R::Notice>>) -> T) -> Result<T, ClientError> {
        let mut effects = Vec::new();
        let decided = decide(&mut self.session, &mut effects);
        for effect in effects {
            self.perform(effect)?;
        }
        Ok(decided)
    }

    fn perform(&mut self, effect: Effect<R::Notice>) -> Result<(), ClientError> {
        match (effect, self.link.as_mut()) {
            (Effect::Notify(notice), _) => self.notices.push_back(notice),
            (Effect::Connect, _) => self.dial(),
            // Without a connection there is nobody to tell; the session hears of its end in due order.
            (_, None) => {}
            (Effect::Send { envelope, message }, Some(link)) => {
                while let Err(error) = link.send(&envelope, &message) {
                    match error {
                        SendError::Full { .. } if link.wait_for_room(&mut self.waiter)? => {}
                        SendError::Full { .. } | SendError::NotOpen | SendError::Closed => break,
                        error => return Err(error.into()),
                    }
                }
            }
            (Effect::StreamOpen { stream, purpose }, Some(link)) => link.open_stream(stream, &purpose)?,
            (Effect::StreamConsumed { stream, count }, Some(link)) => link.consumed(stream, count),
            (Effect::StreamEnd { stream }, Some(link)) => link.end_stream(stream),
            (Effect::StreamReset { stream, reason }, Some(link)) => link.reset_stream(stream, &reason),
            (Effect::Close { reason }, Some(link)) => link.close(&reason),
        }
        Ok(())
    }

    fn dial(&mut self) {
        let now_ms = self.clock.mono_ms();
        match Link::connect(&self.target, R::ROLE, &self.waiter, now_ms) {
            Ok(link) => self.link = Some(link),
            Err(reason) => self.failure = Some(reason),
        }
    }

    /// One wake-up, in the order that the wire asks for: output out, bytes in, and time only when there were none.
    fn wait(&mut self, until_ms: Option<u64>) -> Result<(), ClientError> {
        let link_ms = self.link.as_mut().map(Link::before_wait).unwrap_or_default();
        let deadline_ms = [until_ms, link_ms, self.session.next_deadline_ms()].into_iter().flatten().min();
        let timeout = deadline_ms.map(|at_ms| Duration::from_millis(at_ms.saturating_sub(self.clock.mono_ms())));
        let ready = self.waiter.wait(timeout).map_err(system("epoll"))?;
        self.woken |= ready.woken;
        let now_ms = self.clock.mono_ms();
        if let Some(link) = self.link.as_mut() {
            link.after_wait(ready, now_ms);
        }
        if self.session.next_deadline_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            self.handle(Event::Tick)?;
        }
        Ok(())
    }

    fn flush(&mut self, timeout: Duration) -> Result<(), ClientError> {
        let until_ms = self.clock.mono_ms().saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        while let Some(link) = self.link.as_mut() {
            let left_ms = until_ms.saturating_sub(self.clock.mono_ms());
            if link.write() || left_ms == 0 {
                return Ok(());
            }
            let ready = self.waiter.wait(Some(Duration::from_millis(left_ms))).map_err(system("epoll"))?;
            link.after_wait(ready, self.clock.mono_ms());
        }
        Ok(())
    }
}

/// Sixty-four bits nobody can foresee, from the kernel.
fn seed() -> Result<u64, ClientError> {
    let mut bytes = [0; 8];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(system("read /dev/urandom"))?;
    Ok(u64::from_le_bytes(bytes))
}

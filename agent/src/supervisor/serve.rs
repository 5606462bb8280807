//! The supervisor's loop: one thread, three things to wait for: connections, orders, ends of children.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitStatus;

use super::member::{Children, Member};
use super::protocol::{Event, Order, OrderReader};
use super::{log, record};
use crate::start::sys;

/// How long a supervisor without a start waits for one. The agent that made it connects at once, or has died.
const START_PATIENCE_MS: u16 = 30_000;

const READABLE: i16 = libc::POLLIN | libc::POLLHUP | libc::POLLERR;

/// A supervisor at work.
pub(super) struct Server {
    listener: UnixListener,
    children: Children,
    agent: Option<Agent>,
    member: Option<Member>,
    record: PathBuf,
}

/// The connection to the agent.
struct Agent {
    stream: UnixStream,
    orders: OrderReader,
}

/// Why the loop goes round.
#[derive(Debug, Default)]
struct Ready {
    connection: bool,
    child: bool,
    order: bool,
    nothing: bool,
}

impl Server {
    pub(super) fn new(listener: UnixListener, record: PathBuf) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener, children: Children::watch()?, agent: None, member: None, record })
    }

    /// Serves until the member has ended, or nobody is going to start one.
    pub(super) fn run(mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.nothing {
                log("no start has come");
                return Ok(());
            }
            if ready.child
                && let Some(status) = self.children.reap(self.member.as_ref().map(|member| member.pid))?
            {
                self.finish(status);
                return Ok(());
            }
            if ready.order && !self.obey() {
                return Ok(());
            }
            if ready.connection {
                self.accept();
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut fds =
            vec![sys::poll_entry(self.children.as_fd(), READABLE), sys::poll_entry(self.listener.as_fd(), READABLE)];
        if let Some(agent) = &self.agent {
            fds.push(sys::poll_entry(agent.stream.as_fd(), READABLE));
        }
        let patience_ms = self.member.is_none().then_some(START_PATIENCE_MS);
        let count = sys::poll(&mut fds, patience_ms)?;
        let is_ready = |at: usize| fds.get(at).is_some_and(|fd| fd.revents != 0);
        Ok(Ready { child: is_ready(0), connection: is_ready(1), order: is_ready(2), nothing: count == 0 })
    }

    /// The newest connection commands: an older one can only be a dead agent's.
    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.serve_agent(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // No reason to let go of a member: its end will be on record.
                Err(error) => return log(&format!("accept: {error}")),
            }
        }
    }

    fn serve_agent(&mut self, stream: UnixStream) {
        if let Err(error) = stream.set_nonblocking(true) {
            return log(&format!("connection: {error}"));
        }
        self.agent = Some(Agent { stream, orders: OrderReader::new() });
        if let Some(member) = &self.member {
            let pid = member.pid;
            self.tell(&Event::Started { pid });
        }
    }

    /// Carries out what the agent says. False when the supervisor has nothing left to do.
    fn obey(&mut self) -> bool {
        let Some(agent) = &mut self.agent else {
            return true;
        };
        let mut orders = Vec::new();
        let end = agent.read(&mut orders).err();
        // What came whole before the end of the connection is meant.
        for order in orders {
            if let Some(last) = self.carry_out(&order) {
                self.leave(&last);
                return false;
            }
        }
        let Some(end) = end else {
            return true;
        };
        log(&format!("connection to the agent: {end}"));
        self.agent = None;
        self.member.is_some()
    }

    /// The final event, if the order leads to one at once.
    fn carry_out(&mut self, order: &Order) -> Option<Event> {
        match (order, &self.member) {
            (Order::Start(spec), None) => match Member::start(spec) {
                Err(failed) => return Some(failed),
                Ok(member) => {
                    let pid = member.pid;
                    self.member = Some(member);
                    self.tell(&Event::Started { pid });
                }
            },
            (Order::Signal(signal), Some(member)) => member.signal(*signal),
            (Order::Kill, Some(member)) => member.kill(),
            (Order::Start(_), Some(_)) => log("a second start is ignored"),
            (Order::Signal(_) | Order::Kill, None) => log("nothing runs to be ended"),
        }
        None
    }

    fn finish(&mut self, status: ExitStatus) {
        if let Some(member) = &self.member {
            let last = member.finish(status);
            // An agent that connected meanwhile is to hear it too.
            self.accept();
            self.leave(&last);
        }
    }

    /// On record first, so that it is known even if the agent dies while it is told.
    fn leave(&mut self, last: &Event) {
        if let Err(error) = record::write(&self.record, last) {
            log(&format!("{}: {error}", self.record.display()));
        }
        self.tell(last);
    }

    /// Events are few and short: a connection that has no room for one has nobody at its other end.
    fn tell(&mut self, event: &Event) {
        let told = match &mut self.agent {
            Some(agent) => agent.stream.write_all(&event.encode()),
            None => Ok(()),
        };
        if let Err(error) = told {
            log(&format!("tell the agent: {error}"));
            self.agent = None;
        }
    }
}

impl Agent {
    /// Adds all orders that have come. The error is the end of the connection.
    fn read(&mut self, orders: &mut Vec<Order>) -> io::Result<()> {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.orders.push(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(order) = self.orders.next().map_err(io::Error::other)? {
                orders.push(order);
            }
        }
    }
}

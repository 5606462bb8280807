//! Carries out what the reactor wants done, and tells it what happened.
//!
//! ```text
//!   master's socket ─ read/write tasks ─┐                         ┌─▶ master's socket
//!   supervisors' sockets ─ tasks ───────┤                         ├─▶ supervisors' sockets
//!   log files ─ read tasks ─────────────┼─▶ events ─▶ reactor ─▶ effects ─▶ log files
//!   stop, timers ───────────────────────┤                         └─▶ machine thread ─┐
//!   machine thread ─────────────────────┘◀────────────────────────────────────────────┘
//! ```
//!
//! One loop owns everything; tasks only move bytes and wait. The inputs of tasks are bounded, so a master that talks faster
//! than the agent works is slowed down by its socket; what the machine thread has done is at most what it was asked for.

mod clock;
mod link;
mod logs;
mod machine;
mod members;

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc as sync;
use std::time::Duration;

use meros_wire::message::{AgentId, PodId};
use tokio::sync::mpsc;

pub(crate) use clock::{Clock, unix_s};
pub(crate) use link::Target;
pub(crate) use machine::Machine;
pub(crate) use members::exit;

use crate::disk::{PodFiles, TermFile};
use crate::effect::Effect;
use crate::error::AgentError;
use crate::event::{Event, LogError, ReaderId};
use crate::pump::{Pump, Socket};
use crate::state::State;
use crate::supervisor::protocol::{self, Order};
use link::MasterLink;
use logs::LogFiles;
use machine::{Done, Work};
use members::Members;

/// Inputs of tasks that may wait for the loop.
const INPUTS_MAX: usize = 64;
/// How long the goodbye to the master may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Without a deadline the loop looks up now and then; nothing depends on it.
const IDLE: Duration = Duration::from_secs(60);

/// What the tasks tell the loop.
enum Input<S> {
    Connected { generation: u64, result: Result<S, String> },
    Received { generation: u64, bytes: Vec<u8> },
    Written { generation: u64, well: bool },
    Member { pod: PodId, event: protocol::Event },
    MemberGone { pod: PodId },
    LogRead { reader: ReaderId, result: Result<Vec<u8>, LogError> },
    Stop,
}

type Inputs<P> = mpsc::Sender<Input<<P as Pump>::Socket>>;

/// An agent that is ready to be driven.
pub(crate) struct Agent {
    pub(crate) state: State,
    pub(crate) clock: Clock,
    pub(crate) target: Target,
    pub(crate) machine: Machine,
    pub(crate) term: TermFile,
    pub(crate) files: PodFiles,
    pub(crate) pretended: bool,
}

/// Called once, when the master admitted this agent for the first time.
pub(crate) type OnReady = Box<dyn FnOnce(AgentId)>;

struct Driver<P: Pump> {
    state: State,
    clock: Clock,
    term: TermFile,
    files: PodFiles,
    events: VecDeque<Event>,
    link: MasterLink<P>,
    members: Members<P>,
    logs: LogFiles<P>,
    work: sync::Sender<Work>,
    on_ready: Option<OnReady>,
    finished: bool,
}

/// Runs an agent until it is told to end, or cannot go on.
pub(crate) async fn drive<P: Pump>(
    pump: P,
    agent: Agent,
    stop: UnixStream,
    on_ready: OnReady,
) -> Result<(), AgentError> {
    let (inputs, mut from_tasks) = mpsc::channel(INPUTS_MAX);
    let (work, queue) = sync::channel();
    let (done, mut from_machine) = mpsc::unbounded_channel();
    let machine = agent.machine;
    let thread = std::thread::Builder::new().name("meros-machine".to_owned());
    let thread = thread.spawn(move || machine.work(&queue, &done)).map_err(begin("the machine thread"))?;
    let stop = Rc::new(pump.adopt(stop).map_err(begin("watching the stop socket"))?);
    tokio::task::spawn_local(watch_stop::<P>(Rc::clone(&stop), inputs.clone()));
    let mut driver = Driver {
        link: MasterLink::new(pump, agent.target, inputs.clone()),
        members: Members::new(pump, inputs.clone(), agent.pretended),
        logs: LogFiles::new(pump, inputs),
        state: agent.state,
        clock: agent.clock,
        term: agent.term,
        files: agent.files,
        events: VecDeque::new(),
        work,
        on_ready: Some(on_ready),
        finished: false,
    };
    let outcome = driver.run(&mut from_tasks, &mut from_machine).await;
    from_tasks.close();
    driver.link.finish(GOODBYE).await;
    driver.members.shutdown();
    stop.shutdown();
    drop(driver);
    if thread.join().is_err() {
        return outcome.and(Err(AgentError::MachineThread));
    }
    outcome
}

fn begin(what: &'static str) -> impl FnOnce(std::io::Error) -> AgentError {
    move |source| AgentError::Begin { what, source }
}

/// Anything to read, or the end of the stream, means: end.
async fn watch_stop<P: Pump>(stop: Rc<P::Socket>, inputs: Inputs<P>) {
    let _ = stop.read(64).await;
    let _ = inputs.send(Input::Stop).await;
}

impl<P: Pump> Driver<P> {
    async fn run(
        &mut self,
        from_tasks: &mut mpsc::Receiver<Input<P::Socket>>,
        from_machine: &mut mpsc::UnboundedReceiver<Done>,
    ) -> Result<(), AgentError> {
        let mut effects = Vec::new();
        self.state.start(&mut effects);
        self.carry_out_all(effects)?;
        while !self.finished {
            self.settle()?;
            if self.finished {
                break;
            }
            tokio::select! {
                input = from_tasks.recv() => if let Some(input) = input { self.on_input(input) },
                done = from_machine.recv() => match done {
                    Some(done) => self.on_done(done),
                    None => return Err(AgentError::MachineThread),
                },
                () = tokio::time::sleep(self.until_deadline()) => self.on_time(),
            }
        }
        Ok(())
    }

    fn until_deadline(&self) -> Duration {
        let deadlines = [self.state.next_deadline_ms(), self.link.next_deadline_ms()];
        let now_ms = self.clock.now().mono_ms;
        let next = deadlines.into_iter().flatten().min();
        next.map_or(IDLE, |at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms)))
    }

    fn on_time(&mut self) {
        let now_ms = self.clock.now().mono_ms;
        self.link.tick(now_ms, &mut self.events);
        if self.state.next_deadline_ms().is_some_and(|at| at <= now_ms) {
            self.events.push_back(Event::Tick);
        }
    }

    /// Lets the reactor see every event, and carries out what it wants, until there is nothing more of either.
    fn settle(&mut self) -> Result<(), AgentError> {
        loop {
            self.link.turn(&mut self.events);
            let Some(event) = self.events.pop_front() else { return Ok(()) };
            let mut effects = Vec::new();
            self.state.handle(event, self.clock.now(), &mut effects);
            self.carry_out_all(effects)?;
        }
    }

    fn on_input(&mut self, input: Input<P::Socket>) {
        let now_ms = self.clock.now().mono_ms;
        let events = &mut self.events;
        match input {
            Input::Connected { generation, result } => self.link.connected(generation, result, now_ms, events),
            Input::Received { generation, bytes } => self.link.received(generation, &bytes, now_ms, events),
            Input::Written { generation, well } => self.link.written(generation, well, events),
            Input::Member { pod, event } => self.members.heard(pod, event, events),
            Input::MemberGone { pod } => {
                if self.members.gone(pod) {
                    self.ask(Work::LastWords(pod));
                }
            }
            Input::LogRead { reader, result } => events.push_back(Event::LogRead { reader, result }),
            Input::Stop => events.push_back(Event::Stop),
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Launched { pod, pins, stream } => self.members.launched(pod, pins, stream, &mut self.events),
            Done::StartFailed { pod, reason, message } => {
                self.events.push_back(Event::StartFailed { pod, reason, message });
            }
            Done::Removed { pod, result } => self.events.push_back(Event::Removed { pod, result }),
            Done::PoolSet { pool, epoch, moves, result } => {
                // First what the kernel has now, then who hears of it.
                if result.is_ok() {
                    self.members.moved(moves);
                }
                self.events.push_back(Event::PoolSet { pool, epoch, result });
            }
            Done::LastWords { pod, event } => self.events.push_back(last_words(pod, event)),
        }
    }

    fn carry_out_all(&mut self, effects: Vec<Effect>) -> Result<(), AgentError> {
        effects.into_iter().try_for_each(|effect| self.carry_out(effect))
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), AgentError> {
        match effect {
            Effect::Connect => self.link.connect(),
            Effect::Send { envelope, message } => self.link.send(envelope, message),
            Effect::StreamWrite { stream, bytes } => self.link.stream_write(stream, bytes, &mut self.events),
            Effect::StreamConsumed { stream, count } => self.link.stream_consumed(stream, count),
            Effect::StreamEnd { stream } => self.link.stream_end(stream, &mut self.events),
            Effect::StreamReset { stream, reason } => self.link.stream_reset(stream, &reason),
            Effect::Close { reason } => self.link.close(&reason, &mut self.events),
            Effect::SaveTerm { term } => {
                return self.term.save(term).map_err(|source| AgentError::Term { term, source });
            }
            Effect::Signal { pod, signal } => self.members.order(pod, &Order::Signal(signal)),
            Effect::ForceEnd { pod } => self.members.order(pod, &Order::Kill),
            Effect::ReadLog { reader, pod, member, output, offset_bytes, count_max } => {
                let path = self.files.output(pod, &member, output);
                self.logs.read(reader, path, offset_bytes, count_max, &mut self.events);
            }
            Effect::CloseLog { reader } => self.logs.close(reader),
            Effect::Ready { agent } => {
                if let Some(on_ready) = self.on_ready.take() {
                    on_ready(agent);
                }
            }
            Effect::Finished => self.finished = true,
            other => self.ask_for(other),
        }
        Ok(())
    }

    /// The effects on the machine.
    fn ask_for(&self, effect: Effect) {
        match effect {
            Effect::KeepLaunch { envelope, launch } => self.ask(Work::KeepLaunch(envelope, launch)),
            Effect::KeepEnding { report } => self.ask(Work::KeepEnding(report)),
            Effect::Forget { pod } => self.ask(Work::Forget(pod)),
            Effect::DropLogs { pod } => self.ask(Work::DropLogs(pod)),
            Effect::Launch { plan } => self.ask(Work::Launch(plan)),
            Effect::Remove { pod } => self.ask(Work::Remove(pod)),
            Effect::SetPool { pool, epoch, moves } => self.ask(Work::SetPool { pool, epoch, moves }),
            _ => {}
        }
    }

    fn ask(&self, work: Work) {
        // A machine thread that is gone is noticed where its answers are awaited.
        let _ = self.work.send(work);
    }
}

fn last_words(pod: PodId, event: Result<Option<protocol::Event>, String>) -> Event {
    match event {
        Ok(Some(event)) => members::translate(pod, event, |_| None),
        Ok(None) => {
            let message = "its supervisor died, and its processes with it".to_owned();
            Event::SupervisorLost { pod, message }
        }
        Err(message) => Event::SupervisorLost { pod, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::protocol::{End, Stage};
    use meros_wire::message::{Exit, StatusReason, Uuid};

    #[test]
    fn last_words_are_the_truth_when_there_are_any() {
        let pod = PodId(Uuid([1; 16]));
        let exited = protocol::Event::Exited { end: End::Code(3), out_of_memory: false };
        let Event::Exited { ended, .. } = last_words(pod, Ok(Some(exited))) else { panic!("not an exit") };
        assert_eq!(ended.exit, Exit::Code(3));
        let failed = protocol::Event::StartFailed { stage: Stage::Root, errno: 2, text: "x".to_owned() };
        let Event::StartFailed { reason, .. } = last_words(pod, Ok(Some(failed))) else { panic!("not a failure") };
        assert_eq!(reason, StatusReason::RootUnusable);
        assert!(matches!(last_words(pod, Ok(None)), Event::SupervisorLost { .. }));
        assert!(matches!(last_words(pod, Err("?".to_owned())), Event::SupervisorLost { .. }));
    }
}

//! A run that is watched to its end: why it waits, what it writes, how it ends.
//!
//! The task's output goes to stdout and stderr as it is; what Meros has to say goes to stderr with `meros: ` before it.
//! The run ends when the pod has ended and all of its output was shown, or [`PATIENCE`] after the last sign of it.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_sdk::message::{Exit, LogsRequest, Output, PodId, PodView, StatusReason, StatusUpdate, TaskState};
use meros_sdk::operator::Notice;
use meros_sdk::{Next, OperatorClient, StreamKey};

use super::Flags;
use crate::args::Global;
use crate::connect;
use crate::exit::{Failure, RUN_FAILED, SIGNALLED};
use crate::output;
use crate::pods;
use crate::signals::Stop;

/// How long to wait for output that should come, or for a pod that the master does not list.
const PATIENCE: Duration = Duration::from_secs(30);

/// One run under way.
struct Attached {
    operator: OperatorClient,
    pod: PodId,
    label: String,
    stop: Stop,
    /// Outputs being shown.
    logs: BTreeMap<StreamKey, Output>,
    /// Outputs to be shown from that byte on, as soon as the pod runs, or did.
    missing: Vec<(Output, u64)>,
    /// It was seen running, so there is output to be had.
    ran: bool,
    /// Of how many requests to end it.
    kills: usize,
    /// The last reason told, so that each is told once.
    told: String,
    listed: bool,
    ended: Option<StatusUpdate>,
}

/// Places the pod and watches it; tells the exit code.
pub(super) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let stop = Stop::on_signals()?;
    let mut operator = connect::operator(global)?;
    operator.wake_on(&stop)?;
    let spec = flags.spec(operator.new_pod_id());
    let mut attached = Attached {
        pod: spec.pod,
        label: pods::label(&spec),
        operator,
        stop,
        logs: BTreeMap::new(),
        missing: if flags.wait { Vec::new() } else { vec![(Output::Stdout, 0), (Output::Stderr, 0)] },
        ran: false,
        kills: 0,
        told: String::new(),
        listed: true,
        ended: None,
    };
    attached.operator.place(vec![spec])?;
    attached.operator.query(Some(attached.pod), true)?;
    attached.watch()
}

impl Attached {
    fn watch(mut self) -> Result<u8, Failure> {
        loop {
            if let Some(ended) = self.ended.as_ref().filter(|_| self.logs.is_empty()) {
                return self.exit_code(ended);
            }
            let waiting_for_a_sign = self.ended.is_some() || !self.listed;
            match self.operator.next(waiting_for_a_sign.then_some(PATIENCE))? {
                Next::Notice(notice) => self.on_notice(notice)?,
                Next::Woken => self.on_stop()?,
                Next::TimedOut => return self.give_up(),
            }
        }
    }

    fn on_notice(&mut self, notice: Notice) -> Result<(), Failure> {
        match notice {
            Notice::Listing(listing) => {
                let view = listing.pods.iter().find(|view| view.spec.pod == self.pod);
                self.listed = view.is_some();
                view.map_or(Ok(()), |view| self.on_view(view))
            }
            Notice::Log { stream, bytes } => self.on_log(stream, &bytes),
            Notice::LogEnded { stream } => {
                self.logs.remove(&stream);
                Ok(())
            }
            Notice::LogFailed { stream, offset_bytes, reason } => self.on_log_failed(stream, offset_bytes, &reason),
            Notice::Refused(refusal) => Err(Failure::refused(&refusal)),
            Notice::Disconnected { reason, .. } => self.tell(&format!("connection lost ({reason}); trying again")),
            Notice::Connected { .. } => self.tell("connected again"),
        }
    }

    fn on_view(&mut self, view: &PodView) -> Result<(), Failure> {
        let status = &view.status;
        match status.state {
            TaskState::Waiting if status.reason != StatusReason::None => {
                self.tell(&format!("{} waits: {}", self.label, status.message))?;
            }
            TaskState::Unreachable => self.tell(&format!("{}: {}", self.label, status.message))?,
            TaskState::Running => self.on_running(status)?,
            state if state.is_terminal() => {
                self.ran |= status.exit.is_some();
                self.ended = Some(status.clone());
                self.open_logs()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Only who was told that it waits is told that it runs.
    fn on_running(&mut self, status: &StatusUpdate) -> Result<(), Failure> {
        if !self.told.is_empty() {
            let agent = status.agent.map(|agent| agent.to_string()).unwrap_or_default();
            let pus = status.pinning.as_ref().map_or_else(|| pods::pus(status, &[]), |pinning| pinning.cpuset.clone());
            self.tell(&format!("{} runs on {agent}, PUs {pus}", self.label))?;
        }
        self.ran = true;
        self.open_logs()
    }

    fn open_logs(&mut self) -> Result<(), Failure> {
        if !self.ran {
            return Ok(());
        }
        for (output, offset_bytes) in std::mem::take(&mut self.missing) {
            let request = LogsRequest { pod: self.pod, output, offset_bytes, follow: true, ..LogsRequest::default() };
            let stream = self.operator.logs(request)?;
            self.logs.insert(stream, output);
        }
        Ok(())
    }

    fn on_log(&mut self, stream: StreamKey, bytes: &[u8]) -> Result<(), Failure> {
        let printed = match self.logs.get(&stream) {
            Some(Output::Stderr) => output::print_error(bytes),
            _ => output::print(bytes),
        };
        match printed {
            Err(failure) if failure.is_quiet() => self.on_reader_gone(stream),
            printed => printed,
        }
    }

    /// As a program ends whose reader has gone away (`meros run … | head`), so does the pod.
    fn on_reader_gone(&mut self, stream: StreamKey) -> Result<(), Failure> {
        self.logs.remove(&stream);
        self.operator.stop_logs(stream)?;
        Ok(self.operator.kill(self.pod, None)?)
    }

    /// While the pod lives it is tried again: its master or agent may be on its way back.
    fn on_log_failed(&mut self, stream: StreamKey, offset_bytes: u64, reason: &str) -> Result<(), Failure> {
        let Some(output) = self.logs.remove(&stream) else { return Ok(()) };
        if self.ended.is_some() {
            return self.tell(&format!("the output of {} cannot be shown: {reason}", self.label));
        }
        self.missing.push((output, offset_bytes));
        Ok(())
    }

    /// The first signal asks the pod to end, the second ends it by force, the third leaves it alone.
    fn on_stop(&mut self) -> Result<(), Failure> {
        let before = self.kills;
        self.kills += self.stop.take();
        match (before, self.kills) {
            (0, 1) => {
                self.tell(&format!("ending {}; again to end it by force", self.label))?;
                self.operator.kill(self.pod, None)?;
            }
            (0 | 1, 2) => {
                self.tell(&format!("ending {} by force", self.label))?;
                self.operator.kill(self.pod, Some(0))?;
            }
            (_, 3..) => return Err(Failure::failed(format!("left {} to itself: see `meros ps`", self.label))),
            _ => {}
        }
        Ok(())
    }

    fn give_up(&self) -> Result<u8, Failure> {
        match &self.ended {
            Some(ended) => {
                eprintln!("meros: the last output of {} did not come", self.label);
                self.exit_code(ended)
            }
            None => Err(Failure::failed(format!("the master does not know {} any more", self.label))),
        }
    }

    fn exit_code(&self, ended: &StatusUpdate) -> Result<u8, Failure> {
        if pods::wants_reason(ended) {
            eprintln!("meros: {} {}: {}", self.label, ended.state.name(), ended.message);
        }
        Ok(match ended.exit {
            Some(Exit::Code(code)) => low_byte(code),
            Some(Exit::Signal(signal)) => SIGNALLED.saturating_add(low_byte(signal)),
            None => RUN_FAILED,
        })
    }

    fn tell(&mut self, what: &str) -> Result<(), Failure> {
        if self.told != what {
            what.clone_into(&mut self.told);
            output::print_error(format!("meros: {what}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// What the shell sees of an exit code.
fn low_byte(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

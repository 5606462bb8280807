//! An operator's calls.

use meros_wire::message::{Listing, LogsRequest, PodId, PodSpec};

use super::{ClientError, Next, OperatorClient, Target};
use crate::event::StreamKey;
use crate::operator::{Notice, Session};

impl OperatorClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::System`].
    pub fn connect(target: &Target) -> Result<Self, ClientError> {
        Self::open(target, |seed| Session::new(target.cluster(), seed))
    }

    /// A fresh pod id.
    pub const fn new_pod_id(&mut self) -> PodId {
        self.session.new_pod_id()
    }

    /// Asks the master to place pods wherever they fit, now or later.
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn place(&mut self, pods: Vec<PodSpec>) -> Result<(), ClientError> {
        self.call(|session, effects| session.place(pods, effects))
    }

    /// Ends a pod; `grace_ms` absent: its own grace.
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn kill(&mut self, pod: PodId, grace_ms: Option<u32>) -> Result<(), ClientError> {
        self.call(|session, effects| session.kill(pod, grace_ms, effects))
    }

    /// Asks for the cluster's state, or one pod's; with `watch`, again after each change. Tells the query's number, which
    /// its [`Notice::Listing`] carries.
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn query(&mut self, pod: Option<PodId>, watch: bool) -> Result<u64, ClientError> {
        self.call(|session, effects| session.query(pod, watch, effects))
    }

    /// Asks for the cluster's state, or one pod's, and waits for the answer. The master answers in the order in which it was
    /// asked, so that everything called before has been decided then; other notices that come before the answer are lost.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: this query, or a place or kill before it. As [`Client::next`](super::Client::next).
    pub fn listing(&mut self, pod: Option<PodId>) -> Result<Listing, ClientError> {
        let request = self.query(pod, false)?;
        loop {
            match self.next(None)? {
                Next::Notice(Notice::Listing(listing)) if listing.request == request => return Ok(listing),
                Next::Notice(Notice::Refused(refusal)) => return Err(ClientError::Refused(refusal)),
                Next::Notice(_) | Next::Woken | Next::TimedOut => {}
            }
        }
    }

    /// Reads a member's output; it comes as [`Notice::Log`] until [`Notice::LogEnded`] or [`Notice::LogFailed`].
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn logs(&mut self, request: LogsRequest) -> Result<StreamKey, ClientError> {
        self.call(|session, effects| session.logs(request, effects))
    }

    /// Stops reading a log.
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn stop_logs(&mut self, stream: StreamKey) -> Result<(), ClientError> {
        self.call(|session, effects| session.stop_logs(stream, effects))
    }
}

//! A framework's calls.

use meros_wire::message::{FrameworkId, OfferId, PodId, PodSpec, Uuid};

use super::{ClientError, FrameworkClient, Target};
use crate::framework::{Options, Session};

impl FrameworkClient {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`], [`ClientError::System`].
    pub fn connect(target: &Target, options: Options) -> Result<Self, ClientError> {
        Self::open(target, |seed| Session::new(target.cluster(), options, seed))
    }

    /// The number that the master gave; a later run that subscribes with it is the same framework.
    #[must_use]
    pub const fn framework(&self) -> Option<FrameworkId> {
        self.session.framework()
    }

    /// A fresh pod id.
    pub const fn new_pod_id(&mut self) -> PodId {
        self.session.new_pod_id()
    }

    /// Takes offers of one agent, whole or in part, and starts pods on them; the rest goes back, and is not offered
    /// again for `refuse_ms`.
    ///
    /// # Errors
    /// [`ClientError::Call`]: nothing was sent then. As [`Client::next`](super::Client::next).
    pub fn accept(&mut self, offers: &[OfferId], pods: Vec<PodSpec>, refuse_ms: u64) -> Result<(), ClientError> {
        Ok(self.call(|session, effects| session.accept(offers, pods, refuse_ms, effects))??)
    }

    /// Gives offers back, not to be offered again for `refuse_ms`.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn decline(&mut self, offers: &[OfferId], refuse_ms: u64) -> Result<(), ClientError> {
        Ok(self.call(|session, effects| session.decline(offers, refuse_ms, effects))??)
    }

    /// No offers for now.
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn suppress(&mut self) -> Result<(), ClientError> {
        self.call(Session::suppress)
    }

    /// Offers again, filters forgotten.
    ///
    /// # Errors
    /// As [`Client::next`](super::Client::next).
    pub fn revive(&mut self) -> Result<(), ClientError> {
        self.call(Session::revive)
    }

    /// Asks the master to place pods wherever they fit, now or later.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn place(&mut self, pods: Vec<PodSpec>) -> Result<(), ClientError> {
        Ok(self.call(|session, effects| session.place(pods, effects))??)
    }

    /// Ends a pod; `grace_ms` absent: its own grace.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn kill(&mut self, pod: PodId, grace_ms: Option<u32>) -> Result<(), ClientError> {
        Ok(self.call(|session, effects| session.kill(pod, grace_ms, effects))??)
    }

    /// Asks for the latest status of pods; of all of this framework's when empty.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn reconcile(&mut self, pods: Vec<PodId>) -> Result<(), ClientError> {
        Ok(self.call(|session, effects| session.reconcile(pods, effects))??)
    }

    /// With [`Acknowledge::ByHand`](crate::framework::Acknowledge::ByHand): this update is dealt with.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn acknowledge(&mut self, pod: PodId, update: Uuid) -> Result<(), ClientError> {
        Ok(self.call(|session, effects| session.acknowledge(pod, update, effects))??)
    }
}

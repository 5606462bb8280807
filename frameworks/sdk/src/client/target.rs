//! Which master, and as whom.

use std::path::Path;
use std::sync::Arc;

use meros_wire::event::Peer;
use meros_wire::message::Uuid;
use meros_wire::secure::ClientTls;
use thiserror::Error;

use super::clock;
use crate::credentials::{self, CredentialsError};
use crate::endpoint::{Endpoint, EndpointError, MasterFile};

/// A master with the credentials for it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Target {
    endpoint: Endpoint,
    tls: ClientTls,
    name: String,
}

/// Why there is no target.
#[derive(Debug, Error)]
pub enum TargetError {
    /// No way to the master.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No way in.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The master has no address that it announces.
    #[error("the master in {state_dir} announces neither a socket nor an address: restart it")]
    Nowhere {
        /// Its state folder.
        state_dir: String,
    },
    /// Two clusters were mixed.
    #[error(
        "the master in {state_dir} leads cluster {master}, the credentials are for {credentials}: use those beside it"
    )]
    WrongCluster {
        /// The master's state folder.
        state_dir: String,
        /// The master's cluster.
        master: Uuid,
        /// The credentials' cluster.
        credentials: Uuid,
    },
}

impl Target {
    /// A master anywhere, with a folder of credentials for it. `name` is for people and logs.
    ///
    /// # Errors
    /// [`TargetError::Credentials`].
    pub fn new(endpoint: Endpoint, credentials: &Path, name: &str) -> Result<Self, TargetError> {
        let tls = credentials::read(credentials, Arc::new(clock::unix_s))?;
        Ok(Self { endpoint, tls, name: name.to_owned() })
    }

    /// The master that runs with this state folder, with the credentials it has made for `role`.
    ///
    /// # Errors
    /// [`TargetError`]: no master there, or no right to read its credentials.
    pub fn from_state_dir(state_dir: &Path, role: Peer, name: &str) -> Result<Self, TargetError> {
        let file = MasterFile::read(state_dir)?;
        let nowhere = || TargetError::Nowhere { state_dir: state_dir.display().to_string() };
        let endpoint = file.endpoint().ok_or_else(nowhere)?.clone();
        let target = Self::new(endpoint, &credentials::folder(state_dir, role), name)?;
        if target.cluster() != file.cluster {
            return Err(TargetError::WrongCluster {
                state_dir: state_dir.display().to_string(),
                master: file.cluster,
                credentials: target.cluster(),
            });
        }
        Ok(target)
    }

    /// Where.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The cluster that the credentials are for.
    #[must_use]
    pub fn cluster(&self) -> Uuid {
        self.tls.cluster()
    }

    pub(super) const fn tls(&self) -> &ClientTls {
        &self.tls
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

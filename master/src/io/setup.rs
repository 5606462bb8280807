//! What every accepted connection starts from.

use std::sync::Arc;

use meros_wire::authority::Credentials;
use meros_wire::message::Uuid;
use meros_wire::secure::ServerTls;
use meros_wire::{Identity, Limits, Peer};

use crate::clock::Clock;
use crate::error::MasterError;

/// Silence of so many heartbeats ends a connection.
const HEARTBEATS_MISSED_MAX: u64 = 5;

/// TLS, identity and limits of the server's side.
#[derive(Clone, Debug)]
pub(crate) struct ServerSetup {
    pub(crate) tls: ServerTls,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
}

impl ServerSetup {
    pub(crate) fn new(
        cluster: Uuid,
        credentials: &Credentials,
        clock: Clock,
        heartbeat_ms: u32,
    ) -> Result<Self, MasterError> {
        let tls = ServerTls::new(credentials, Arc::new(move || clock.unix_s())).map_err(MasterError::tls)?;
        let heartbeat_ms = u64::from(heartbeat_ms);
        let limits = Limits {
            heartbeat_ms,
            silence_ms: heartbeat_ms.saturating_mul(HEARTBEATS_MISSED_MAX),
            ..Limits::default()
        };
        Ok(Self { tls, identity: Identity { cluster, role: Peer::Master, name: "master".to_owned() }, limits })
    }
}

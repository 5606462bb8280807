//! The agent's entry point: from settings to a running agent.
//!
//! In this order, each step before the next touches anything: the state folder is taken, the machine is read, what an
//! earlier process left is found, ended and removed, and only then the master is asked for.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;

use meros_wire::authority::Credentials;
use meros_wire::message::{AgentId, Uuid};
use meros_wire::secure::ClientTls;
use meros_wire::{Limits, Peer};

use crate::cgroup::{Layout, PinningMode, Tree};
use crate::config::Config;
use crate::disk::{AgentName, PodFiles, StateDir, TermFile, read_bounded};
use crate::driver::{self, Agent, Clock, Machine, Target};
use crate::error::AgentError;
use crate::inventory;
use crate::pump::{Pump, Runtime, epoll::Epoll, uring::IoUring};
use crate::recover;
use crate::state::{Identity, State};

/// No file of a credentials folder is larger.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// What an agent tells when its master has admitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Its number in the cluster.
    pub agent: AgentId,
    /// `io-uring` or `epoll`.
    pub pump: &'static str,
    /// Why not `io-uring`, when that was asked for.
    pub refused: Option<String>,
}

/// Runs an agent. Blocks until `stop` is readable or at its end; then its pods are ended, each with its grace, and nothing of
/// them is left. `ready` is called once, when the master first admits it.
///
/// # Errors
/// What made it impossible to begin or to go on, in one line that says what to do.
pub fn run(config: Config, ready: impl FnOnce(&Ready) + 'static, stop: UnixStream) -> Result<(), AgentError> {
    if !config.supervisor.is_file() {
        return Err(AgentError::Supervisor { path: config.supervisor });
    }
    // Taken first and dropped last: nobody else may use the folder while this agent does.
    let folder = StateDir::open(&config.state_dir)?;
    // Before anything of an earlier process is ended: a pump that was asked for and refused must change nothing.
    let runtime = Runtime::new(config.pump)?;
    let agent = prepare(&config, &folder)?;
    let tell = |pump, refused: Option<io::Error>| {
        let refused = refused.map(|error| error.to_string());
        Box::new(move |agent| ready(&Ready { agent, pump, refused })) as driver::OnReady
    };
    match runtime {
        Runtime::IoUring(runtime) => runtime.block_on(driver::drive(IoUring, agent, stop, tell(IoUring::NAME, None))),
        Runtime::Epoll { runtime, local, refused } => {
            local.block_on(&runtime, driver::drive(Epoll, agent, stop, tell(Epoll::NAME, refused)))
        }
    }
}

fn prepare(config: &Config, folder: &StateDir) -> Result<Agent, AgentError> {
    let clock = Clock::start();
    let hostname = hostname();
    let machine = inventory::load(&config.topology, hostname.clone())?;
    let pretended = machine.pretended;
    if machine.cores.is_empty() {
        return Err(AgentError::NoPu);
    }
    let tls = credentials(&config.credentials)?;
    let name = AgentName::load_or_make(folder, Uuid::from_random(random()?), machine.topology_hash)?;
    let term = TermFile::new(folder);
    let highest_term = term.load()?;
    let files = PodFiles::open(folder)?;
    let mode = if pretended { PinningMode::Recorded } else { PinningMode::Applied };
    let tree = Tree::open(&Layout::detect()?, &config.cgroup_root, mode)?;
    let recovered = recover::recover(&tree, &files, highest_term)?;
    let cluster = tls.cluster();
    let identity = Identity { cluster, agent_uuid: name.uuid, incarnation: name.incarnation, machine };
    let state = State::new(identity, recovered, u64::from_ne_bytes(random()?));
    let peer = meros_wire::Identity { cluster, role: Peer::Agent, name: hostname };
    let target = Target { endpoint: config.master.clone(), tls, identity: peer, limits: Limits::default() };
    let machine = Machine::new(tree, files.clone(), config.supervisor.clone());
    Ok(Agent { state, clock, target, machine, term, files, pretended })
}

fn credentials(folder: &Path) -> Result<ClientTls, AgentError> {
    let read = |name: &str| {
        let path = folder.join(name);
        let bytes = read_bounded(&path, PEM_BYTES_MAX);
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
        text.map_err(|source| AgentError::ReadCredentials { path, source })
    };
    let credentials = Credentials {
        certificate_pem: read("certificate.pem")?,
        key_pem: read("key.pem")?,
        authority_pem: read("authority.pem")?,
    };
    let tls = ClientTls::new(&credentials, std::sync::Arc::new(driver::unix_s));
    tls.map_err(|error| AgentError::Credentials { path: folder.to_owned(), problem: error.to_string() })
}

fn hostname() -> String {
    let name = read_bounded(Path::new("/proc/sys/kernel/hostname"), 256).unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_owned()
}

fn random<const COUNT: usize>() -> Result<[u8; COUNT], AgentError> {
    let mut bytes = [0; COUNT];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|source| AgentError::Begin { what: "with random bytes from /dev/urandom", source })?;
    Ok(bytes)
}

//! The JSON that `--output json` prints: names and meanings here stay, whatever the messages between daemons become.
//!
//! - Ids are texts (`a0`, a pod's UUID). Times are milliseconds of Unix time, memory is in bytes, `cpu_milli` are
//!   thousandths of a PU. PUs and NUMA nodes are the operating system's numbers.
//! - A field without a value is `null`, never left out. Fields are added; none is renamed or given another meaning.

use meros_sdk::message::{self as wire, Cpus, Exit, StatusReason};
use serde::Serialize;

/// The cluster: `meros ps --output json`.
#[derive(Debug, Serialize)]
pub(crate) struct Cluster {
    /// By number.
    pub(crate) agents: Vec<Agent>,
    /// By number; `f0` stands for the operators.
    pub(crate) frameworks: Vec<Framework>,
    /// Oldest first.
    pub(crate) pods: Vec<Pod>,
}

/// One agent.
#[derive(Debug, Serialize)]
pub(crate) struct Agent {
    agent: String,
    hostname: String,
    connected: bool,
    /// Its machine is pretended: pinning is recorded, not applied.
    pretended: bool,
    /// Hexadecimal.
    topology_hash: String,
    cores: usize,
    pus: usize,
    mem_bytes: u64,
    pools: Vec<Pool>,
}

/// One shared pool.
#[derive(Debug, Serialize)]
struct Pool {
    /// `null`: the pool of cores that are in no NUMA node.
    numa_node: Option<u32>,
    pus: Vec<u32>,
}

/// One framework.
#[derive(Debug, Serialize)]
pub(crate) struct Framework {
    framework: String,
    name: String,
    roles: Vec<String>,
    connected: bool,
    /// Offers it holds.
    offers: u32,
}

/// One pod.
#[derive(Debug, Serialize)]
pub(crate) struct Pod {
    pub(crate) pod: String,
    pub(crate) name: String,
    role: String,
    framework: String,
    /// `waiting`, `staging`, `starting`, `running`, `killing`, `finished`, `failed`, `killed`, `error`, `lost`, `dropped`,
    /// `unreachable`, `gone`, `gone-by-operator`, `unknown`.
    pub(crate) state: &'static str,
    /// Why, for programs.
    pub(crate) reason: &'static str,
    /// Why, for people.
    pub(crate) message: String,
    /// When it came into this state, by the clock of whoever said so.
    pub(crate) since_unix_ms: u64,
    pub(crate) agent: Option<String>,
    pub(crate) exit: Option<ExitView>,
    members: Vec<Member>,
    placement: Placement,
    pub(crate) pinning: Option<Pinning>,
}

/// How it ended: one of the two is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ExitView {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

/// One member as it was asked for.
#[derive(Debug, Serialize)]
struct Member {
    name: String,
    argv: Vec<String>,
    /// PUs of cores of its own; `null` when it shares.
    exclusive_pus: Option<u32>,
    /// Its part of the shared pool; `null` when it has cores of its own.
    shared_cpu_milli: Option<u32>,
    /// 0: none asked for.
    mem_bytes: u64,
}

/// Where the master put it.
#[derive(Debug, Serialize)]
struct Placement {
    exclusive_pus: Vec<u32>,
    pools: Vec<PoolShare>,
    memory: Vec<NumaMemory>,
}

/// A part of a shared pool.
#[derive(Debug, Serialize)]
struct PoolShare {
    numa_node: Option<u32>,
    cpu_milli: u32,
}

/// Memory on a NUMA node.
#[derive(Debug, Serialize)]
struct NumaMemory {
    numa_node: u32,
    mem_bytes: u64,
}

/// What the kernel says it may use, in the kernel's list format (`0-3,8`); `null` before it runs and on pretended machines.
#[derive(Debug, Serialize)]
pub(crate) struct Pinning {
    pub(crate) cpuset: String,
    pub(crate) mems: String,
}

impl From<&wire::Listing> for Cluster {
    fn from(listing: &wire::Listing) -> Self {
        Self {
            agents: listing.agents.iter().map(Agent::from).collect(),
            frameworks: listing.frameworks.iter().map(Framework::from).collect(),
            pods: listing.pods.iter().map(Pod::from).collect(),
        }
    }
}

impl From<&wire::AgentView> for Agent {
    fn from(view: &wire::AgentView) -> Self {
        let machine = &view.machine;
        let pool = |order: &wire::PoolOrder| Pool { numa_node: pool_numa_node(order.pool), pus: order.pus.clone() };
        Self {
            agent: view.agent.to_string(),
            hostname: machine.hostname.clone(),
            connected: view.connected,
            pretended: machine.pretended,
            topology_hash: format!("{:016x}", machine.topology_hash),
            cores: machine.cores.len(),
            pus: machine.cores.iter().map(|core| core.pus.len()).sum(),
            mem_bytes: machine.numa_nodes.iter().map(|numa_node| numa_node.mem_bytes).sum(),
            pools: view.pools.iter().map(pool).collect(),
        }
    }
}

impl From<&wire::FrameworkView> for Framework {
    fn from(view: &wire::FrameworkView) -> Self {
        Self {
            framework: view.framework.to_string(),
            name: view.name.clone(),
            roles: view.roles.clone(),
            connected: view.connected,
            offers: view.offers,
        }
    }
}

impl From<&wire::PodView> for Pod {
    fn from(view: &wire::PodView) -> Self {
        let (spec, status) = (&view.spec, &view.status);
        Self {
            pod: spec.pod.to_string(),
            name: spec.name.clone(),
            role: spec.role.clone(),
            framework: view.framework.to_string(),
            state: status.state.name(),
            reason: reason_name(status.reason),
            message: status.message.clone(),
            since_unix_ms: status.unix_ms,
            agent: status.agent.map(|agent| agent.to_string()),
            exit: status.exit.map(ExitView::from),
            members: spec.members.iter().map(Member::from).collect(),
            placement: Placement::from(&status.placement),
            pinning: status
                .pinning
                .as_ref()
                .map(|pinning| Pinning { cpuset: pinning.cpuset.clone(), mems: pinning.mems.clone() }),
        }
    }
}

impl From<Exit> for ExitView {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self { code: Some(code), signal: None },
            Exit::Signal(signal) => Self { code: None, signal: Some(signal) },
        }
    }
}

impl From<&wire::MemberSpec> for Member {
    fn from(spec: &wire::MemberSpec) -> Self {
        let (exclusive_pus, shared_cpu_milli) = match spec.resources.cpus {
            Cpus::Exclusive { pus } => (Some(pus), None),
            Cpus::Shared { cpu_milli } => (None, Some(cpu_milli)),
        };
        Self {
            name: spec.name.clone(),
            argv: spec.command.argv.clone(),
            exclusive_pus,
            shared_cpu_milli,
            mem_bytes: spec.resources.mem_bytes,
        }
    }
}

impl From<&wire::Placement> for Placement {
    fn from(placement: &wire::Placement) -> Self {
        let share =
            |share: &wire::PoolShare| PoolShare { numa_node: pool_numa_node(share.pool), cpu_milli: share.cpu_milli };
        let memory = |part: &wire::NumaMemory| NumaMemory { numa_node: part.numa_node, mem_bytes: part.mem_bytes };
        Self {
            exclusive_pus: placement.exclusive_pus.clone(),
            pools: placement.pools.iter().map(share).collect(),
            memory: placement.memory.iter().map(memory).collect(),
        }
    }
}

const fn pool_numa_node(pool: u32) -> Option<u32> {
    if pool == wire::PoolOrder::NO_NUMA_NODE { None } else { Some(pool) }
}

/// In lower case, with hyphens.
pub(crate) const fn reason_name(reason: StatusReason) -> &'static str {
    match reason {
        StatusReason::None => "none",
        StatusReason::InsufficientResources => "insufficient-resources",
        StatusReason::NeverFits => "never-fits",
        StatusReason::InvalidRequest => "invalid-request",
        StatusReason::InvalidOffers => "invalid-offers",
        StatusReason::Refused => "refused",
        StatusReason::RootUnusable => "root-unusable",
        StatusReason::ExecFailed => "exec-failed",
        StatusReason::LaunchFailed => "launch-failed",
        StatusReason::Exited => "exited",
        StatusReason::Signaled => "signaled",
        StatusReason::MemoryLimit => "memory-limit",
        StatusReason::KillRequested => "kill-requested",
        StatusReason::SupervisorLost => "supervisor-lost",
        StatusReason::AgentDisconnected => "agent-disconnected",
        StatusReason::AgentRestarted => "agent-restarted",
        StatusReason::AgentRemoved => "agent-removed",
        StatusReason::FrameworkRemoved => "framework-removed",
        StatusReason::Reconciliation => "reconciliation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_every_field_even_without_a_value() {
        let json = serde_json::to_value(Pod::from(&wire::PodView::default())).unwrap();
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "pod",
            "name",
            "role",
            "framework",
            "state",
            "reason",
            "message",
            "since_unix_ms",
            "agent",
            "exit",
            "members",
            "placement",
            "pinning",
        ];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert!(json["agent"].is_null() && json["exit"].is_null() && json["pinning"].is_null());
    }

    #[test]
    fn the_pool_without_a_numa_node_has_none() {
        assert_eq!(pool_numa_node(3), Some(3));
        assert_eq!(pool_numa_node(wire::PoolOrder::NO_NUMA_NODE), None);
    }
}

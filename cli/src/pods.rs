//! Pods as people name and read them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use meros_sdk::message::{AgentView, Cpus, Exit, Listing, PodSpec, PodView, StatusReason, StatusUpdate, TaskState};
use thiserror::Error;

/// Why a text names no single pod.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum NameError {
    /// None has that id or name.
    #[error("no pod `{0}`: `meros ps --all` lists them")]
    Unknown(String),
    /// Several do.
    #[error("`{text}` names {} pods; give more of an id:{}", .candidates.len(), lines(.candidates))]
    Ambiguous {
        /// As given.
        text: String,
        /// One line each.
        candidates: Vec<String>,
    },
}

fn lines(candidates: &[String]) -> String {
    candidates.iter().fold(String::new(), |mut lines, candidate| {
        let _ = write!(lines, "\n  {candidate}");
        lines
    })
}

/// The pod that `text` names: by its name, or by the beginning of its id. Of several with one name, the only one that has
/// not ended.
pub(crate) fn find<'a>(listing: &'a Listing, text: &str) -> Result<&'a PodView, NameError> {
    let named: Vec<&PodView> = listing.pods.iter().filter(|pod| pod.spec.name == text).collect();
    let by_id = || listing.pods.iter().filter(|pod| has_id(pod, text)).collect();
    let found: Vec<&PodView> = if named.is_empty() { by_id() } else { named };
    let live: Vec<&PodView> = found.iter().copied().filter(|pod| !pod.status.state.is_terminal()).collect();
    match (found.as_slice(), live.as_slice()) {
        ([only], _) | (_, [only]) => Ok(only),
        ([], _) => Err(NameError::Unknown(text.to_owned())),
        (several, _) => Err(NameError::Ambiguous {
            text: text.to_owned(),
            candidates: several.iter().map(|pod| describe(pod)).collect(),
        }),
    }
}

fn has_id(pod: &PodView, prefix: &str) -> bool {
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    !prefix.is_empty() && plain(&pod.spec.pod.to_string()).starts_with(&plain(prefix))
}

fn describe(pod: &PodView) -> String {
    format!("{}  {}  {}", pod.spec.pod, pod.spec.name, pod.status.state.name())
}

/// `name (1a2b3c4d)`.
pub(crate) fn label(spec: &PodSpec) -> String {
    let short = spec.pod.0.short();
    if spec.name.is_empty() { short } else { format!("{} ({short})", spec.name) }
}

/// What it asks for, as it was typed: `2` for exclusive PUs, `0.5 shared`.
pub(crate) fn cpus(spec: &PodSpec) -> String {
    let member = |cpus: Cpus| match cpus {
        Cpus::Exclusive { pus } => pus.to_string(),
        Cpus::Shared { cpu_milli } => format!("{} shared", milli(cpu_milli)),
    };
    let members: Vec<String> = spec.members.iter().map(|spec| member(spec.resources.cpus)).collect();
    members.join(" + ")
}

/// Thousandths as a decimal number without trailing zeros.
pub(crate) fn milli(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a pod's members ask for together; `-` when nothing.
pub(crate) fn memory(spec: &PodSpec) -> String {
    match spec.members.iter().map(|member| member.resources.mem_bytes).sum() {
        0 => "-".to_owned(),
        bytes => size(bytes),
    }
}

/// A size in the largest binary unit that leaves at least 1, cut to one decimal.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, scale)) = UNITS.into_iter().find(|(_, scale)| bytes >= *scale) else {
        return format!("{bytes} B");
    };
    match (bytes % scale) * 10 / scale {
        0 => format!("{} {unit}", bytes / scale),
        tenth => format!("{}.{tenth} {unit}", bytes / scale),
    }
}

/// A span of time in one unit: `4s`, `12m`, `3h`, `2d`.
pub(crate) fn age(span_ms: u64) -> String {
    match span_ms / 1_000 {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// How a pod stands, in a few words: its state, or how it ended.
pub(crate) fn state(status: &StatusUpdate) -> String {
    match (status.state, status.exit) {
        (TaskState::Failed, Some(Exit::Code(code))) => format!("exit {code}"),
        (TaskState::Failed, Some(Exit::Signal(signal))) => format!("signal {signal}"),
        (state, _) => state.name().to_owned(),
    }
}

/// The PUs it was given: its own, or those of the pools it shares; `-` before it is placed.
pub(crate) fn pus(status: &StatusUpdate, agents: &[AgentView]) -> String {
    let placement = &status.placement;
    if !placement.exclusive_pus.is_empty() {
        return ranges(&placement.exclusive_pus);
    }
    if placement.pools.is_empty() {
        return "-".to_owned();
    }
    let agent = agents.iter().find(|agent| Some(agent.agent) == status.agent && !status.state.is_terminal());
    let pools = agent.into_iter().flat_map(|agent| &agent.pools);
    let shared = pools.filter(|pool| placement.pools.iter().any(|share| share.pool == pool.pool));
    let pus: BTreeSet<u32> = shared.flat_map(|pool| pool.pus.iter().copied()).collect();
    if pus.is_empty() { "pool".to_owned() } else { ranges(&pus.into_iter().collect::<Vec<_>>()) }
}

/// The NUMA nodes whose memory it was given; where none was asked for, those the kernel lets it use.
pub(crate) fn numa_nodes(status: &StatusUpdate) -> String {
    let memory: BTreeSet<u32> = status.placement.memory.iter().map(|part| part.numa_node).collect();
    match (&status.pinning, memory.is_empty()) {
        (_, false) => ranges(&memory.into_iter().collect::<Vec<_>>()),
        (Some(pinning), true) => pinning.mems.clone(),
        (None, true) => "-".to_owned(),
    }
}

/// True for a status that people want to know the reason of: it waits, was hindered, or has ended badly.
pub(crate) fn wants_reason(status: &StatusUpdate) -> bool {
    let well = matches!(status.state, TaskState::Running | TaskState::Finished);
    !well && status.reason != StatusReason::Exited && !status.message.is_empty()
}

/// Ascending numbers in the kernel's list format: `0-3,8`.
pub(crate) fn ranges(numbers: &[u32]) -> String {
    let mut text = String::new();
    let mut rest = numbers.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        let comma = if text.is_empty() { "" } else { "," };
        let _ = if first == last { write!(text, "{comma}{first}") } else { write!(text, "{comma}{first}-{last}") };
    }
    text
}

#[cfg(test)]
mod tests {
    use meros_sdk::message::{AgentId, Placement, PodId, PoolOrder, PoolShare, Uuid};

    use super::*;

    fn pod(id: u8, name: &str, state: TaskState) -> PodView {
        let spec = PodSpec { pod: PodId(Uuid([id; 16])), name: name.to_owned(), ..PodSpec::default() };
        PodView { spec, status: StatusUpdate { state, ..StatusUpdate::default() }, ..PodView::default() }
    }

    fn listing(pods: Vec<PodView>) -> Listing {
        Listing { pods, ..Listing::default() }
    }

    #[test]
    fn a_pod_is_found_by_its_name_or_the_beginning_of_its_id() {
        let listing = listing(vec![pod(0xab, "web", TaskState::Running), pod(0xac, "db", TaskState::Running)]);
        assert_eq!(find(&listing, "web").unwrap().spec.name, "web");
        assert_eq!(find(&listing, "ABAB").unwrap().spec.name, "web");
        assert_eq!(find(&listing, "abababab-ab").unwrap().spec.name, "web");
        assert_eq!(find(&listing, "x"), Err(NameError::Unknown("x".to_owned())));
        assert_eq!(find(&listing, ""), Err(NameError::Unknown(String::new())));
    }

    #[test]
    fn of_several_the_live_one_is_meant_else_all_are_listed() {
        let two_runs = listing(vec![pod(1, "web", TaskState::Finished), pod(2, "web", TaskState::Running)]);
        assert_eq!(find(&two_runs, "web").unwrap().spec.pod, PodId(Uuid([2; 16])));
        let both_live = listing(vec![pod(0xa1, "x", TaskState::Running), pod(0xa2, "y", TaskState::Waiting)]);
        let error = find(&both_live, "a").unwrap_err().to_string();
        assert!(error.contains("2 pods") && error.contains("x  running") && error.contains("y  waiting"), "{error}");
    }

    #[test]
    fn a_pod_on_a_pool_has_the_pus_of_its_pool_while_it_lives() {
        let pool = |pool, pus: &[u32]| PoolOrder { pool, pus: pus.to_vec(), epoch: 1 };
        let agent = AgentView { pools: vec![pool(0, &[0, 1]), pool(1, &[4, 5, 6])], ..AgentView::default() };
        let share = PoolShare { pool: 1, cpu_milli: 500 };
        let placement = Placement { pools: vec![share], ..Placement::default() };
        let state = TaskState::Running;
        let status = StatusUpdate { agent: Some(AgentId(0)), state, placement, ..StatusUpdate::default() };
        assert_eq!(pus(&status, std::slice::from_ref(&agent)), "4-6");
        assert_eq!(pus(&status, &[]), "pool");
        let ended = StatusUpdate { state: TaskState::Finished, ..status };
        assert_eq!(pus(&ended, &[agent]), "pool");
    }

    #[test]
    fn quantities_read_well() {
        assert_eq!([milli(500), milli(1_000), milli(1_250), milli(1)], ["0.5", "1", "1.25", "0.001"]);
        assert_eq!([size(0), size(512 << 20), size(3 << 29), size(1_023)], ["0 B", "512 MiB", "1.5 GiB", "1023 B"]);
        assert_eq!([age(59_000), age(180_000), age(7_200_000), age(172_800_000)], ["59s", "3m", "2h", "2d"]);
        assert_eq!([ranges(&[]), ranges(&[4]), ranges(&[0, 1, 2, 8, 9, 11])], ["", "4", "0-2,8-9,11"]);
    }
}

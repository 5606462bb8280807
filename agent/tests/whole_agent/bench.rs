//! An agent of the test's own: its folders, its cgroup root, its thread; and pods for it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use meros_agent::cgroup::{Layout, PinningMode, Tree};
use meros_agent::config::{Endpoint, PumpChoice, TopologySource};
use meros_agent::{AgentError, Config, Ready, run};
use meros_wire::message::{
    Command, Cpus, Label, Launch, MemberResources, MemberSpec, NumaMemory, Placement, PodId, PodSpec, PoolShare, Uuid,
};
use tempfile::TempDir;

use super::master::Master;

pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// Everything around one agent.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) master: Master,
    cgroup_root: String,
    running: Option<Running>,
}

struct Running {
    stop: UnixStream,
    thread: JoinHandle<Result<(), AgentError>>,
    ready: mpsc::Receiver<Ready>,
}

impl Bench {
    /// `None`, and a loud line: this machine cannot run the test.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let cgroup_root = format!("meros-test-{name}-{}", std::process::id());
        let tree = Layout::detect().and_then(|layout| Tree::open(&layout, &cgroup_root, PinningMode::Applied));
        if let Err(error) = tree.and_then(|tree| tree.remove()) {
            println!("SKIPPED {name}: {error}");
            return None;
        }
        if !Path::new(BUSYBOX).exists() {
            println!("SKIPPED {name}: {BUSYBOX} is missing");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let master = Master::new(folder.path());
        Some(Self { folder, master, cgroup_root, running: None })
    }

    /// With an agent that moves bytes by this pump, where the kernel has it.
    pub(crate) fn with_agent(name: &str, pump: PumpChoice) -> Option<Self> {
        let mut bench = Self::new(&format!("{name}-{pump:?}"))?;
        if pump == PumpChoice::IoUring
            && let Err(error) = tokio_uring::Runtime::new(&tokio_uring::builder())
        {
            println!("SKIPPED {name}: no io_uring here: {error}");
            return None;
        }
        bench.start(bench.config(pump));
        Some(bench)
    }

    pub(crate) fn config(&self, pump: PumpChoice) -> Config {
        Config {
            state_dir: self.path("agent"),
            master: self.master.unix_endpoint.clone(),
            credentials: self.path("credentials"),
            cgroup_root: self.cgroup_root.clone(),
            topology: TopologySource::ThisMachine,
            pump,
            supervisor: env!("CARGO_BIN_EXE_meros-supervisor").into(),
        }
    }

    pub(crate) fn over_tcp(&self, pump: PumpChoice) -> Config {
        let Endpoint::Tcp(address) = &self.master.tcp_endpoint else { panic!("not TCP") };
        Config { master: Endpoint::Tcp(address.clone()), ..self.config(pump) }
    }

    pub(crate) fn start(&mut self, config: Config) {
        let (stop, theirs) = UnixStream::pair().unwrap();
        let (tell, ready) = mpsc::channel();
        let thread =
            std::thread::spawn(move || run(config, move |told: &Ready| tell.send(told.clone()).unwrap(), theirs));
        self.running = Some(Running { stop, thread, ready });
    }

    /// What the agent told when it was admitted.
    pub(crate) fn ready(&self) -> Ready {
        let running = self.running.as_ref().unwrap();
        running.ready.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// Tells the agent to end.
    pub(crate) fn ask_to_stop(&mut self) {
        let running = self.running.as_ref().unwrap();
        running.stop.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Waits for its end, and looks whether something is left.
    pub(crate) fn ended(&mut self) -> Result<(), AgentError> {
        let running = self.running.take().unwrap();
        drop(running.stop);
        let outcome = running.thread.join().unwrap();
        if outcome.is_ok() {
            assert_eq!(self.groups(), Vec::<PathBuf>::new(), "cgroups are left");
        }
        outcome
    }

    pub(crate) fn stop(&mut self) {
        self.ended().unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Folders of this agent in any hierarchy.
    pub(crate) fn groups(&self) -> Vec<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let cgroups = mounts.lines().filter(|line| line.contains(" - cgroup"));
        let folders =
            cgroups.filter_map(|line| line.split(' ').nth(4)).map(|mount| Path::new(mount).join(&self.cgroup_root));
        folders.filter(|folder| folder.exists()).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.stop);
            // Of a test that fails already, the agent's own error is not news.
            let _ = running.thread.join();
        }
        if let Ok(tree) =
            Layout::detect().and_then(|layout| Tree::open(&layout, &self.cgroup_root, PinningMode::Applied))
        {
            let removed = tree.purge().and_then(|()| tree.remove());
            assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
        }
    }
}

pub(crate) fn pod(number: u8) -> PodId {
    PodId(Uuid::from_random([number; 16]))
}

fn spec(number: u8, script: &str, cpus: Cpus) -> PodSpec {
    let argv = [BUSYBOX, "sh", "-c", script].map(str::to_owned).to_vec();
    let env = vec![Label { key: "WHO".to_owned(), value: "a pod".to_owned() }];
    let member = MemberSpec {
        name: "main".to_owned(),
        command: Command { argv, env, ..Command::default() },
        resources: MemberResources { cpus, mem_bytes: 256 << 20 },
        ..MemberSpec::default()
    };
    let mut spec = PodSpec { pod: pod(number), members: vec![member], kill_grace_ms: 30_000, ..PodSpec::default() };
    spec.mark_features();
    spec
}

/// A script on PUs of its own.
pub(crate) fn exclusive(number: u8, script: &str, pus: &[u32]) -> Launch {
    let cpus = Cpus::Exclusive { pus: u32::try_from(pus.len()).unwrap() };
    let memory = vec![NumaMemory { numa_node: 0, mem_bytes: 256 << 20 }];
    let placement = Placement { exclusive_pus: pus.to_vec(), memory, ..Placement::default() };
    Launch { spec: spec(number, script, cpus), placement, framework: 2 }
}

/// A script on the shared pool of a NUMA node.
pub(crate) fn shared(number: u8, script: &str, pool: u32) -> Launch {
    let placement = Placement { pools: vec![PoolShare { pool, cpu_milli: 100 }], ..Placement::default() };
    Launch { spec: spec(number, script, Cpus::Shared { cpu_milli: 100 }), placement, framework: 2 }
}

/// A field of `/proc/<pid>/status`; `None`: there is no such process, or only its parent has yet to notice its end.
pub(crate) fn process_field(pid: &str, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = |field| status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let ended = value("State").is_none_or(|state| state.trim().starts_with('Z'));
    if ended { None } else { value(field).map(|text| text.trim().to_owned()) }
}

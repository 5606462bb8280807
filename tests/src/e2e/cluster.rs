//! A cluster of real processes, and what a user does with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::binaries;
use super::deadline::{Deadline, PATIENCE};
use super::home::Home;
use super::leftovers;
use super::listing::{Listing, Pod};
use super::machine::{self, Lock};
use super::process::{Outcome, Process, Signal};
use super::rootfs::Rootfs;

/// Ending takes its pods' grace at most, which no test here makes longer than a few seconds.
const END_PATIENCE: Duration = Duration::from_secs(45);

/// What a master prints when it is ready.
#[derive(Clone, Debug, Deserialize)]
pub struct MasterReady {
    /// Which cluster.
    pub cluster: String,
    /// In which term it leads.
    pub term: u64,
    /// Its process.
    pub pid: u32,
    /// Its address.
    pub tcp: String,
    /// Its socket.
    pub unix: PathBuf,
}

/// What an agent prints when it is ready.
#[derive(Clone, Debug, Deserialize)]
pub struct AgentReady {
    /// Its id.
    pub agent: String,
    /// Its process.
    pub pid: u32,
    /// `io-uring` or `epoll`.
    pub pump: String,
    /// Why not `io-uring`.
    pub pump_reason: Option<String>,
}

/// What `meros up` prints when all is ready.
#[derive(Clone, Debug, Deserialize)]
struct UpReady {
    agents: Vec<AgentReady>,
}

/// A cluster. Dropped, it is ended as its user would end it, must end well, and must leave nothing.
#[derive(Debug)]
pub struct Cluster {
    /// In the order of starting by name: agents before masters when ended.
    daemons: BTreeMap<&'static str, Process>,
    home: Home,
    _machine: Option<Lock>,
}

impl Cluster {
    /// Nothing but a place.
    #[must_use]
    pub fn empty() -> Self {
        Self::with(None)
    }

    /// `meros up` on this machine, for itself. `None`: not possible here, and said so.
    #[must_use]
    pub fn real() -> Option<Self> {
        let mut cluster = Self::apart()?;
        cluster.up(&[]);
        Some(cluster)
    }

    /// As [`Cluster::real`], with nothing started yet.
    #[must_use]
    pub fn apart() -> Option<Self> {
        machine::usable().then(|| Self::with(Some(machine::lock())))
    }

    fn with(machine: Option<Lock>) -> Self {
        Self { daemons: BTreeMap::new(), home: Home::new(), _machine: machine }
    }

    /// `meros up` with pretended machines.
    #[must_use]
    pub fn pretended(agents: u32, topology: &str) -> Option<Self> {
        if !machine::usable() {
            return None;
        }
        let mut cluster = Self::empty();
        cluster.up(&["--agents", &agents.to_string(), "--topology", topology]);
        Some(cluster)
    }

    /// Its place.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Its master's state folder.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.home.path("state")
    }

    /// A root folder for its pods.
    #[must_use]
    pub fn rootfs(&self) -> Rootfs {
        Rootfs::make(self.home.folder())
    }

    // Daemons.

    /// Starts all daemons at once; returns what the agents said.
    pub fn up(&mut self, arguments: &[&str]) -> Vec<AgentReady> {
        let mut command = self.command(&["--output", "json", "up", "--end-with-stdin", "--cgroup-root"]);
        command.arg(self.home.cgroup_root()).args(arguments);
        self.start::<UpReady>("up", &mut command).agents
    }

    /// Starts a master alone.
    pub fn start_master(&mut self, arguments: &[&str]) -> MasterReady {
        let mut command = self.command(&["--output", "json", "master", "--end-with-stdin"]);
        self.start("master", command.args(arguments))
    }

    /// Starts an agent of this machine alone, on the master's socket. Its state folder is the same each time.
    pub fn start_agent(&mut self, arguments: &[&str]) -> AgentReady {
        let mut command = self.agent_command(arguments);
        self.start("agent", &mut command)
    }

    /// What [`Cluster::start_agent`] starts.
    #[must_use]
    pub fn agent_command(&self, arguments: &[&str]) -> Command {
        let mut command = meros();
        command.args(["--output", "json", "--state-dir"]).arg(self.home.path("agent"));
        command.args(["agent", "--end-with-stdin", "--cgroup-root", self.home.cgroup_root(), "--master"]);
        command.arg(format!("unix:{}", self.socket().display()));
        command.arg("--credentials").arg(self.credentials("agent")).args(arguments);
        command
    }

    /// Starts a daemon and waits for its line.
    pub fn start<Ready: for<'json> Deserialize<'json>>(&mut self, name: &'static str, command: &mut Command) -> Ready {
        let mut daemon = Process::start(name, command);
        let line = daemon.wait_stdout("the ready line", first_line);
        let ready = serde_json::from_slice(&line);
        let ready = ready.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&line)));
        self.daemons.insert(name, daemon);
        ready
    }

    /// A daemon that was started.
    #[must_use]
    pub fn daemon(&mut self, name: &str) -> &mut Process {
        self.daemons.get_mut(name).unwrap_or_else(|| panic!("no {name} runs"))
    }

    /// Asks a daemon to end, and waits for it.
    #[must_use]
    pub fn stop(&mut self, name: &str) -> Outcome {
        self.end(name, Signal::TERM)
    }

    /// Ends a daemon as a crash would.
    pub fn crash(&mut self, name: &str) {
        let _ = self.end(name, Signal::KILL);
    }

    /// Waits for a daemon that ends by itself.
    #[must_use]
    pub fn ended(&mut self, name: &str) -> Outcome {
        self.daemons.remove(name).unwrap_or_else(|| panic!("no {name} runs")).finish(END_PATIENCE)
    }

    fn end(&mut self, name: &str, signal: Signal) -> Outcome {
        self.daemon(name).signal(signal);
        self.ended(name)
    }

    /// The master's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.state_dir().join("master.sock")
    }

    /// A folder of credentials that the master has made.
    #[must_use]
    pub fn credentials(&self, role: &str) -> PathBuf {
        self.state_dir().join("credentials").join(role)
    }

    // Commands.

    /// `meros` with the cluster's state folder.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = meros();
        command.arg("--state-dir").arg(self.state_dir()).args(arguments);
        command
    }

    /// Begins a command.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Process {
        Process::start(&format!("meros {}", arguments.join(" ")), &mut self.command(arguments))
    }

    /// Carries a command out.
    #[must_use]
    pub fn meros(&self, arguments: &[&str]) -> Outcome {
        self.begin(arguments).finish(PATIENCE)
    }

    /// Runs a pod and watches it to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.meros(&[&["run"], arguments].concat())
    }

    /// Asks for a pod; returns its id.
    #[must_use]
    #[track_caller]
    pub fn detach(&self, arguments: &[&str]) -> String {
        self.meros(&[&["run", "--detach"], arguments].concat()).expect(0).text().trim().to_owned()
    }

    /// Asks for a pod and waits until it runs; returns it.
    #[track_caller]
    pub fn detach_running(&self, arguments: &[&str]) -> Pod {
        let pod = self.detach(arguments);
        self.wait_state(&pod, "running")
    }

    /// Ends a pod and waits for its end; returns it.
    #[track_caller]
    pub fn kill(&self, pod: &str) -> Pod {
        let _ = self.meros(&["kill", "--wait", pod]).expect(0);
        self.pod(pod)
    }

    // What is known.

    /// All pods, ended ones too.
    #[must_use]
    #[track_caller]
    pub fn listing(&self) -> Listing {
        Listing::parse(&self.meros(&["--output", "json", "ps", "--all"]).expect(0).stdout)
    }

    /// One pod as it stands.
    #[must_use]
    #[track_caller]
    pub fn pod(&self, pod: &str) -> Pod {
        let listing = self.listing();
        listing.pod(pod).unwrap_or_else(|| panic!("no pod {pod} in {listing:#?}")).clone()
    }

    /// Waits until `find` finds something in the listing, as it is now or after a change.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, mut find: impl FnMut(&Listing) -> Option<T>) -> T {
        let mut watch = self.begin(&["--output", "json", "ps", "--all", "--watch"]);
        watch.wait_stdout(what, |written| find(&Listing::last_of(written)?))
    }

    /// Waits until a pod is in a state; returns it.
    #[track_caller]
    pub fn wait_state(&self, pod: &str, state: &str) -> Pod {
        self.wait(&format!("pod {pod} {state}"), |listing| {
            let found = listing.pod(pod).filter(|found| found.state == state || found.has_ended())?;
            assert!(found.state == state, "{state} was expected of {found:#?}");
            Some(found.clone())
        })
    }

    /// The processes of a pod's members, by the cgroups they are in; their supervisors are none.
    #[must_use]
    pub fn processes_of(&self, pod: &str) -> Vec<u32> {
        let marks = self.home.marks();
        let mut found: Vec<u32> = marks.groups().iter().flat_map(|group| members_of(group, pod)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Ended in the order of their names: agents, masters, then what is both.
impl Drop for Cluster {
    fn drop(&mut self) {
        for (name, mut daemon) in std::mem::take(&mut self.daemons) {
            daemon.ask_to_end();
            let ended = daemon.has_ended_by(Deadline::after(END_PATIENCE));
            if std::thread::panicking() {
                eprintln!("{}", daemon.told());
                continue;
            }
            assert!(ended, "{name} did not end within {END_PATIENCE:?}\n{}", daemon.told());
            let _ = daemon.finish(PATIENCE).expect(0);
        }
    }
}

/// The program, without anything of the environment that would change what it does.
#[must_use]
pub fn meros() -> Command {
    let mut command = Command::new(binaries::meros());
    for variable in ["MEROS_STATE_DIR", "MEROS_LOG", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

fn first_line(written: &[u8]) -> Option<Vec<u8>> {
    let end = written.iter().position(|byte| *byte == b'\n')?;
    Some(written[..end].to_vec())
}

fn members_of(group: &Path, pod: &str) -> Vec<u32> {
    let path = group.to_string_lossy();
    if path.contains(pod) && path.ends_with(".member") {
        return leftovers::members(group);
    }
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.flat_map(|folder| members_of(&folder.path(), pod)).collect()
}

//! An agent in a process of its own: for tests that kill it, or take system calls away from it.
//!
//! The process is this test program again, told by its environment to be an agent. Its standard input is the stop socket.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use meros_agent::config::{PumpChoice, TopologySource};
use meros_agent::{Config, Ready, run};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

const CONFIG: &str = "MEROS_TEST_AGENT_FOLDER";
const CGROUP_ROOT: &str = "MEROS_TEST_AGENT_CGROUP_ROOT";
const WITHOUT_IO_URING: &str = "MEROS_TEST_AGENT_WITHOUT_IO_URING";

/// The agent's process; ended with its owner.
pub(crate) struct AgentProcess {
    child: Child,
    _stop: UnixStream,
}

impl AgentProcess {
    pub(crate) fn start(config: &Config, without_io_uring: bool) -> Self {
        let (stop, theirs) = UnixStream::pair().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::is_the_agent_when_told_so", "--nocapture"]);
        command.env(CONFIG, config.state_dir.parent().unwrap()).env(CGROUP_ROOT, &config.cgroup_root);
        if without_io_uring {
            command.env(WITHOUT_IO_URING, "1");
        }
        let child = command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).spawn().unwrap();
        Self { child, _stop: stop }
    }

    /// What it printed when it was admitted.
    pub(crate) fn ready(&mut self) -> String {
        let lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        let mut ready = lines.map_while(Result::ok).filter(|line| line.contains("READY"));
        ready.next().expect("a ready line before its end")
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes `io_uring_setup` fail for this process as many a sandbox does.
fn take_io_uring_away() {
    let rules = BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]);
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[test]
fn is_the_agent_when_told_so() {
    let Some(folder) = std::env::var_os(CONFIG).map(std::path::PathBuf::from) else { return };
    if std::env::var_os(WITHOUT_IO_URING).is_some() {
        take_io_uring_away();
    }
    let config = Config {
        state_dir: folder.join("agent"),
        master: format!("unix:{}", folder.join("master.sock").display()).parse().unwrap(),
        credentials: folder.join("credentials"),
        cgroup_root: std::env::var(CGROUP_ROOT).unwrap(),
        topology: TopologySource::ThisMachine,
        pump: PumpChoice::Auto,
        supervisor: env!("CARGO_BIN_EXE_meros-supervisor").into(),
    };
    let stop = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    run(config, |ready: &Ready| println!("READY {} {:?}", ready.pump, ready.refused), stop).unwrap();
}

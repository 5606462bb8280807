//! A bench to start members on, which leaves nothing behind and checks it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use meros_agent::cgroup::{Hierarchy, Layout, PinningMode, Tree};
use meros_agent::start::{self, MemberName, MemberStart, Root, Running, StartError};
use meros_agent::supervisor::protocol::{End, Event, EventReader, Order};

pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// Far beyond what anything here takes; only a broken test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cgroup root, a folder for files, and the members started on them.
pub(crate) struct Bench {
    pub(crate) tree: Tree,
    pub(crate) layout: Layout,
    pub(crate) root_name: String,
    folder: tempfile::TempDir,
}

impl Bench {
    /// `None`, loudly, where the test cannot run.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, PinningMode::Applied, |_| true)
    }

    /// On this machine as if its mount table had only the lines that `keep` keeps.
    pub(crate) fn with(test: &str, mode: PinningMode, keep: impl Fn(&str) -> bool) -> Option<Self> {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let kept: Vec<&str> = table.lines().filter(|line| keep(line)).collect();
        let layout = Layout::parse(&kept.join("\n")).unwrap();
        let missing = if !is_root() {
            Some("it needs root")
        } else if !Path::new(BUSYBOX).exists() {
            Some("it needs /bin/busybox (Debian: busybox-static)")
        } else if mode == PinningMode::Applied && layout.mount(Hierarchy::Cpuset).is_none() {
            Some("it needs the cpuset controller of cgroup v1")
        } else {
            None
        };
        if let Some(missing) = missing {
            println!("SKIPPED {test}: {missing}");
            return None;
        }
        let root_name = format!("meros-test-{test}-{}", std::process::id());
        Some(Self {
            tree: Tree::open(&layout, &root_name, mode).unwrap(),
            layout,
            root_name,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder of this test in one hierarchy.
    pub(crate) fn cgroup(&self, hierarchy: Hierarchy, below: &str) -> PathBuf {
        let mount = self.layout.mount(hierarchy).unwrap();
        mount.join(&self.root_name).join(below)
    }

    /// A member of busybox that runs a shell script.
    pub(crate) fn script(&self, script: &str) -> MemberStart {
        self.member(&[BUSYBOX, "sh", "-c", script])
    }

    pub(crate) fn member(&self, argv: &[&str]) -> MemberStart {
        MemberStart {
            name: MemberName::new("pod", "main").unwrap(),
            pod_dir: self.path("pod"),
            argv: argv.iter().map(ToString::to_string).collect(),
            env: vec![
                ("PATH".into(), "/bin".into()),
                // What `Drop` looks for among all processes.
                ("MARK".into(), self.folder.path().to_str().unwrap().into()),
            ],
            working_dir: None,
            root: Root::Machine,
            stdout: self.path("out"),
            stderr: self.path("err"),
            user: None,
            cpus: "0".parse().unwrap(),
            mems: "0".parse().unwrap(),
            mem_bytes: None,
            pids_max: None,
        }
    }

    pub(crate) fn try_launch(&self, member: &MemberStart) -> Result<Running, StartError> {
        let supervisor = Path::new(env!("CARGO_BIN_EXE_meros-supervisor"));
        start::launch(&self.tree, supervisor, member)
    }

    pub(crate) fn launch(&self, member: &MemberStart) -> Started {
        Started::new(self.try_launch(member).unwrap())
    }

    /// Launches, and returns how it ended, cleaned up.
    pub(crate) fn run(&self, member: &MemberStart) -> Event {
        let mut started = self.launch(member);
        let mut event = started.event();
        if let Event::Started { .. } = event {
            event = started.event();
        }
        self.cleanup(started);
        event
    }

    pub(crate) fn cleanup(&self, started: Started) {
        start::cleanup(&self.tree, started.running).unwrap();
    }

    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap()
    }

    /// A root folder with busybox in it.
    pub(crate) fn root_folder(&self) -> PathBuf {
        let root = self.path("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy(BUSYBOX, root.join("bin/busybox")).unwrap();
        for name in ["sh", "sleep", "cat", "ls", "id", "setsid"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        root
    }

    /// A pipe for a member to tell something through: `echo text > NAME`.
    pub(crate) fn pipe(&self, name: &str) -> Pipe {
        let path = self.path(name);
        let made = Command::new(BUSYBOX).arg("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        Pipe::open(&path)
    }

    fn left_behind(&self) -> Vec<String> {
        let mark = self.folder.path().to_str().unwrap();
        let mut left: Vec<String> = processes_with(mark).into_iter().map(|pid| format!("process {pid}")).collect();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounts = mounts.lines().filter(|line| line.contains(mark));
        left.extend(mounts.map(|line| format!("mount {line}")));
        for hierarchy in Hierarchy::ALL {
            if self.layout.mount(hierarchy).is_some() {
                let groups = fs::read_dir(self.cgroup(hierarchy, "")).into_iter().flatten();
                let folders = groups.flatten().filter(|entry| entry.path().is_dir());
                left.extend(folders.map(|entry| format!("cgroup {}", entry.path().display())));
            }
        }
        left
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let left = self.left_behind();
        let purged = self.tree.purge().and_then(|()| self.tree.remove());
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind: {left:#?}");
            purged.unwrap();
            for hierarchy in Hierarchy::ALL {
                let is_used = self.layout.mount(hierarchy).is_some();
                assert!(!is_used || !self.cgroup(hierarchy, "").exists());
            }
        }
    }
}

/// A launched member, and what its supervisor says.
pub(crate) struct Started {
    pub(crate) running: Running,
    reader: EventReader,
}

impl Started {
    pub(crate) fn new(running: Running) -> Self {
        running.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { running, reader: EventReader::new() }
    }

    /// The next event; `None` at the end of the connection.
    pub(crate) fn try_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.reader.next().unwrap() {
                return Some(event);
            }
            let mut bytes = [0; 512];
            match self.running.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.reader.push(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                // Reads with a timeout are not begun anew by the kernel.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no event: {error}"),
            }
        }
    }

    pub(crate) fn event(&mut self) -> Event {
        self.try_event().expect("an event before the end of the connection")
    }

    /// Its main process, once it has been executed.
    pub(crate) fn pid(&mut self) -> u32 {
        match self.event() {
            Event::Started { pid } => pid,
            other => panic!("not started: {other:?}"),
        }
    }

    pub(crate) fn order(&mut self, order: &Order) {
        send(&mut self.running.stream, order);
    }

    pub(crate) fn supervisor_pid(&self) -> u32 {
        self.running.supervisor.as_ref().unwrap().id()
    }
}

pub(crate) fn send(stream: &mut UnixStream, order: &Order) {
    stream.write_all(&order.encode()).unwrap();
}

pub(crate) fn code(code: u8) -> Event {
    Event::Exited { end: End::Code(code), out_of_memory: false }
}

pub(crate) fn signal(signal: u8) -> Event {
    Event::Exited { end: End::Signal(signal), out_of_memory: false }
}

/// The reading end of a named pipe.
pub(crate) struct Pipe {
    lines: mpsc::Receiver<String>,
}

impl Pipe {
    fn open(path: &Path) -> Self {
        // Also for writing: so neither this opening nor a reading waits for a writer to come or go.
        let file = File::options().read(true).write(true).open(path).unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// The next line that was written into it.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line in the pipe")
    }
}

pub(crate) fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether a process runs: a zombie that waits for whoever adopted it does not.
pub(crate) fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !matches!(status_field(&status, "State:").as_bytes(), [b'Z' | b'X', ..])
}

/// Text behind a key in a `/proc/<pid>/status`.
pub(crate) fn status_field(status: &str, key: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_else(|| panic!("no {key} in {status}")).trim().to_owned()
}

fn processes_with(mark: &str) -> Vec<u32> {
    let has = |pid: u32, file: &str| {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        text.windows(mark.len()).any(|part| part == mark.as_bytes())
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| has(pid, "cmdline") || has(pid, "environ"))
        .collect()
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status_field(&status, "Uid:").split('\t').nth(1) == Some("0")
}

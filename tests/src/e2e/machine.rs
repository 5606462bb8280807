//! What these tests need of the machine, and who has it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::binaries;

/// Why the real machine cannot be used; `None`: it can.
#[must_use]
pub fn obstacle() -> Option<&'static str> {
    if !is_root() {
        return Some("not root");
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounted = |kind: &str, option: &str| {
        let matching = |line: &&str| line.contains(kind) && line.rsplit([' ', ',']).any(|word| word == option);
        mounts.lines().find(matching).is_some()
    };
    if !mounted(" - cgroup ", "cpuset") {
        return Some("no cpuset controller of cgroup v1");
    }
    (!PathBuf::from("/bin/busybox").is_file()).then_some("no /bin/busybox (Debian: busybox-static)")
}

/// False, and a loud line, when the test cannot run here.
#[must_use]
pub fn usable() -> bool {
    let obstacle = obstacle();
    if let Some(why) = obstacle {
        skipped(why);
    }
    obstacle.is_none()
}

/// Says loudly that a test proves nothing here.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    println!("SKIPPED {}: {why}", thread.name().unwrap_or("a test"));
}

/// Whether this process is root's: it owns its own folder in `/proc`.
#[must_use]
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The data shared between repositories; `None`, and a loud line, when it is not here.
#[must_use]
pub fn shared(file: &str) -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let path = std::env::var_os("MEROS_SHARED").map_or_else(default, PathBuf::from).join(file);
    if !path.exists() {
        skipped(&format!("{} is missing; MEROS_SHARED names the folder it is in", path.display()));
        return None;
    }
    Some(path)
}

/// This machine's own PUs, until dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read: closing the file gives the lock back")] File);

/// Waits until no other test hands out this machine's PUs.
#[must_use]
pub fn lock() -> Lock {
    let path = binaries::folder().join("e2e.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.lock().unwrap_or_else(|error| panic!("lock {}: {error}", path.display()));
    Lock(file)
}

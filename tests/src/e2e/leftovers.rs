//! What a cluster has left behind: processes, cgroups, mounts.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::deadline::Deadline;
use super::process::is_over;

/// A process that has been told to end may need a moment; one that has not is found again after it.
const MOMENT: Duration = Duration::from_secs(3);

/// By what a cluster's own things are known: nobody else's contain these texts.
#[derive(Clone, Debug)]
pub struct Marks {
    /// Its folder, which its processes have in their arguments, working folder or root.
    pub folder: PathBuf,
    /// How the names of its cgroups below each hierarchy begin.
    pub cgroup_root: String,
}

impl Marks {
    /// Everything that is there now and does not go by itself at once, a line each.
    #[must_use]
    pub fn find(&self) -> Vec<String> {
        let moment = Deadline::after(MOMENT);
        for pid in self.processes() {
            let _ = ends(pid, moment);
        }
        let processes = self.processes().into_iter().map(|pid| format!("process {pid}: {}", command_line(pid)));
        let groups = self.groups().into_iter().map(|path| format!("cgroup {}", path.display()));
        let mounts = self.mounts().into_iter().map(|line| format!("mount {line}"));
        processes.chain(groups).chain(mounts).collect()
    }

    /// Ends and removes what is there.
    pub fn clean(&self) {
        for group in self.groups() {
            for pid in members(&group) {
                end(pid);
            }
        }
        for pid in self.processes() {
            end(pid);
        }
        for group in self.groups() {
            remove(&group);
        }
    }

    /// Numbers of all processes of the cluster, its members' too.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let own = std::process::id();
        let mut found: Vec<u32> = all_processes().filter(|pid| *pid != own && self.is_ours(*pid)).collect();
        found.extend(self.groups().iter().flat_map(|group| members(group)));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The cluster's cgroups at the top of each hierarchy.
    #[must_use]
    pub fn groups(&self) -> Vec<PathBuf> {
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_bytes().starts_with(self.cgroup_root.as_bytes()))
        };
        hierarchies().iter().flat_map(|mount| folders(mount)).filter(named).collect()
    }

    fn mounts(&self) -> Vec<String> {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let folder = self.folder.to_string_lossy();
        table.lines().filter(|line| line.contains(&*folder)).map(str::to_owned).collect()
    }

    fn is_ours(&self, pid: u32) -> bool {
        let folder = self.folder.as_os_str().as_bytes();
        let contains = |text: &[u8]| text.windows(folder.len()).any(|window| window == folder);
        let proc = Path::new("/proc").join(pid.to_string());
        let links = ["cwd", "root"].map(|link| fs::read_link(proc.join(link)));
        fs::read(proc.join("cmdline")).is_ok_and(|line| contains(&line))
            || links.iter().flatten().any(|target| target.starts_with(&self.folder))
    }
}

/// Processes of a cgroup and everything below it.
#[must_use]
pub fn members(group: &Path) -> Vec<u32> {
    let listed = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let own = listed.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0);
    let below = folders(group).into_iter().flat_map(|folder| members(&folder));
    own.chain(below).collect()
}

/// Waits for the end of a process that is nobody's child here.
#[must_use]
pub fn ends(pid: u32, deadline: Deadline) -> bool {
    handle(pid).is_none_or(|handle| is_over(&handle, deadline))
}

fn all_processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// By its handle: a number may be another's by now, and then its mark has gone with it.
fn end(pid: u32) {
    if let Some(handle) = handle(pid) {
        // It may have ended meanwhile, which is what is wanted.
        let _ = pidfd_send_signal(&handle, Signal::KILL);
        is_over(&handle, Deadline::after(MOMENT));
    }
}

fn remove(group: &Path) {
    for folder in folders(group) {
        remove(&folder);
    }
    // What cannot be removed was told before; there is no more to be done about it.
    let _ = fs::remove_dir(group);
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// Where cgroups of any kind are mounted.
fn hierarchies() -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let of_cgroups = table.lines().filter(|line| line.contains(" - cgroup"));
    of_cgroups.filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_is_left_is_found_by_its_folder_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks { folder: folder.path().to_owned(), cgroup_root: "meros-no-such-group".to_owned() };
        assert!(marks.find().is_empty());
        let mut left = Command::new("sleep").arg("1000").current_dir(folder.path()).spawn().unwrap();
        let found = marks.find();
        marks.clean();
        left.wait().unwrap();
        assert_eq!(found, [format!("process {}: sleep 1000 ", left.id())]);
        assert!(marks.find().is_empty());
    }
}

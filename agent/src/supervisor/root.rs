//! A root folder: a process of its own that makes the namespaces, turns the folder into `/`, and then only holds them.
//!
//! It is process 1 of the PID namespace. The kernel gives process 1 no default action for signals that come from inside,
//! and every orphan inside; so the member's program is never it. The program is a second child of the supervisor, born in
//! these namespaces: SIGTERM ends it as it would anywhere, and its exit reaches the supervisor first-hand. The holder
//! ignores SIGCHLD, whereby the kernel reaps its orphans, and sleeps until the group is killed.
//!
//! What the program sees: the folder as `/`; a fresh `/proc`; a `/dev` with the devices below and a terminal
//! multiplexer of its own; own IPC objects and machine name; the machine's network. Missing `/proc` and `/dev` folders are
//! made. Every mount is in the private mount namespace and goes with it: nothing of it is ever seen outside.
//!
//! A root folder keeps a program's files apart. It is no wall against a hostile program that is root: capabilities, devices
//! and system calls are not limited here; that is what OCI runtimes are for.

use std::convert::Infallible;
use std::ffi::CStr;
use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};

use super::groups::Doors;
use super::protocol::Stage;
use super::report::{self, At, Failure};
use crate::start::sys;

/// Device files of the machine that a program may expect, as outside and inside.
const DEVICES: [&CStr; 6] = [c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom", c"/dev/tty"];

/// Links of `/dev`: target, path.
const LINKS: [(&CStr, &CStr); 5] = [
    (c"pts/ptmx", c"/dev/ptmx"),
    (c"/proc/self/fd", c"/dev/fd"),
    (c"/proc/self/fd/0", c"/dev/stdin"),
    (c"/proc/self/fd/1", c"/dev/stdout"),
    (c"/proc/self/fd/2", c"/dev/stderr"),
];

/// The life of the holder. Never returns. Child-safe throughout, as [`sys`] uses the word.
pub(super) fn hold(root: &CStr, doors: &Doors, report: &PipeWriter) -> ! {
    report::run_to_the_end(report, || {
        doors.join().at(Stage::Cgroup)?;
        sys::die_with_parent().at(Stage::Process)?;
        enter(root)?;
        sys::reset_signals().at(Stage::Process)?;
        sys::ignore_children();
        report::done(report).at(Stage::Process)?;
        rest()
    })
}

fn rest() -> Result<Infallible, Failure> {
    sys::close_all_fds_for_ever()
}

fn enter(root: &CStr) -> Result<(), Failure> {
    // Copied before the old root goes and attached after: whatever links the folder holds, they lead nowhere outside it.
    let mut devices = [const { None }; DEVICES.len()];
    for (device, path) in devices.iter_mut().zip(DEVICES) {
        *device = Some(sys::copy_mount(path).at(Stage::Dev)?);
    }
    change_root(root).at(Stage::Root)?;
    sys::make_dir(c"/proc").at(Stage::Proc)?;
    mount_new(c"proc", c"/proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, None).at(Stage::Proc)?;
    make_dev(&devices).at(Stage::Dev)
}

fn change_root(root: &CStr) -> io::Result<()> {
    sys::mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None)?;
    sys::mount(Some(root), root, None, libc::MS_BIND | libc::MS_REC, None)?;
    sys::change_dir(root)?;
    sys::pivot_to_working_dir()?;
    sys::detach_mount(c".")?;
    sys::change_dir(c"/")
}

fn make_dev(devices: &[Option<OwnedFd>]) -> io::Result<()> {
    sys::make_dir(c"/dev")?;
    mount_new(c"tmpfs", c"/dev", libc::MS_NOSUID, Some(c"mode=755,size=64k"))?;
    for (device, path) in devices.iter().flatten().zip(DEVICES) {
        sys::make_file(path)?;
        sys::attach_mount(device.as_fd(), path)?;
    }
    let quiet = libc::MS_NOSUID | libc::MS_NOEXEC;
    sys::make_dir(c"/dev/pts")?;
    mount_new(c"devpts", c"/dev/pts", quiet, Some(c"newinstance,ptmxmode=0666,mode=0620"))?;
    sys::make_dir(c"/dev/shm")?;
    mount_new(c"tmpfs", c"/dev/shm", quiet | libc::MS_NODEV, Some(c"mode=1777"))?;
    LINKS.iter().try_for_each(|(target, path)| sys::make_link(target, path))
}

fn mount_new(kind: &CStr, target: &CStr, flags: libc::c_ulong, options: Option<&CStr>) -> io::Result<()> {
    sys::mount(Some(kind), target, Some(kind), flags, options)
}

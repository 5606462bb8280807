//! The system calls of starting and ending processes, as safe functions: the only `unsafe` of this part.
//!
//! Rules:
//! 1. One call per function, one unsafe operation per block; no policy here.
//! 2. What runs between clone and exec ([`Exec::run`] and everything marked *child-safe*) neither allocates nor
//!    takes a lock: texts are C strings made before the clone, and `io::Error` holds the bare number.
//! 3. Only a process with one thread may clone ([`clone_process`] checks): its copy has no lock that another
//!    thread held, so that rule 2 is a habit and not the only defence.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong};
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;

/// The namespaces a root folder comes with.
pub(crate) const ROOT_NAMESPACES: c_int =
    libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Those of [`ROOT_NAMESPACES`] that a process enters itself; a PID namespace is entered by being born in it.
pub(crate) const ENTERED_NAMESPACES: c_int = libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Signals the kernel has.
pub(crate) const LAST_SIGNAL: c_int = 64;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_long(result: c_long) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        // Process ids and file descriptors are ints; no call below returns anything else.
        Ok(c_int::try_from(result).unwrap_or(c_int::MAX))
    }
}

fn owned(result: c_int) -> io::Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

// ---------------------------------------------------------------------------------------------- waiting

/// Waits until one of `fds` has one of the events it asks for; `None` waits for ever. The number of ready ones, 0 after
/// `timeout_ms`. A signal that interrupts begins the wait anew.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout_ms: Option<u16>) -> io::Result<usize> {
    let timeout = timeout_ms.map_or(-1, c_int::from);
    let count = fds.len() as libc::nfds_t;
    loop {
        // SAFETY: the slice is exclusively ours for the call, and `count` is its length.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), count, timeout) };
        match check(ready) {
            Ok(ready) => return Ok(usize::try_from(ready).unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A poll entry for one descriptor.
pub(crate) fn poll_entry(fd: BorrowedFd<'_>, events: i16) -> libc::pollfd {
    libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }
}

/// A descriptor for a process: readable when it has ended, and never meaning another process.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, c_long::from(pid), 0) };
    owned(check_long(fd)?)
}

/// Sends a signal to the process of a pidfd.
pub(crate) fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: c_int) -> io::Result<()> {
    let no_info = ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed and means the kernel fills it in; the descriptor is borrowed for the call.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) };
    check_long(result).map(drop)
}

/// Reaps one child that has ended, if any: its pid and how it ended.
pub(crate) fn reap_any() -> io::Result<Option<(u32, ExitStatus)>> {
    let mut status = 0;
    // SAFETY: `status` is a live int of ours that the kernel writes.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    match check(pid) {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some((pid.unsigned_abs(), ExitStatus::from_raw(status)))),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reaps this child, which has ended or is about to.
pub(crate) fn reap(pid: u32) -> io::Result<()> {
    // Process ids are positive ints; a number that is none reaps nothing.
    let pid = libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX);
    // SAFETY: the status is not asked for, so no memory of ours is touched.
    check(unsafe { libc::waitpid(pid, ptr::null_mut(), 0) }).map(drop)
}

// ---------------------------------------------------------------------------------------------- this process

/// Blocks SIGCHLD and returns a descriptor that is readable when it is pending.
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    let mut set = empty_signal_set()?;
    // SAFETY: `set` is an initialised signal set of ours.
    check(unsafe { libc::sigaddset(&raw mut set, libc::SIGCHLD) })?;
    // SAFETY: `set` is an initialised signal set of ours; the old mask is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) })?;
    // SAFETY: `set` is an initialised signal set of ours.
    owned(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })
}

fn empty_signal_set() -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to room for one signal set, which the call fills.
    check(unsafe { libc::sigemptyset(set.as_mut_ptr()) })?;
    // SAFETY: `sigemptyset` succeeded, so the set is initialised.
    Ok(unsafe { set.assume_init() })
}

/// Makes this process the parent of descendants whose own parent has ended.
pub(crate) fn become_subreaper() -> io::Result<()> {
    let yes: c_ulong = 1;
    // SAFETY: this option takes one number by value, and no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, yes) }).map(drop)
}

/// Begins a session without a terminal. *Child-safe.*
pub(crate) fn new_session() -> io::Result<()> {
    // SAFETY: the call takes no arguments and touches no memory of this process.
    check(unsafe { libc::setsid() }).map(drop)
}

/// Enters namespaces of the process of `pidfd`; `CLONE_NEWPID` is entered by later children only. *Child-safe.*
pub(crate) fn enter_namespaces(pidfd: BorrowedFd<'_>, kinds: c_int) -> io::Result<()> {
    // SAFETY: takes a borrowed descriptor and a number.
    check(unsafe { libc::setns(pidfd.as_raw_fd(), kinds) }).map(drop)
}

// ---------------------------------------------------------------------------------------------- clone

/// Which of two processes a clone returned in.
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the old one, with the child's pid.
    Parent(u32),
}

/// Clones this process as `fork` does, into new `namespaces` and, when given, into a cgroup v2 folder.
pub(crate) fn clone_process(namespaces: c_int, unified: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    single_threaded()?;
    let mut flags = u64::from(namespaces.unsigned_abs());
    let mut cgroup = 0;
    if let Some(folder) = unified {
        flags |= INTO_CGROUP;
        cgroup = u64::from(folder.as_raw_fd().unsigned_abs());
    }
    let args = libc::clone_args {
        flags,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: u64::from(libc::SIGCHLD.unsigned_abs()),
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup,
    };
    // SAFETY: without CLONE_VM and with no stack given the child runs on a copy of everything, as after fork; this process
    // has one thread (checked above), so no lock of the copy is held by a thread that the child lacks.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    Ok(match check_long(pid)? {
        0 => Cloned::Child,
        pid => Cloned::Parent(pid.unsigned_abs()),
    })
}

const INTO_CGROUP: u64 = 0x2_0000_0000;

fn single_threaded() -> io::Result<()> {
    if std::fs::read_dir("/proc/self/task")?.count() == 1 {
        Ok(())
    } else {
        Err(io::Error::other("only a process with one thread may clone"))
    }
}

// ---------------------------------------------------------------------------------------------- in the child

/// Ends this process at once, without running anything of Rust's or C's. *Child-safe.*
pub(crate) fn end_now(code: c_int) -> ! {
    // SAFETY: ends the process; nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Waits for ever. Children are reaped by the kernel: the caller ignores SIGCHLD. *Child-safe.*
pub(crate) fn pause_for_ever() -> ! {
    loop {
        // SAFETY: the call takes no arguments and touches no memory; a signal handler could run, and there is none.
        unsafe { libc::pause() };
    }
}

/// Ignores SIGCHLD: ended children, adopted ones too, leave no zombie. *Child-safe.*
pub(crate) fn ignore_children() {
    // SAFETY: sets a disposition that runs no code of ours; it cannot fail for SIGCHLD.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Every signal at its default and none blocked, as a program expects to begin. *Child-safe.*
pub(crate) fn reset_signals() -> io::Result<()> {
    // Longer than any machine's `struct sigaction` of the kernel's; all zero is the default, without flags.
    let default = [0_u64; 8];
    for signal in 1..=LAST_SIGNAL {
        let no_old = ptr::null_mut::<u64>();
        // Not the C library's call, which hides the two signals it uses itself: its `posix_spawn` has us ignore them, and so
        // would the program.
        // SAFETY: the kernel reads a `struct sigaction` from the larger array, and 8 is its size of a signal set. SIGKILL and
        // SIGSTOP are refused, which is right.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), no_old, 8_usize) };
    }
    let none = empty_signal_set()?;
    // SAFETY: `none` is an initialised signal set of ours; the old mask is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) }).map(drop)
}

/// This process gets SIGKILL when its parent ends. *Child-safe.*
pub(crate) fn die_with_parent() -> io::Result<()> {
    let signal: c_ulong = libc::SIGKILL.unsigned_abs().into();
    // SAFETY: this option takes one number by value, and no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) }).map(drop)
}

/// Makes `target` (0, 1 or 2) another name of `fd`, open across exec. *Child-safe.*
pub(crate) fn place_fd(fd: BorrowedFd<'_>, target: c_int) -> io::Result<()> {
    // SAFETY: the caller's descriptors are all above 2, so what `target` meant is owned by nobody in this process.
    check(unsafe { libc::dup2(fd.as_raw_fd(), target) }).map(drop)
}

/// Marks every descriptor from 3 on to be closed by exec. *Child-safe.*
pub(crate) fn close_fds_on_exec() -> io::Result<()> {
    const CLOSE_ON_EXEC: c_uint = 4;
    // SAFETY: changes only a flag of descriptors.
    check_long(unsafe { libc::syscall(libc::SYS_close_range, 3, c_uint::MAX, CLOSE_ON_EXEC) }).map(drop)
}

/// Closes every descriptor of this process, whoever owns it: only for one that never returns to its owners.
/// *Child-safe.*
pub(crate) fn close_all_fds_for_ever() -> ! {
    // SAFETY: the owners of these descriptors are in frames below this one, to which it never returns.
    unsafe { libc::syscall(libc::SYS_close_range, 0, c_uint::MAX, 0) };
    pause_for_ever()
}

/// Changes the working folder. *Child-safe.*
pub(crate) fn change_dir(path: &CStr) -> io::Result<()> {
    // SAFETY: a C string, borrowed for the call.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// Drops supplementary groups. *Child-safe.*
pub(crate) fn clear_groups() -> io::Result<()> {
    // SAFETY: a list of length 0 is not read.
    check(unsafe { libc::setgroups(0, ptr::null()) }).map(drop)
}

/// Becomes another group, for good. *Child-safe.*
pub(crate) fn become_group(gid: u32) -> io::Result<()> {
    // SAFETY: three plain numbers; with one thread (module rule 3) no other has to be told.
    check(unsafe { libc::setresgid(gid, gid, gid) }).map(drop)
}

/// Becomes another user, for good. *Child-safe.*
pub(crate) fn become_user(uid: u32) -> io::Result<()> {
    // SAFETY: three plain numbers; with one thread (module rule 3) no other has to be told.
    check(unsafe { libc::setresuid(uid, uid, uid) }).map(drop)
}

// ---------------------------------------------------------------------------------------------- mounts

/// Mounts; absent texts are null. *Child-safe.*
pub(crate) fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: c_ulong,
    options: Option<&CStr>,
) -> io::Result<()> {
    let text = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    let (source, kind, options) = (text(source), text(kind), text(options));
    // SAFETY: each pointer is null or a C string borrowed for the call.
    check(unsafe { libc::mount(source, target.as_ptr(), kind, flags, options.cast()) }).map(drop)
}

/// A detached copy of what is mounted at `path`, for [`attach_mount`]. *Child-safe.*
pub(crate) fn copy_mount(path: &CStr) -> io::Result<OwnedFd> {
    const OPEN_TREE_CLONE: c_uint = 1;
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC.unsigned_abs();
    // SAFETY: a C string, borrowed for the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    owned(check_long(fd)?)
}

/// Attaches a detached mount at `target`. *Child-safe.*
pub(crate) fn attach_mount(mount: BorrowedFd<'_>, target: &CStr) -> io::Result<()> {
    const FROM_EMPTY_PATH: c_uint = 4;
    // SAFETY: a borrowed descriptor and two C strings, borrowed for the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            FROM_EMPTY_PATH,
        )
    };
    check_long(result).map(drop)
}

/// Makes the working folder, a mount, the root of this mount namespace, with the old root stacked on it.
/// *Child-safe.*
pub(crate) fn pivot_to_working_dir() -> io::Result<()> {
    let here = c".".as_ptr();
    // SAFETY: two C strings that live for ever.
    check_long(unsafe { libc::syscall(libc::SYS_pivot_root, here, here) }).map(drop)
}

/// Takes the topmost mount at `path` off; it goes when nobody uses it any more. *Child-safe.*
pub(crate) fn detach_mount(path: &CStr) -> io::Result<()> {
    // SAFETY: a C string, borrowed for the call.
    check(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// Makes a folder; one that is there already is fine. *Child-safe.*
pub(crate) fn make_dir(path: &CStr) -> io::Result<()> {
    // SAFETY: a C string, borrowed for the call.
    match check(unsafe { libc::mkdir(path.as_ptr(), 0o755) }) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        result => result.map(drop),
    }
}

/// Makes an empty file. *Child-safe.*
pub(crate) fn make_file(path: &CStr) -> io::Result<()> {
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: a C string, borrowed for the call; the mode is given because of O_CREAT.
    owned(unsafe { libc::open(path.as_ptr(), flags, 0o644 as c_uint) }).map(drop)
}

/// Makes a symbolic link. *Child-safe.*
pub(crate) fn make_link(target: &CStr, path: &CStr) -> io::Result<()> {
    // SAFETY: two C strings, borrowed for the call.
    check(unsafe { libc::symlink(target.as_ptr(), path.as_ptr()) }).map(drop)
}

// ---------------------------------------------------------------------------------------------- exec

/// C strings with the null-terminated list of pointers that exec wants.
struct CStringList<'texts> {
    pointers: Vec<*const c_char>,
    texts: PhantomData<&'texts [CString]>,
}

impl<'texts> CStringList<'texts> {
    fn new(texts: &'texts [CString]) -> Self {
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, texts: PhantomData }
    }
}

/// A program ready to be executed: everything that needs memory is made in [`Exec::new`].
pub(crate) struct Exec<'texts> {
    candidates: &'texts [CString],
    argv: CStringList<'texts>,
    env: CStringList<'texts>,
}

impl<'texts> Exec<'texts> {
    /// Tries `candidates` in order, each as the file of the same `argv` and `env`.
    pub(crate) fn new(candidates: &'texts [CString], argv: &'texts [CString], env: &'texts [CString]) -> Self {
        Self { candidates, argv: CStringList::new(argv), env: CStringList::new(env) }
    }

    /// Becomes the first candidate that there is; returns only if there is none. A candidate that exists and may not be
    /// executed is passed over, and told if no other is found, as shells do. *Child-safe.*
    pub(crate) fn run(&self) -> io::Error {
        let mut error = io::Error::from_raw_os_error(libc::ENOENT);
        for candidate in self.candidates {
            let (argv, env) = (self.argv.pointers.as_ptr(), self.env.pointers.as_ptr());
            // SAFETY: the candidate is a C string, and both lists are null-terminated lists of C strings, all borrowed for
            // `'texts`, which outlives `self`.
            unsafe { libc::execve(candidate.as_ptr(), argv, env) };
            let found = io::Error::last_os_error();
            match found.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                Some(libc::EACCES) => error = found,
                _ => return found,
            }
        }
        error
    }
}

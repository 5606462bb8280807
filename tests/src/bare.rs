//! A child process that the kernel refuses io_uring: the one unsafe file of this crate.
//!
//! The filter answers the three system calls of io_uring with "not permitted", as the common sandboxes do, and allows all others.
//! It stands from before the child's program is executed until its last descendant ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter, sock_fprog};

/// Where the number of the system call stands in `struct seccomp_data`.
const NUMBER_OFFSET: u32 = 0;

/// The program: load the number, compare it three times, refuse or allow. The numbers are the same on all architectures that
/// this project builds for, and nothing in these children speaks another architecture's.
const FILTER: [sock_filter; 6] = [
    step(BPF_LD | BPF_W | BPF_ABS, 0, NUMBER_OFFSET),
    step(BPF_JMP | BPF_JEQ | BPF_K, 3, number(libc::SYS_io_uring_setup)),
    step(BPF_JMP | BPF_JEQ | BPF_K, 2, number(libc::SYS_io_uring_enter)),
    step(BPF_JMP | BPF_JEQ | BPF_K, 1, number(libc::SYS_io_uring_register)),
    step(BPF_RET | BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    step(BPF_RET | BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()),
];

/// One instruction; `then` is how many to leave out when a comparison holds.
const fn step(code: u32, then: u8, value: u32) -> sock_filter {
    #[expect(clippy::cast_possible_truncation, reason = "all codes of classic BPF are below 256")]
    let code = code as u16;
    sock_filter { code, jt: then, jf: 0, k: value }
}

/// A system call's number as the kernel shows it to a filter.
const fn number(call: libc::c_long) -> u32 {
    assert!(call >= 0 && call <= 0xffff, "no system call has such a number");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above, at compile time")]
    let number = call as u32;
    number
}

/// Makes the child of `command` one that io_uring is refused to, with everything it starts. Needs root, as the agent does.
pub fn refuse_io_uring(command: &mut Command) {
    // SAFETY: `install` runs between fork and exec, where only async-signal-safe work may be done; its author keeps it to one
    // system call on constant memory.
    unsafe { command.pre_exec(install) };
}

fn install() -> io::Result<()> {
    let mut filter = FILTER;
    #[expect(clippy::cast_possible_truncation, reason = "six instructions")]
    let program = sock_fprog { len: FILTER.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program before the call returns, and this function keeps `filter` alive until then.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

//! Members with a root folder of their own.

use std::fs;
use std::os::unix::fs::symlink;

use meros_agent::start::{MemberStart, Root};
use meros_agent::supervisor::protocol::{Event, Order, Stage};

use super::support::{Bench, code, signal, status_field};

fn in_root(bench: &Bench, argv: &[&str]) -> MemberStart {
    let mut member = bench.member(argv);
    member.root = Root::Folder(bench.root_folder());
    member
}

fn script_in_root(bench: &Bench, script: &str) -> MemberStart {
    in_root(bench, &["/bin/sh", "-c", script])
}

#[test]
fn the_folder_is_the_root() {
    let Some(bench) = Bench::new("root") else { return };
    let script = "busybox ls /; busybox cat /proc/self/status; busybox ps -o pid,args; exit 3";
    let member = script_in_root(&bench, script);
    assert_eq!(bench.run(&member), code(3));
    let output = bench.output();
    assert!(output.starts_with("bin\ndev\nproc\nName:"), "{output}");
    assert_eq!(status_field(&output, "Cpus_allowed_list:"), "0");
    assert_eq!(status_field(&output, "Mems_allowed_list:"), "0");
    // Its processes are all it sees: the holder is 1, the shell 2.
    let processes = output.lines().skip_while(|line| !line.contains("PID"));
    let numbers: Vec<&str> = processes.skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(numbers[..2], ["1", "2"], "{output}");
    // Nothing but empty mount points is left in the folder.
    for name in ["dev", "proc"] {
        assert_eq!(fs::read_dir(bench.path("root").join(name)).unwrap().count(), 0);
    }
}

#[test]
fn its_devices_work() {
    let Some(bench) = Bench::new("devices") else { return };
    let script = "busybox head -c 2 /dev/zero | busybox wc -c; busybox head -c 8 /dev/urandom | busybox wc -c; \
                  echo x > /dev/null && echo null; echo x 2>/dev/null > /dev/full || echo full; \
                  echo y > /dev/shm/y && busybox cat /dev/shm/y; busybox ls /dev; [ -c /dev/pts/ptmx ] && echo ptmx";
    assert_eq!(bench.run(&script_in_root(&bench, script)), code(0));
    let devices = "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n";
    assert_eq!(bench.output(), format!("2\n8\nnull\nfull\ny\n{devices}ptmx\n"));
}

#[test]
fn sigterm_and_orphans_are_as_anywhere() {
    let Some(bench) = Bench::new("root-sigterm") else { return };
    let mut started = bench.launch(&in_root(&bench, &["sleep", "1000"]));
    started.pid();
    started.order(&Order::Signal(15));
    assert_eq!(started.event(), signal(15));
    bench.cleanup(started);
}

#[test]
fn orphans_inside_are_reaped_and_end_with_it() {
    let Some(bench) = Bench::new("root-orphans") else { return };
    // The inner shell's children are orphans; `true` ends and must not stay as a zombie, `sleep` must not outlive the pod.
    let script = "setsid sh -c 'setsid sleep 1000 & busybox true &'; \
                  while busybox ps -o stat | busybox grep -q Z; do :; done; exit 5";
    assert_eq!(bench.run(&script_in_root(&bench, script)), code(5));
}

#[test]
fn kill_ends_it_with_its_holder() {
    let Some(bench) = Bench::new("root-kill") else { return };
    let mut started = bench.launch(&script_in_root(&bench, "trap '' TERM; setsid sleep 1000 & sleep 1000"));
    started.pid();
    started.order(&Order::Kill);
    assert_eq!(started.event(), signal(9));
    bench.cleanup(started);
}

#[test]
fn a_missing_root_folder_is_told() {
    let Some(bench) = Bench::new("missing-root") else { return };
    let mut member = bench.member(&["/bin/sh"]);
    member.root = Root::Folder("/nonexistent/root".into());
    let expected = Event::StartFailed {
        stage: Stage::Root,
        errno: libc::ENOENT,
        text: "root folder /nonexistent/root: No such file or directory".to_owned(),
    };
    assert_eq!(bench.run(&member), expected);
}

#[test]
fn a_root_folder_without_the_program_is_told() {
    let Some(bench) = Bench::new("bare-root") else { return };
    let event = bench.run(&in_root(&bench, &["/usr/bin/env"]));
    let expected = Event::StartFailed {
        stage: Stage::Exec,
        errno: libc::ENOENT,
        text: "exec /usr/bin/env: No such file or directory".to_owned(),
    };
    assert_eq!(event, expected);
}

#[test]
fn links_in_the_folder_lead_nowhere_outside() {
    let Some(bench) = Bench::new("root-links") else { return };
    let member = in_root(&bench, &["/bin/sh", "-c", "exit 0"]);
    let outside = bench.path("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, bench.path("root").join("dev")).unwrap();
    // Inside, the link's target does not exist: the start fails, and the folder it names outside is untouched.
    match bench.run(&member) {
        Event::StartFailed { stage, .. } => assert_eq!(stage, Stage::Dev),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
}

//! Starts, ends, and everything a program can see of how it was started. With the machine's root.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use meros_agent::start::User;
use meros_agent::supervisor::protocol::{Event, Order, Stage};

use super::support::{BUSYBOX, Bench, code, exists, signal, status_field};

#[test]
fn an_exit_code_is_told_and_outputs_are_in_their_files() {
    let Some(bench) = Bench::new("exit-code") else { return };
    let event = bench.run(&bench.script("echo to-out; echo to-err >&2; exit 3"));
    assert_eq!(event, code(3));
    assert_eq!(bench.output(), "to-out\n");
    assert_eq!(fs::read_to_string(bench.path("err")).unwrap(), "to-err\n");
}

#[test]
fn a_signal_that_it_sends_itself_is_told() {
    let Some(bench) = Bench::new("signal") else { return };
    assert_eq!(bench.run(&bench.script("kill -9 $$")), signal(9));
}

#[test]
fn outputs_are_appended_to() {
    let Some(bench) = Bench::new("append") else { return };
    fs::write(bench.path("out"), "before\n").unwrap();
    assert_eq!(bench.run(&bench.script("echo after")), code(0));
    assert_eq!(bench.output(), "before\nafter\n");
}

#[test]
fn a_plain_program_ends_on_sigterm() {
    let Some(bench) = Bench::new("sigterm") else { return };
    let mut started = bench.launch(&bench.member(&[BUSYBOX, "sleep", "1000"]));
    started.pid();
    started.order(&Order::Signal(15));
    assert_eq!(started.event(), signal(15));
    bench.cleanup(started);
}

#[test]
fn a_program_that_ignores_sigterm_ends_by_kill() {
    let Some(bench) = Bench::new("stubborn") else { return };
    let pipe = bench.pipe("ready");
    let ready = bench.path("ready");
    let script = format!("trap 'echo asked > {0}' TERM; echo set > {0}; while :; do sleep 0.01; done", ready.display());
    let mut started = bench.launch(&bench.script(&script));
    started.pid();
    assert_eq!(pipe.line(), "set");
    started.order(&Order::Signal(15));
    assert_eq!(pipe.line(), "asked");
    started.order(&Order::Kill);
    assert_eq!(started.event(), signal(9));
    assert_eq!(started.try_event(), None);
    bench.cleanup(started);
}

#[test]
fn descendants_in_sessions_of_their_own_end_before_the_end_is_told() {
    let Some(bench) = Bench::new("descendants") else { return };
    // Two generations away, each in a session of its own, so that neither parent nor process group leads to them.
    let script = "setsid sh -c 'echo $$; setsid sh -c \"echo \\$\\$; exec sleep 1000\" & exec sleep 1000' & \
                  while [ $(wc -l < \"$OUT\") -lt 2 ]; do :; done; exit 0";
    let mut member = bench.script(script);
    member.env.push(("OUT".into(), bench.path("out").to_str().unwrap().into()));
    let mut started = bench.launch(&member);
    started.pid();
    assert_eq!(started.event(), code(0));
    let left: Vec<u32> = bench.output().lines().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(left.len(), 2);
    assert!(!left.iter().any(|&pid| exists(pid)), "one of {left:?} is left");
    bench.cleanup(started);
}

#[test]
fn a_missing_program_is_told_by_name() {
    let Some(bench) = Bench::new("missing-program") else { return };
    let failed = |argv: &[&str]| match bench.run(&bench.member(argv)) {
        Event::StartFailed { stage, errno, text } => {
            assert_eq!(stage, Stage::Exec);
            (errno, text)
        }
        other => panic!("{other:?}"),
    };
    let text = "exec /bin/nope: No such file or directory".to_owned();
    assert_eq!(failed(&["/bin/nope"]), (libc::ENOENT, text));
    let text = "exec no-such-program: No such file or directory".to_owned();
    assert_eq!(failed(&["no-such-program"]), (libc::ENOENT, text));
    let plain = bench.path("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let plain = plain.to_str().unwrap();
    let text = format!("exec {plain}: Permission denied");
    assert_eq!(failed(&[plain]), (libc::EACCES, text));
}

#[test]
fn a_program_is_found_in_its_own_path() {
    let Some(bench) = Bench::new("path") else { return };
    let bin = bench.path("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(BUSYBOX, bin.join("busybox")).unwrap();
    let mut member = bench.member(&["busybox", "sh", "-c", "exit 4"]);
    member.env[0].1 = format!("/nonexistent:{}", bin.display());
    assert_eq!(bench.run(&member), code(4));
}

#[test]
fn other_failed_starts_name_their_thing() {
    let Some(bench) = Bench::new("failed-starts") else { return };
    let mut member = bench.script("exit 0");
    member.working_dir = Some("/nonexistent".into());
    let mut unwritable = bench.script("exit 0");
    unwritable.stdout = "/nonexistent/out".into();
    let cases = [
        (member, Stage::WorkingDir, "working folder /nonexistent: No such file or directory"),
        (unwritable, Stage::Output, "output file /nonexistent/out: No such file or directory"),
    ];
    for (member, expected_stage, expected) in cases {
        match bench.run(&member) {
            Event::StartFailed { stage, text, .. } => {
                assert_eq!((stage, text.as_str()), (expected_stage, expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_program_sees_what_it_was_given_and_nothing_of_the_agents() {
    let Some(bench) = Bench::new("surroundings") else { return };
    let mut member = bench.script("pwd; env; ls /proc/self/fd | wc -w; cat");
    member.working_dir = Some("/usr".into());
    member.env.push(("GIVEN".into(), "two words".into()));
    assert_eq!(bench.run(&member), code(0));
    let output = bench.output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "/usr");
    assert!(lines.contains(&"GIVEN=two words"), "{output}");
    assert!(!output.contains("CARGO"), "the agent's environment is not its: {output}");
    // Input, output, errors, and the folder that `ls` itself has open.
    assert!(lines.contains(&"4"), "{output}");
}

#[test]
fn a_program_begins_with_every_signal_at_its_default() {
    let Some(bench) = Bench::new("signals") else { return };
    assert_eq!(bench.run(&bench.member(&[BUSYBOX, "cat", "/proc/self/status"])), code(0));
    for mask in ["SigBlk:", "SigIgn:", "SigCgt:"] {
        assert_eq!(status_field(&bench.output(), mask).trim_start_matches('0'), "");
    }
}

#[test]
fn a_program_runs_as_the_user_it_was_given() {
    let Some(bench) = Bench::new("user") else { return };
    let mut member = bench.script("id -u; id -g; id -G");
    member.user = Some(User { uid: 65534, gid: 65533 });
    assert_eq!(bench.run(&member), code(0));
    assert_eq!(bench.output(), "65534\n65533\n65533\n");
}

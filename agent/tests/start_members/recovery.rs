//! Agents that go and come back, supervisors that are killed, and connections that are not what they should be.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use meros_agent::start::{self, MemberName, Reconnected};
use meros_agent::supervisor::protocol::{Event, Order};

use super::support::{BUSYBOX, Bench, Started, code, exists, runs, signal};

fn name() -> MemberName {
    MemberName::new("pod", "main").unwrap()
}

fn reconnect(bench: &Bench) -> Reconnected {
    start::reconnect(name(), &bench.path("pod")).unwrap()
}

#[test]
fn a_member_outlives_its_agent_and_is_found_again() {
    let Some(bench) = Bench::new("reconnect") else { return };
    let mut started = bench.launch(&bench.member(&[BUSYBOX, "sleep", "1000"]));
    let pid = started.pid();
    let mut supervisor = started.running.supervisor.take();
    drop(started);
    let Reconnected::Running(running) = reconnect(&bench) else {
        panic!("not running");
    };
    let mut again = Started::new(running);
    assert_eq!(again.pid(), pid);
    again.order(&Order::Signal(15));
    assert_eq!(again.event(), signal(15));
    again.running.supervisor = supervisor.take();
    bench.cleanup(again);
}

#[test]
fn an_end_while_no_agent_is_there_is_on_record() {
    let Some(bench) = Bench::new("record") else { return };
    let go = bench.path("go");
    let pipe = bench.pipe("ready");
    let script =
        format!("echo up > {}; until [ -e {} ]; do :; done; exit 7", bench.path("ready").display(), go.display());
    let mut started = bench.launch(&bench.script(&script));
    started.pid();
    assert_eq!(pipe.line(), "up");
    let mut supervisor = started.running.supervisor.take().unwrap();
    drop(started);
    fs::write(go, "").unwrap();
    supervisor.wait().unwrap();
    match reconnect(&bench) {
        Reconnected::Ended(event) => assert_eq!(event, code(7)),
        other => panic!("{other:?}"),
    }
    start::cleanup_name(&bench.tree, &name(), &bench.path("pod"), Some(supervisor)).unwrap();
    assert!(matches!(reconnect(&bench), Reconnected::Lost));
}

#[test]
fn the_newest_connection_commands() {
    let Some(bench) = Bench::new("newest") else { return };
    let mut started = bench.launch(&bench.member(&[BUSYBOX, "sleep", "1000"]));
    let pid = started.pid();
    let Reconnected::Running(running) = reconnect(&bench) else {
        panic!("not running");
    };
    let mut newest = Started::new(running);
    assert_eq!(newest.pid(), pid);
    assert_eq!(started.try_event(), None);
    newest.order(&Order::Kill);
    assert_eq!(newest.event(), signal(9));
    bench.cleanup(started);
}

#[test]
fn a_killed_supervisor_takes_its_member_along_and_the_rest_is_cleaned_up() {
    let Some(bench) = Bench::new("killed-supervisor") else { return };
    let pipe = bench.pipe("ready");
    let ready = bench.path("ready");
    let script = format!("setsid sh -c 'echo $$ > {}; exec sleep 1000' & exec sleep 1000", ready.display());
    let mut started = bench.launch(&bench.script(&script));
    let main = started.pid();
    let descendant: u32 = pipe.line().parse().unwrap();
    started.running.supervisor.as_mut().unwrap().kill().unwrap();
    assert_eq!(started.try_event(), None);
    let left = start::final_event(&name(), &bench.path("pod")).unwrap();
    assert_eq!(left, None, "no end was seen, so none is claimed");
    bench.cleanup(started);
    assert!(!runs(main) && !runs(descendant));
}

#[test]
fn a_start_that_nobody_waits_for_goes_on() {
    let Some(bench) = Bench::new("unwatched") else { return };
    let mut started = bench.launch(&bench.script("exit 2"));
    let mut supervisor = started.running.supervisor.take().unwrap();
    drop(started);
    supervisor.wait().unwrap();
    let event = start::final_event(&name(), &bench.path("pod")).unwrap();
    assert_eq!(event, Some(code(2)));
    start::cleanup_name(&bench.tree, &name(), &bench.path("pod"), Some(supervisor)).unwrap();
}

#[test]
fn garbage_closes_the_connection_and_not_the_member() {
    let Some(bench) = Bench::new("garbage") else { return };
    let mut started = bench.launch(&bench.member(&[BUSYBOX, "sleep", "1000"]));
    let pid = started.pid();
    let socket = bench.path("pod/main.socket");
    let garbage: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n\r\n", &[255; 64], &[2, 0, 0, 0, 9, 3], &[2, 0, 0, 0, 1, 99], &[3, 0, 0, 0, 1, 3, 0]];
    for bytes in garbage {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(bytes).unwrap();
        // `Started` comes first, then the end: nothing else is said to whoever cannot be read.
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() <= 10, "{answer:?}");
        assert!(exists(pid));
    }
    let Reconnected::Running(running) = reconnect(&bench) else {
        panic!("not running");
    };
    let mut again = Started::new(running);
    assert_eq!(again.pid(), pid);
    again.order(&Order::Signal(0));
    again.order(&Order::Signal(-7));
    again.order(&Order::Signal(9));
    assert_eq!(again.event(), signal(9));
    again.running.supervisor = started.running.supervisor.take();
    bench.cleanup(again);
}

#[test]
fn what_a_killed_agent_left_is_purged() {
    let Some(bench) = Bench::new("purge") else { return };
    let mut started = bench.launch(&bench.script("setsid sleep 1000 & exec sleep 1000"));
    let main = started.pid();
    let mut supervisor = started.running.supervisor.take().unwrap();
    drop(started);
    bench.tree.purge().unwrap();
    supervisor.wait().unwrap();
    assert!(!runs(main));
}

#[test]
fn a_supervisor_that_cannot_be_executed_is_told_and_leaves_nothing() {
    let Some(bench) = Bench::new("no-supervisor") else { return };
    let member = bench.script("exit 0");
    let launched = start::launch(&bench.tree, "/nonexistent/supervisor".as_ref(), &member);
    let error = launched.unwrap_err().to_string();
    assert!(error.starts_with("cannot start the supervisor /nonexistent/supervisor: No such file"), "{error}");
    // A program that is no supervisor: it takes no connection and ends.
    let launched = start::launch(&bench.tree, BUSYBOX.as_ref(), &member);
    match launched {
        Err(error) => assert!(error.to_string().starts_with("the supervisor of member `main` ended"), "{error}"),
        Ok(running) => {
            let mut started = Started::new(running);
            assert_eq!(started.try_event(), None);
            bench.cleanup(started);
        }
    }
    assert!(!bench.path("pod/main.socket").exists());
    let event: Option<Event> = start::final_event(&name(), &bench.path("pod")).unwrap();
    assert_eq!(event, None);
}

//! Pinning and limits, as the kernel and the member itself see them.

use std::fs;
use std::num::{NonZeroU32, NonZeroU64};

use meros_agent::cgroup::{Hierarchy, PinningMode, observed};
use meros_agent::supervisor::protocol::{End, Event, Order};
use meros_numa::CpuSet;

use super::support::{BUSYBOX, Bench, code, status_field};

fn pus() -> Vec<u32> {
    let all = observed::of_process(std::process::id()).unwrap().cpus;
    all.iter().collect()
}

fn cpus(pus: &[u32]) -> CpuSet {
    CpuSet::from_indices(pus.iter().copied()).unwrap()
}

#[test]
fn a_member_runs_on_the_pus_it_was_given() {
    let Some(bench) = Bench::new("pinned") else { return };
    for pu in pus() {
        let mut member = bench.script("cat /proc/self/status");
        member.cpus = cpus(&[pu]);
        assert_eq!(bench.run(&member), code(0));
        let output = bench.output();
        assert_eq!(status_field(&output, "Cpus_allowed_list:"), pu.to_string());
        assert_eq!(status_field(&output, "Mems_allowed_list:"), "0");
        fs::remove_file(bench.path("out")).unwrap();
    }
}

#[test]
fn its_supervisor_runs_there_too_and_a_change_moves_both() {
    let Some(bench) = Bench::new("repin") else { return };
    let all = pus();
    let [first, second, ..] = all[..] else {
        println!("SKIPPED repin: it needs two PUs");
        return;
    };
    let mut member = bench.member(&[BUSYBOX, "sleep", "1000"]);
    member.cpus = cpus(&[first]);
    let mut started = bench.launch(&member);
    let both = [started.pid(), started.supervisor_pid()];
    let mems = "0".parse().unwrap();
    // To another set, to a larger one, and back: growing and shrinking.
    for wanted in [&all[..1], &[second], &[first, second], &[first]] {
        bench.tree.repin("pod", &cpus(wanted), &mems).unwrap();
        for pid in both {
            assert_eq!(observed::of_process(pid).unwrap().cpus, cpus(wanted));
        }
    }
    started.order(&Order::Kill);
    started.event();
    bench.cleanup(started);
}

#[test]
fn pus_that_are_not_there_are_refused_before_anything_runs() {
    let Some(bench) = Bench::new("no-such-pus") else { return };
    let mut member = bench.script("exit 0");
    member.cpus = "60000".parse().unwrap();
    let error = bench.try_launch(&member).unwrap_err().to_string();
    assert!(error.contains("cpuset.cpus cannot be"), "{error}");
    assert!(!bench.path("out").exists());
}

#[test]
fn a_member_that_uses_up_its_memory_is_told_as_such() {
    let Some(bench) = Bench::new("memory") else { return };
    let mut member = bench.member(&[BUSYBOX, "dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"]);
    member.mem_bytes = NonZeroU64::new(32 << 20);
    let expected = Event::Exited { end: End::Signal(9), out_of_memory: true };
    assert_eq!(bench.run(&member), expected);
    member.mem_bytes = NonZeroU64::new(1 << 30);
    assert_eq!(bench.run(&member), code(0));
}

#[test]
fn the_number_of_processes_is_limited() {
    let Some(bench) = Bench::new("pids") else { return };
    let mut member = bench.script("/bin/busybox true; echo $?");
    member.pids_max = NonZeroU32::new(1);
    bench.run(&member);
    let errors = fs::read_to_string(bench.path("err")).unwrap();
    assert!(errors.contains("can't fork"), "{errors}");
    member.pids_max = NonZeroU32::new(2);
    assert_eq!(bench.run(&member), code(0));
    assert_eq!(bench.output(), "0\n");
}

#[test]
fn a_second_member_of_that_name_is_refused_and_the_first_untouched() {
    let Some(bench) = Bench::new("twice") else { return };
    let member = bench.member(&[BUSYBOX, "sleep", "1000"]);
    let mut started = bench.launch(&member);
    started.pid();
    let error = bench.try_launch(&member).unwrap_err().to_string();
    assert!(error.ends_with("still has processes: end that member first"), "{error}");
    started.order(&Order::Signal(15));
    assert!(matches!(started.event(), Event::Exited { end: End::Signal(15), .. }));
    bench.cleanup(started);
}

#[test]
fn a_pretended_machine_is_told_and_not_pinned() {
    let Some(bench) = Bench::with("pretended", PinningMode::Recorded, |_| true) else {
        return;
    };
    let mut member = bench.script("cat /proc/self/status");
    member.cpus = "100-107".parse().unwrap();
    member.mems = "6".parse().unwrap();
    let mut started = bench.launch(&member);
    let unwritten: Vec<_> = started.running.unwritten.iter().map(|write| (write.file, write.value.clone())).collect();
    let expected = [("cpuset.cpus", "100-107".to_owned()), ("cpuset.mems", "6".to_owned())];
    assert_eq!(unwritten, expected);
    bench.tree.repin("pod", &member.cpus, &member.mems).unwrap();
    started.pid();
    assert_eq!(started.event(), code(0));
    bench.cleanup(started);
    assert_eq!(status_field(&bench.output(), "Cpus_allowed_list:"), cpus(&pus()).to_string());
    assert!(!bench.cgroup(Hierarchy::Cpuset, "").exists());
}

#[test]
fn a_pretended_machine_needs_no_controllers() {
    let only_v2 = |line: &str| line.contains(" - cgroup2 ");
    let Some(bench) = Bench::with("only-v2", PinningMode::Recorded, only_v2) else { return };
    if bench.layout.mount(Hierarchy::Unified).is_none() {
        println!("SKIPPED only-v2: it needs cgroup v2");
        return;
    }
    let mut member = bench.script("setsid sleep 1000 & exit 8");
    member.mem_bytes = NonZeroU64::new(1 << 40);
    let mut started = bench.launch(&member);
    let files: Vec<_> = started.running.unwritten.iter().map(|write| write.file).collect();
    assert_eq!(files, ["cpuset.cpus", "cpuset.mems", "memory.limit_in_bytes"]);
    started.pid();
    assert_eq!(started.event(), code(8));
    bench.cleanup(started);
}

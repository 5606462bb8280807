//! The link to the master: over both transports, lost and found again, with more to read than fits.

use meros_agent::AgentError;
use meros_agent::config::PumpChoice;
use meros_wire::message::{Message, Output, RefusalCode, TaskState};

use super::bench::{Bench, exclusive, pod};

fn what_happens_while_the_master_is_away_is_told_when_it_is_back(pump: PumpChoice) {
    let Some(mut bench) = Bench::with_agent("away", pump) else { return };
    let mut session = bench.master.admit();
    let pu = session.register.machine.cores[0].pus[0];
    let gate = bench.path("gate");
    let script = format!("while [ ! -e {} ]; do sleep 0.01; done; exit 4", gate.display());
    session.launch(&exclusive(1, &script, &[pu]));
    session.status(pod(1), TaskState::Running);
    session.close();
    std::fs::write(&gate, "").unwrap();
    let mut session = bench.master.admit();
    let known: Vec<_> = session.register.pods.iter().map(|known| known.spec.pod).collect();
    assert_eq!(known, [pod(1)]);
    assert_eq!(session.register.highest_term, 1);
    session.status(pod(1), TaskState::Failed);
    bench.stop();
}

fn a_long_log_comes_whole_over_tcp(pump: PumpChoice) {
    let Some(mut bench) = Bench::new(&format!("tcp-{pump:?}")) else { return };
    if pump == PumpChoice::IoUring && tokio_uring::Runtime::new(&tokio_uring::builder()).is_err() {
        return println!("SKIPPED tcp: no io_uring here");
    }
    bench.start(bench.over_tcp(pump));
    let mut session = bench.master.admit_over_tcp();
    let pu = session.register.machine.cores[0].pus[0];
    session.launch(&exclusive(1, "seq 1 300000", &[pu]));
    let stream = session.open_log(pod(1), Output::Stdout, true);
    // Nobody reads for a while: the window fills, and the agent waits.
    session.status(pod(1), TaskState::Finished);
    let mut log = Vec::new();
    while let Some(bytes) = session.log_bytes(stream) {
        log.extend(bytes);
    }
    let expected: String = (1..=300_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(log.len(), expected.len());
    assert!(log == expected.as_bytes());
    bench.stop();
}

mod io_uring {
    use super::PumpChoice::IoUring;

    #[test]
    fn what_happens_while_the_master_is_away_is_told_when_it_is_back() {
        super::what_happens_while_the_master_is_away_is_told_when_it_is_back(IoUring);
    }

    #[test]
    fn a_long_log_comes_whole_over_tcp() {
        super::a_long_log_comes_whole_over_tcp(IoUring);
    }
}

mod epoll {
    use super::PumpChoice::Epoll;

    #[test]
    fn what_happens_while_the_master_is_away_is_told_when_it_is_back() {
        super::what_happens_while_the_master_is_away_is_told_when_it_is_back(Epoll);
    }

    #[test]
    fn a_long_log_comes_whole_over_tcp() {
        super::a_long_log_comes_whole_over_tcp(Epoll);
    }
}

#[test]
fn a_log_of_nobody_is_refused_with_the_reason() {
    let Some(mut bench) = Bench::with_agent("no-log", PumpChoice::Auto) else { return };
    let mut session = bench.master.admit();
    let stream = session.open_log(pod(9), Output::Stdout, true);
    let reason = session.wait_for_reset(stream);
    assert!(reason.contains(&pod(9).to_string()), "{reason}");
    bench.stop();
}

#[test]
fn an_order_of_an_older_term_is_refused_and_the_highest_outlives_the_agent() {
    let Some(mut bench) = Bench::with_agent("terms", PumpChoice::Auto) else { return };
    let mut session = bench.master.admit();
    let pu = session.register.machine.cores[0].pus[0];
    session.term = 5;
    session.launch(&exclusive(1, "exit 0", &[pu]));
    session.status(pod(1), TaskState::Finished);
    session.term = 4;
    session.launch(&exclusive(2, "exit 0", &[pu]));
    let code = session.message("a refusal", |message| match message {
        Message::Refusal(refusal) => Some(refusal.code),
        _ => None,
    });
    assert_eq!(code, RefusalCode::StaleTerm);
    bench.stop();
    bench.start(bench.config(PumpChoice::Auto));
    // A leader of term 1 admits it, and is not followed.
    let mut session = bench.master.admit();
    assert_eq!(session.register.highest_term, 5);
    session.wait_for_close();
    bench.stop();
}

#[test]
fn a_state_folder_has_one_agent() {
    let Some(mut bench) = Bench::with_agent("locked", PumpChoice::Auto) else { return };
    let _session = bench.master.admit();
    bench.ready();
    let (_stop, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let second = meros_agent::run(bench.config(PumpChoice::Auto), |_| {}, theirs);
    assert!(matches!(second, Err(AgentError::Disk(_))), "{second:?}");
    bench.stop();
}

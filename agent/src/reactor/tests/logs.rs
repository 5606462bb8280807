//! Log streams, their pace and their end.

use super::*;
use crate::event::LogError;
use crate::reactor::logs::{IDLE_MAX_MS, IDLE_MIN_MS};

fn written(scene: &mut Scene, stream: u64, count: usize) {
    scene.event(Event::StreamWritten { stream: StreamId(stream), count });
}

#[test]
fn a_log_is_read_to_its_present_end() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, false);
    scene.log_read(1, b"hello\n");
    written(&mut scene, 1, 6);
    scene.log_read(1, b"");
    scene.expect(&["r1 read at 0", "s1 write 6", "r1 read at 6", "s1 end", "r1 close"]);
}

#[test]
fn nothing_is_read_while_the_master_has_no_room() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    scene.log_read(1, &[0; 1000]);
    scene.expect(&["r1 read at 0", "s1 write 1000"]);
    written(&mut scene, 1, 400);
    scene.after(1_000);
    scene.expect(&[]);
    written(&mut scene, 1, 600);
    scene.expect(&["r1 read at 1000"]);
}

#[test]
fn a_follower_waits_longer_while_nothing_is_written() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    scene.expect(&["r1 read at 0"]);
    for wait_ms in [IDLE_MIN_MS, 40, 80, 160, IDLE_MAX_MS, IDLE_MAX_MS] {
        scene.log_read(1, b"");
        scene.after(wait_ms - 1);
        scene.expect(&[]);
        scene.after(1);
        scene.expect(&["r1 read at 0"]);
    }
    scene.log_read(1, b"x");
    written(&mut scene, 1, 1);
    scene.log_read(1, b"");
    scene.after(IDLE_MIN_MS);
    scene.expect(&["s1 write 1", "r1 read at 1", "r1 read at 1"]);
}

#[test]
fn a_follower_gets_all_that_was_written_before_the_end() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    scene.log_read(1, b"");
    scene.exited(1, Exit::Code(0));
    scene.skip();
    scene.removed(1);
    scene.expect(&["keep ending p1 finished", "r1 read at 0", "tell p1 finished Exited"]);
    scene.log_read(1, b"last words");
    scene.acknowledge(1);
    written(&mut scene, 1, 10);
    scene.log_read(1, b"");
    scene.expect(&["s1 write 10", "forget p1", "r1 read at 10", "s1 end", "r1 close"]);
}

#[test]
fn a_read_begun_before_the_end_is_not_the_last() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.skip();
    scene.log_read(1, b"");
    scene.expect(&["r1 read at 0"]);
    scene.log_read(1, b"");
    scene.expect(&["s1 end", "r1 close"]);
}

#[test]
fn the_logs_of_an_ended_pod_can_still_be_read() {
    let mut scene = Scene::running(1);
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.acknowledge(1);
    scene.skip();
    scene.open_logs(3, 1, true);
    scene.log_read(1, b"");
    scene.expect(&["r1 read at 0", "s3 end", "r1 close"]);
}

#[test]
fn logs_of_an_unknown_pod_or_member_are_refused() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 2, true);
    let request = LogsRequest { pod: pod(1), member: "../main".to_owned(), ..LogsRequest::default() };
    scene.event(Event::StreamOpened { stream: StreamId(3), purpose: StreamPurpose::Logs(request) });
    scene.expect(&["s1 reset", "s3 reset"]);
}

#[test]
fn a_file_that_cannot_be_read_ends_the_stream_with_the_reason() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    let error = LogError { path: "main.stdout".into(), message: "I/O error".to_owned() };
    scene.event(Event::LogRead { reader: ReaderId(1), result: Err(error) });
    scene.expect(&["r1 read at 0", "s1 reset", "r1 close"]);
}

#[test]
fn a_stream_given_up_or_lost_with_its_connection_closes_its_file() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    scene.open_logs(3, 1, true);
    scene.skip();
    scene.event(Event::StreamReset { stream: StreamId(1), reason: "enough".to_owned() });
    scene.expect(&["r1 close"]);
    scene.log_read(1, b"late");
    scene.expect(&[]);
    scene.disconnect();
    scene.expect(&["r2 close"]);
    written(&mut scene, 3, 5);
    scene.expect(&[]);
}

#[test]
fn what_the_master_writes_to_a_log_stream_is_dropped() {
    let mut scene = Scene::running(1);
    scene.open_logs(1, 1, true);
    scene.event(Event::StreamData { stream: StreamId(1), bytes: b"?".to_vec() });
    scene.event(Event::StreamEnded { stream: StreamId(1) });
    scene.expect(&["r1 read at 0", "s1 consumed 1"]);
}

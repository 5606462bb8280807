//! How a process between clone and exec tells why it could not go on: eight bytes in a pipe, `stage: u32 | errno: i32`,
//! in this machine's byte order. Exec closes the pipe; so does the end of the process. An end of file therefore
//! means "executed, or killed before": the exit that follows tells a killed one truthfully.

use std::convert::Infallible;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

use super::protocol::Stage;
use crate::start::sys;

/// Not the number of a stage: everything was done.
const DONE: u32 = u32::MAX;

/// A step that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) errno: i32,
}

/// Names the stage of a step.
pub(super) trait At<T> {
    /// The result, with the stage if it is a failure.
    fn at(self, stage: Stage) -> Result<T, Failure>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, stage: Stage) -> Result<T, Failure> {
        self.map_err(|error| Failure { stage, errno: error.raw_os_error().unwrap_or(0) })
    }
}

/// Ends the calling process, having told its failure. Child-safe, as [`sys`] uses the word.
pub(super) fn fail(mut report: &PipeWriter, failure: &Failure) -> ! {
    let stage = u32::from(failure.stage.number());
    // With nobody left to read it there is nothing else to do about an error here.
    let _ = report.write_all(&message(stage, failure.errno));
    sys::end_now(127)
}

/// Tells that all is done. Child-safe.
pub(super) fn done(mut report: &PipeWriter) -> io::Result<()> {
    report.write_all(&message(DONE, 0))
}

/// What the other end told; waits for it. `None`: it closed the pipe without a word.
pub(super) fn read(mut report: &PipeReader) -> io::Result<Option<Result<(), Failure>>> {
    let mut bytes = [0; 8];
    match report.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(Some(parse(bytes))),
    }
}

fn message(stage: u32, errno: i32) -> [u8; 8] {
    let [a, b, c, d] = stage.to_ne_bytes();
    let [e, f, g, h] = errno.to_ne_bytes();
    [a, b, c, d, e, f, g, h]
}

fn parse([a, b, c, d, e, f, g, h]: [u8; 8]) -> Result<(), Failure> {
    let stage = u32::from_ne_bytes([a, b, c, d]);
    let errno = i32::from_ne_bytes([e, f, g, h]);
    let stage = u8::try_from(stage).ok().and_then(Stage::from_number);
    // Only our own children write here: what is no stage is DONE.
    stage.map_or(Ok(()), |stage| Err(Failure { stage, errno }))
}

/// A body that runs in a child and has no way back.
pub(super) fn run_to_the_end(report: &PipeWriter, body: impl FnOnce() -> Result<Infallible, Failure>) -> ! {
    match body() {
        Err(failure) => fail(report, &failure),
    }
}

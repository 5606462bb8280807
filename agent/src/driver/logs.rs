//! Log files that are being read: opened once per reader, then read by offset.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use super::{Input, Inputs};
use crate::event::{Event, LogError, ReaderId};
use crate::pump::Pump;

/// Open log files.
pub(super) struct LogFiles<P: Pump> {
    pump: P,
    inputs: Inputs<P>,
    open: BTreeMap<ReaderId, Rc<P::File>>,
}

impl<P: Pump> LogFiles<P> {
    pub(super) const fn new(pump: P, inputs: Inputs<P>) -> Self {
        Self { pump, inputs, open: BTreeMap::new() }
    }

    /// Reads on; the answer comes as an event, now or later.
    pub(super) fn read(
        &mut self,
        reader: ReaderId,
        path: PathBuf,
        offset_bytes: u64,
        count_max: usize,
        events: &mut VecDeque<Event>,
    ) {
        let file = match self.file(reader, &path) {
            Ok(Some(file)) => file,
            Ok(None) => return events.push_back(Event::LogRead { reader, result: Ok(Vec::new()) }),
            Err(error) => return events.push_back(Event::LogRead { reader, result: Err(log_error(path, &error)) }),
        };
        let (pump, inputs) = (self.pump, self.inputs.clone());
        tokio::task::spawn_local(async move {
            let read = pump.read_at(&file, count_max, offset_bytes).await;
            let result = read.map_err(|error| log_error(path, &error));
            // Whoever receives is gone only when the agent ends.
            let _ = inputs.send(Input::LogRead { reader, result }).await;
        });
    }

    /// `None`: the file is not there yet.
    fn file(&mut self, reader: ReaderId, path: &PathBuf) -> io::Result<Option<Rc<P::File>>> {
        if let Some(file) = self.open.get(&reader) {
            return Ok(Some(Rc::clone(file)));
        }
        match File::open(path) {
            Ok(file) => {
                let file = Rc::new(self.pump.file(file));
                self.open.insert(reader, Rc::clone(&file));
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn close(&mut self, reader: ReaderId) {
        self.open.remove(&reader);
    }
}

fn log_error(path: PathBuf, error: &io::Error) -> LogError {
    LogError { path, message: error.to_string() }
}

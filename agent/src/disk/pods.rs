//! What is kept of pods: orders and last statuses, as the frames that brought them or told them, and logs.

use std::fs::{self, DirBuilder, ReadDir};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use meros_wire::frame::Payload;
use meros_wire::message::{Envelope, Launch, Message, Output, PodId, ReportStatus, Uuid};
use meros_wire::{decode, encode};

use super::file::{read_bounded, remove, replace};
use super::{DiskError, StateDir};

/// No frame of an order or a status is larger.
const FRAME_BYTES_MAX: u64 = 4 << 20;

const LAUNCH: &str = "launch";
const ENDING: &str = "ending";
const STDOUT: &str = "stdout";

/// The folder of all pods.
#[derive(Clone, Debug)]
pub(crate) struct PodFiles(PathBuf);

/// What an earlier agent left of a pod.
#[derive(Debug)]
pub(crate) struct PodFolder {
    /// Which.
    pub(crate) pod: PodId,
    /// The order, of a pod whose last status was not acknowledged.
    pub(crate) launch: Option<(Envelope, Launch)>,
    /// Its last status.
    pub(crate) ending: Option<ReportStatus>,
    /// Its members that have an output file.
    pub(crate) members: Vec<String>,
    written: SystemTime,
}

impl PodFiles {
    /// Makes the folder if need be.
    pub(crate) fn open(folder: &StateDir) -> Result<Self, DiskError> {
        let path = folder.path().join("pods");
        make_folder(&path)?;
        Ok(Self(path))
    }

    /// The folder of one pod: the one its supervisors use too.
    pub(crate) fn folder(&self, pod: PodId) -> PathBuf {
        self.0.join(pod.to_string())
    }

    /// The file that an output of a member goes to.
    pub(crate) fn output(&self, pod: PodId, member: &str, output: Output) -> PathBuf {
        let kind = match output {
            Output::Stdout => STDOUT,
            Output::Stderr => "stderr",
        };
        self.folder(pod).join(format!("{member}.{kind}"))
    }

    /// Keeps an order before it is carried out.
    pub(crate) fn keep_launch(&self, envelope: &Envelope, launch: &Launch) -> Result<(), DiskError> {
        make_folder(&self.folder(launch.spec.pod))?;
        self.keep(launch.spec.pod, LAUNCH, envelope, Message::Launch(launch.clone()))
    }

    /// Keeps a pod's last status.
    pub(crate) fn keep_ending(&self, report: &ReportStatus) -> Result<(), DiskError> {
        let message = Message::ReportStatus(report.clone());
        self.keep(report.status.pod, ENDING, &Envelope::default(), message)
    }

    fn keep(&self, pod: PodId, name: &str, envelope: &Envelope, message: Message) -> Result<(), DiskError> {
        let mut encoder = encode::Encoder::default();
        replace(&self.folder(pod).join(name), encoder.message(envelope, &message), false)
    }

    /// The last status was acknowledged: only logs stay.
    pub(crate) fn forget(&self, pod: PodId) -> Result<(), DiskError> {
        // In this order: a status without its order is only logs, an order without its status would be told lost.
        remove(&self.folder(pod).join(LAUNCH))?;
        remove(&self.folder(pod).join(ENDING))
    }

    /// Drops all that is left of a pod.
    pub(crate) fn remove(&self, pod: PodId) -> Result<(), DiskError> {
        let path = self.folder(pod);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DiskError::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// What earlier agents left, oldest first. What cannot be read is reported in the log and taken for absent.
    pub(crate) fn scan(&self) -> Result<Vec<PodFolder>, DiskError> {
        let mut found = Vec::new();
        for path in entries(&self.0).map_err(DiskError::io("read", &self.0))? {
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<Uuid>().ok());
            match name {
                Some(uuid) => found.push(self.look_into(PodId(uuid)).map_err(DiskError::io("read", &path))?),
                None => tracing::warn!(path = %path.display(), "not a pod's folder; left alone"),
            }
        }
        found.sort_by_key(|folder| (folder.written, folder.pod));
        Ok(found)
    }

    fn look_into(&self, pod: PodId) -> io::Result<PodFolder> {
        let path = self.folder(pod);
        let launch = self.read(pod, LAUNCH).and_then(|(envelope, message)| match message {
            Message::Launch(launch) if launch.spec.pod == pod => Some((envelope, launch)),
            _ => None,
        });
        let ending = self.read(pod, ENDING).and_then(|(_, message)| match message {
            Message::ReportStatus(report) if report.status.pod == pod => Some(report),
            _ => None,
        });
        let written = fs::metadata(&path)?.modified()?;
        Ok(PodFolder { pod, launch, ending, members: members(&path)?, written })
    }

    fn read(&self, pod: PodId, name: &str) -> Option<(Envelope, Message)> {
        let path = self.folder(pod).join(name);
        let problem = match read_bounded(&path, FRAME_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
            Ok(bytes) => match decode::frame(&bytes).map(|frame| (frame.envelope, frame.payload)) {
                Ok((envelope, Payload::Message(message))) => return Some((envelope, message)),
                Ok(_) => "no message".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        tracing::warn!(path = %path.display(), "not what an agent wrote, and ignored: {problem}");
        None
    }
}

fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    let each = |entries: ReadDir| entries.map(|entry| entry.map(|entry| entry.path())).collect();
    fs::read_dir(path).and_then(each)
}

fn members(folder: &Path) -> io::Result<Vec<String>> {
    let outputs = entries(folder)?.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == STDOUT));
    let names = outputs.filter_map(|path| path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    Ok(names.collect())
}

fn make_folder(path: &Path) -> Result<(), DiskError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(DiskError::io("make", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meros_wire::message::{ClaimTag, MemberSpec, PodSpec, StatusUpdate, TaskState};

    fn order(number: u8) -> (Envelope, Launch) {
        let member = MemberSpec { name: "main".to_owned(), ..MemberSpec::default() };
        let spec = PodSpec { pod: PodId(Uuid([number; 16])), members: vec![member], ..PodSpec::default() };
        let envelope = Envelope { claim: ClaimTag(7), term: 2, ..Envelope::default() };
        (envelope, Launch { spec, framework: 3, ..Launch::default() })
    }

    #[test]
    fn orders_and_last_statuses_are_found_again_until_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let files = PodFiles::open(&StateDir::open(folder.path()).unwrap()).unwrap();
        let (envelope, launch) = order(1);
        let pod = launch.spec.pod;
        files.keep_launch(&envelope, &launch).unwrap();
        let status = StatusUpdate { pod, state: TaskState::Finished, ..StatusUpdate::default() };
        let report = ReportStatus { framework: 3, status };
        files.keep_ending(&report).unwrap();
        fs::write(files.output(pod, "main", Output::Stdout), "hello").unwrap();
        let found = files.scan().unwrap().pop().unwrap();
        assert_eq!(found.launch, Some((envelope, launch)));
        assert_eq!(found.ending, Some(report));
        assert_eq!(found.members, ["main"]);

        files.forget(pod).unwrap();
        let found = files.scan().unwrap().pop().unwrap();
        assert!(found.launch.is_none() && found.ending.is_none());
        files.remove(pod).unwrap();
        files.remove(pod).unwrap();
        assert!(files.scan().unwrap().is_empty());
    }

    #[test]
    fn garbage_is_taken_for_absent() {
        let folder = tempfile::tempdir().unwrap();
        let files = PodFiles::open(&StateDir::open(folder.path()).unwrap()).unwrap();
        let (envelope, launch) = order(1);
        files.keep_launch(&envelope, &launch).unwrap();
        let (_, other) = order(2);
        let path = files.folder(launch.spec.pod);
        fs::rename(path.join(LAUNCH), path.join(ENDING)).unwrap();
        for garbage in [&b""[..], b"\xff\xff\xff\xff", &[7; 100]] {
            fs::write(path.join(LAUNCH), garbage).unwrap();
            let found = files.scan().unwrap().pop().unwrap();
            assert!(found.launch.is_none() && found.ending.is_none());
        }
        fs::create_dir(files.0.join("not a pod")).unwrap();
        files.keep_launch(&envelope, &other).unwrap();
        assert_eq!(files.scan().unwrap().len(), 2);
    }
}

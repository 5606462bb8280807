//! Frames: how messages stand one behind the other on a stream and in a record.
//!
//! `length: u32 | version: u8 | kind: u8 | body`, little-endian; `length` counts everything behind itself. A body is
//! fields in a fixed order: numbers, and texts as `length: u32 | bytes`.
//!
//! Both ends take what comes as hostile: a length is checked before anything is kept for it, every field has its own
//! bound by the frame's, and bytes behind the last field are an error.

use std::ffi::CString;

use thiserror::Error;

/// The version both ends speak. An agent that was upgraded while its members ran meets older supervisors: the next
/// version keeps reading this one.
pub const VERSION: u8 = 1;

/// The longest frame, its length not counted. Room for arguments and environment of a large program.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

const LENGTH_BYTES: usize = 4;
const HEAD_BYTES: usize = 2;

/// Why bytes are not messages. The stream they came from is of no further use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// Longer or shorter than any frame.
    #[error("a frame of {0} bytes: at least {HEAD_BYTES} and at most {MAX_FRAME_BYTES} are allowed")]
    FrameLength(usize),
    /// The other end is of another version.
    #[error("protocol version {0}: this end speaks {VERSION}")]
    Version(u8),
    /// A kind of message that does not exist or does not go this way.
    #[error("message kind {0} is not known here")]
    Kind(u8),
    /// The frame ends within a field.
    #[error("the frame ends within field `{0}`")]
    Short(&'static str),
    /// The frame goes on behind the last field.
    #[error("{0} bytes behind the last field")]
    Long(usize),
    /// A field's value is none of those it may have.
    #[error("field `{0}` has a value that it cannot have")]
    Value(&'static str),
}

/// Kind and body of one frame.
#[derive(Debug)]
pub(super) struct Frame<'bytes> {
    pub(super) kind: u8,
    pub(super) body: Body<'bytes>,
}

impl<'bytes> Frame<'bytes> {
    /// The first frame in `bytes` and how many bytes it takes; `None` while it is not there whole.
    pub(super) fn split(bytes: &'bytes [u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if !(HEAD_BYTES..=MAX_FRAME_BYTES).contains(&length) {
            return Err(ProtocolError::FrameLength(length));
        }
        match rest.get(..length) {
            Some([VERSION, kind, body @ ..]) => {
                let (kind, body) = (*kind, Body { rest: body });
                Ok(Some((Self { kind, body }, LENGTH_BYTES + length)))
            }
            Some([version, ..]) => Err(ProtocolError::Version(*version)),
            _ => Ok(None),
        }
    }
}

/// A frame being made.
#[derive(Debug)]
pub(super) struct FrameWriter {
    bytes: Vec<u8>,
}

impl FrameWriter {
    pub(super) fn new(kind: u8) -> Self {
        let mut bytes = vec![0; LENGTH_BYTES];
        bytes.extend([VERSION, kind]);
        Self { bytes }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        // A value too long for the number makes a frame far too long, which no reader takes.
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.bytes.extend(value);
    }

    pub(super) fn list(&mut self, values: &[CString]) {
        self.u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
        for value in values {
            self.bytes(value.as_bytes());
        }
    }

    pub(super) fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// The frame, with its length in place. One that is too long is refused by whoever reads it; launches are checked
    /// for it before.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len() - LENGTH_BYTES).unwrap_or(u32::MAX);
        self.bytes[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        self.bytes
    }
}

/// The fields of a frame, read from the front.
#[derive(Debug)]
pub(super) struct Body<'bytes> {
    rest: &'bytes [u8],
}

impl<'bytes> Body<'bytes> {
    fn take(&mut self, count: usize, field: &'static str) -> Result<&'bytes [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ProtocolError::Short(field))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ProtocolError::Short(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, ProtocolError> {
        self.array(field).map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, ProtocolError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, ProtocolError> {
        self.array(field).map(i32::from_le_bytes)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<bool, ProtocolError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ProtocolError::Value(field)),
        }
    }

    pub(super) fn bytes(&mut self, field: &'static str) -> Result<&'bytes [u8], ProtocolError> {
        let count = self.u32(field)? as usize;
        self.take(count, field)
    }

    /// Text for people.
    pub(super) fn text(&mut self, field: &'static str) -> Result<String, ProtocolError> {
        Ok(String::from_utf8_lossy(self.bytes(field)?).into_owned())
    }

    /// Text for the kernel, in which there can be no zero byte.
    pub(super) fn c_string(&mut self, field: &'static str) -> Result<CString, ProtocolError> {
        CString::new(self.bytes(field)?).map_err(|_| ProtocolError::Value(field))
    }

    /// A list's announced length keeps no memory: it grows as its entries are read.
    pub(super) fn list(&mut self, field: &'static str) -> Result<Vec<CString>, ProtocolError> {
        let count = self.u32(field)?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.c_string(field)?);
        }
        Ok(values)
    }

    pub(super) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, ProtocolError>,
    ) -> Result<Option<T>, ProtocolError> {
        if self.bool(field)? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn end(self) -> Result<(), ProtocolError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(ProtocolError::Long(left)),
        }
    }
}

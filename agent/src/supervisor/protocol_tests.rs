//! Round trips, cuts, and bytes that are no messages.

use super::*;

fn texts(texts: &[&str]) -> Vec<CString> {
    texts.iter().map(|text| CString::new(*text).unwrap()).collect()
}

fn spec() -> StartSpec {
    StartSpec {
        argv: texts(&["sh", "-c", ""]),
        env: texts(&["A=1", "B="]),
        candidates: texts(&["/bin/sh", "/usr/bin/sh"]),
        working_dir: c"/tmp".into(),
        root: Some(c"/srv/root".into()),
        stdout: c"/out".into(),
        stderr: c"/err".into(),
        user: Some(User { uid: 7, gid: 8 }),
        group: Group::new(vec![(Hierarchy::Cpuset, "/c/x".into()), (Hierarchy::Unified, "/u/x".into())]),
    }
}

fn orders() -> Vec<Order> {
    vec![Order::Start(Box::new(spec())), Order::Start(Box::default()), Order::Signal(15), Order::Kill]
}

fn events() -> Vec<Event> {
    let failed = |stage| Event::StartFailed {
        stage,
        errno: libc::ENOENT,
        text: "exec /bin/nope: No such file or directory".to_owned(),
    };
    let exited = |end| Event::Exited { end, out_of_memory: matches!(end, End::Signal(_)) };
    let mut events = vec![Event::Started { pid: 4_000_000 }, exited(End::Code(255)), exited(End::Signal(9))];
    events.extend(Stage::ALL.map(failed));
    events
}

/// Reads `bytes` in pieces of `piece` bytes.
fn read_in_pieces<M: Message>(bytes: &[u8], piece: usize) -> Result<Vec<M>, ProtocolError> {
    let mut reader = MessageReader::new();
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(message) = reader.next()? {
            messages.push(message);
        }
    }
    Ok(messages)
}

#[test]
fn messages_come_through_whole_however_the_stream_cuts_them() {
    let sent: Vec<u8> = orders().iter().flat_map(Order::encode).collect();
    for piece in [1, 2, 7, 64, sent.len()] {
        assert_eq!(read_in_pieces::<Order>(&sent, piece).unwrap(), orders());
    }
    let sent: Vec<u8> = events().iter().flat_map(Event::encode).collect();
    for piece in [1, 5, sent.len()] {
        assert_eq!(read_in_pieces::<Event>(&sent, piece).unwrap(), events());
    }
}

#[test]
fn every_cut_frame_is_an_error_that_names_a_field() {
    let frame = Order::Start(Box::new(spec())).encode();
    for length in 6..frame.len() {
        let mut cut = frame[..length].to_vec();
        let announced = u32::try_from(length - 4).unwrap();
        cut[..4].copy_from_slice(&announced.to_le_bytes());
        match read_in_pieces::<Order>(&cut, length) {
            Err(ProtocolError::Short(_)) => {}
            other => panic!("cut to {length}: {other:?}"),
        }
    }
}

#[test]
fn no_single_changed_byte_panics() {
    for frame in orders().iter().map(Order::encode) {
        for at in 0..frame.len() {
            for value in [0, 1, 127, 255] {
                let mut changed = frame.clone();
                changed[at] = value;
                drop(read_in_pieces::<Order>(&changed, frame.len()));
            }
        }
    }
}

#[test]
fn a_frame_too_long_is_refused_by_its_length_alone() {
    let announced = u32::try_from(MAX_FRAME_BYTES + 1).unwrap().to_le_bytes();
    let error = read_in_pieces::<Event>(&announced, 4).unwrap_err();
    assert_eq!(error, ProtocolError::FrameLength(MAX_FRAME_BYTES + 1));
}

#[test]
fn a_list_that_claims_to_be_endless_keeps_no_memory() {
    let bytes = [10, 0, 0, 0, 1, 1, 255, 255, 255, 255, 9, 0, 0, 0];
    let error = read_in_pieces::<Order>(&bytes, bytes.len()).unwrap_err();
    assert_eq!(error, ProtocolError::Short("argv"));
}

#[test]
fn other_versions_directions_and_values_are_refused() {
    let refused = |bytes: &[u8]| read_in_pieces::<Order>(bytes, bytes.len()).unwrap_err();
    assert_eq!(refused(&[2, 0, 0, 0, 2, 3]), ProtocolError::Version(2));
    assert_eq!(refused(&Event::Started { pid: 1 }.encode()), ProtocolError::Kind(65));
    assert_eq!(refused(&[3, 0, 0, 0, 1, 3, 0]), ProtocolError::Long(1));
    let bad_end = [5, 0, 0, 0, 1, 67, 2, 9, 0];
    let error = read_in_pieces::<Event>(&bad_end, bad_end.len()).unwrap_err();
    assert_eq!(error, ProtocolError::Value("signalled"));
    let zero_byte = [10, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0];
    let mut zero_byte = zero_byte.to_vec();
    zero_byte[0] = 11;
    assert_eq!(refused(&zero_byte), ProtocolError::Value("argv"));
}

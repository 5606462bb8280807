//! Both pumps do the same.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::thread;

use super::epoll::Epoll;
use super::uring::IoUring;
use super::*;

/// Runs the same future body on each pump that this kernel has.
macro_rules! on_each_pump {
    ($body:expr) => {
        let Runtime::Epoll { runtime, local, .. } = Runtime::new(PumpChoice::Epoll).unwrap() else { panic!() };
        local.block_on(&runtime, $body(Epoll));
        match Runtime::new(PumpChoice::IoUring) {
            Ok(Runtime::IoUring(runtime)) => runtime.block_on($body(IoUring)),
            Ok(Runtime::Epoll { .. }) => panic!("not what was chosen"),
            Err(error) => eprintln!("SKIPPED: the io-uring pump is not tested here: {error}"),
        }
    };
}

/// Larger than any socket's buffer.
fn much() -> Vec<u8> {
    (0..3_000_000_u32).map(|at| at.to_le_bytes()[0]).collect()
}

async fn read_all(socket: &impl Socket) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let bytes = socket.read(10_000).await.unwrap();
        if bytes.is_empty() {
            return all;
        }
        all.extend(bytes);
    }
}

/// A peer that sends back all it gets, then ends.
fn echo(mut stream: impl Read + Write) {
    let mut all = vec![0; much().len()];
    stream.read_exact(&mut all).unwrap();
    stream.write_all(&all).unwrap();
}

async fn there_and_back(socket: &impl Socket) {
    socket.write_all(much()).await.unwrap();
    assert!(read_all(socket).await == much());
}

async fn over_an_adopted_socket(pump: impl Pump) {
    let (here, there) = UnixStream::pair().unwrap();
    let peer = thread::spawn(move || echo(there));
    there_and_back(&pump.adopt(here).unwrap()).await;
    peer.join().unwrap();
}

async fn over_a_connection(pump: impl Pump) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", tcp.local_addr().unwrap().port());
    let peers = thread::spawn(move || {
        echo(unix.accept().unwrap().0);
        echo(tcp.accept().unwrap().0);
    });
    for endpoint in [Endpoint::Unix(path), Endpoint::Tcp(address)] {
        there_and_back(&pump.connect(&endpoint).await.unwrap()).await;
    }
    peers.join().unwrap();
}

async fn to_nobody(pump: impl Pump) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    drop(UnixListener::bind(&path).unwrap());
    for endpoint in
        [Endpoint::Unix(path), Endpoint::Unix("/none/socket".into()), Endpoint::Tcp("127.0.0.1:1".to_owned())]
    {
        assert!(pump.connect(&endpoint).await.is_err(), "{endpoint}");
    }
}

async fn a_shutdown_wakes_the_reader<P: Pump>(pump: P) {
    let (here, _there) = UnixStream::pair().unwrap();
    let socket = Rc::new(pump.adopt(here).unwrap());
    let reading = Rc::clone(&socket);
    let reader = tokio::task::spawn_local(async move { reading.read(10).await });
    tokio::task::yield_now().await;
    socket.shutdown();
    assert!(reader.await.unwrap().unwrap().is_empty());
}

async fn a_file_by_offsets(pump: impl Pump) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    let file = pump.file(file);
    assert_eq!(pump.read_at(&file, 4, 0).await.unwrap(), b"0123");
    assert_eq!(pump.read_at(&file, 100, 7).await.unwrap(), b"789");
    assert!(pump.read_at(&file, 100, 10).await.unwrap().is_empty());
    assert!(pump.read_at(&file, 100, 1 << 40).await.unwrap().is_empty());
}

#[test]
fn bytes_go_there_and_back() {
    on_each_pump!(over_an_adopted_socket);
    on_each_pump!(over_a_connection);
}

#[test]
fn a_connection_to_nobody_fails() {
    on_each_pump!(to_nobody);
}

#[test]
fn a_reader_does_not_hang_after_a_shutdown() {
    on_each_pump!(a_shutdown_wakes_the_reader);
}

#[test]
fn files_are_read_by_offset() {
    on_each_pump!(a_file_by_offsets);
}

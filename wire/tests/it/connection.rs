//! Mutual TLS around the channel: who gets in, who does not, and what each is told.

use std::sync::{Arc, LazyLock};

use meros_wire::authority::{Authority, CREDENTIAL_DAYS, Credentials, CredentialsError};
use meros_wire::message::{Envelope, Uuid};
use meros_wire::secure::{ClientTls, ServerTls, UnixClock};
use meros_wire::{CloseCode, CloseReason, Connection, Event, Identity, Limits, Link, LinkError, Peer};

use crate::pair::{Pair, cluster, drain, events, identity, pump, query};

const NOW_UNIX_S: u64 = 1_800_000_000;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::generate(cluster(), NOW_UNIX_S).unwrap());

fn clock(unix_s: u64) -> UnixClock {
    Arc::new(move || unix_s)
}

fn issue(role: Peer, name: &str) -> Credentials {
    AUTHORITY.issue(role, name, NOW_UNIX_S).unwrap()
}

fn client(credentials: &Credentials, identity: Identity) -> Connection {
    let tls = ClientTls::new(credentials, clock(NOW_UNIX_S)).unwrap();
    Connection::client(&tls, identity, Limits::default(), 0).unwrap()
}

fn server_at(unix_s: u64) -> Connection {
    let tls = ServerTls::new(&issue(Peer::Master, "master"), clock(unix_s)).unwrap();
    Connection::server(&tls, identity(Peer::Master), Limits::default(), 0).unwrap()
}

fn pair(credentials: &Credentials, role: Peer) -> Pair<Connection> {
    Pair { client: client(credentials, identity(role)), server: server_at(NOW_UNIX_S), now_ms: 0 }
}

/// The test's clock, for rustls itself.
#[derive(Debug)]
struct Noon;

impl rustls::time_provider::TimeProvider for Noon {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        Some(rustls_pki_types::UnixTime::since_unix_epoch(core::time::Duration::from_secs(NOW_UNIX_S)))
    }
}

/// Why the connection is over; it must never have been open.
fn refused(link: &mut impl Link) -> CloseReason {
    match events(link).as_slice() {
        [Event::Closed { reason }] => reason.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

fn broken(link: &mut impl Link) -> LinkError {
    match refused(link) {
        CloseReason::Broken(error) => error,
        other => panic!("not broken: {other:?}"),
    }
}

#[test]
fn both_sides_know_the_principal_of_the_others_certificate() {
    for piece in [1, 100, usize::MAX] {
        let mut pair = pair(&issue(Peer::Agent, "rack-3"), Peer::Agent);
        pair.settle_in_pieces(piece);
        let [Event::Opened { peer }] = &events(&mut pair.server)[..] else { panic!("not opened") };
        assert_eq!((peer.role, peer.principal.as_deref()), (Peer::Agent, Some("rack-3")));
        let [Event::Opened { peer }] = &events(&mut pair.client)[..] else { panic!("not opened") };
        assert_eq!((peer.role, peer.principal.as_deref()), (Peer::Master, Some("master")));
    }
}

#[test]
fn a_message_carries_the_certificates_principal_whatever_it_says() {
    let mut pair = pair(&issue(Peer::Framework, "batch"), Peer::Framework);
    pair.settle();
    events(&mut pair.server);
    events(&mut pair.client);
    let envelope = Envelope { principal: "root".to_owned(), ..Envelope::default() };
    pair.client.send(&envelope, &query(1)).unwrap();
    pair.server.send(&envelope, &query(2)).unwrap();
    pair.settle_in_pieces(13);
    let Some(Event::Message { envelope, .. }) = pair.server.next_event() else { panic!("no message") };
    assert_eq!(envelope.principal, "batch");
    let Some(Event::Message { envelope, .. }) = pair.client.next_event() else { panic!("no message") };
    assert_eq!(envelope.principal, "root", "a master speaks for others");
}

#[test]
fn much_data_passes_in_chunks_and_nothing_is_lost() {
    let mut pair = pair(&issue(Peer::Framework, "batch"), Peer::Framework);
    pair.settle();
    events(&mut pair.server);
    let envelope = Envelope { principal: "x".repeat(1_000), ..Envelope::default() };
    for request in 0..500 {
        pair.client.send(&envelope, &query(request)).unwrap();
    }
    let most = meros_wire::connection::CHUNK_BYTES + 4_096;
    loop {
        assert!(pair.client.output().len() <= most, "only a chunk is encrypted at a time");
        if !pump(&mut pair.client, &mut pair.server, 1_400, 0) {
            break;
        }
    }
    assert_eq!(events(&mut pair.server).len(), 500);
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    // rustls makes a client that shows none; ours cannot.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    let authority = rustls_pki_types::pem::PemObject::from_pem_slice(AUTHORITY.certificate_pem().as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let mut config = rustls::ClientConfig::builder_with_details(provider, Arc::new(Noon))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"meros".to_vec()];
    let name = format!("master.{}.meros", cluster()).try_into().unwrap();
    let mut stranger = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = server_at(NOW_UNIX_S);
    for _ in 0..4 {
        let mut bytes = Vec::new();
        while stranger.wants_write() {
            stranger.write_tls(&mut bytes).unwrap();
        }
        let _ = server.receive(&bytes, 0);
        let answer = drain(&mut server);
        if !answer.is_empty() {
            stranger.read_tls(&mut answer.as_slice()).unwrap();
            let _ = stranger.process_new_packets();
        }
    }
    let LinkError::Tls(problem) = broken(&mut server) else { panic!("another error") };
    assert!(problem.contains("shows no certificate"), "{problem}");
}

#[test]
fn another_clusters_certificates_are_refused() {
    let other = Authority::generate(Uuid::from_random([8; 16]), NOW_UNIX_S).unwrap();
    let foreign = other.issue(Peer::Agent, "rack-3", NOW_UNIX_S).unwrap();
    // It trusts our authority and shows its own certificate.
    let mixed = Credentials { authority_pem: AUTHORITY.certificate_pem().to_owned(), ..foreign.clone() };
    for credentials in [foreign, mixed] {
        let mut pair = pair(&credentials, Peer::Agent);
        pair.settle();
        assert!(matches!(broken(&mut pair.client), LinkError::Tls(_)));
        assert!(matches!(broken(&mut pair.server), LinkError::Tls(_)));
    }
}

#[test]
fn a_certificate_of_the_same_authority_for_another_cluster_is_refused() {
    let ours = Authority::generate(Uuid::from_random([8; 16]), NOW_UNIX_S).unwrap();
    let agent = ours.issue(Peer::Agent, "rack-3", NOW_UNIX_S).unwrap();
    let tls = ClientTls::new(&agent, clock(NOW_UNIX_S)).unwrap();
    assert_eq!(tls.cluster(), ours.cluster());
    let identity = Identity { cluster: cluster(), ..identity(Peer::Agent) };
    let master = ours.issue(Peer::Master, "master", NOW_UNIX_S).unwrap();
    let server_tls = ServerTls::new(&master, clock(NOW_UNIX_S)).unwrap();
    let server_identity = Identity { cluster: ours.cluster(), role: Peer::Master, name: String::new() };
    let mut pair = Pair {
        client: Connection::client(&tls, identity, Limits::default(), 0).unwrap(),
        server: Connection::server(&server_tls, server_identity, Limits::default(), 0).unwrap(),
        now_ms: 0,
    };
    pair.settle();
    let expected = LinkError::WrongCluster { ours: ours.cluster(), theirs: cluster() };
    assert_eq!(broken(&mut pair.server), expected, "the hello must be of the certificate's cluster too");
}

#[test]
fn an_expired_certificate_is_refused() {
    let day_s = 24 * 3_600;
    let late = NOW_UNIX_S + u64::try_from(CREDENTIAL_DAYS + 1).unwrap() * day_s;
    let mut pair = pair(&issue(Peer::Agent, "rack-3"), Peer::Agent);
    let fresh_master = AUTHORITY.issue(Peer::Master, "master", late).unwrap();
    let tls = ServerTls::new(&fresh_master, clock(late)).unwrap();
    let client_tls = ClientTls::new(&issue(Peer::Agent, "rack-3"), clock(late)).unwrap();
    pair.server = Connection::server(&tls, identity(Peer::Master), Limits::default(), 0).unwrap();
    pair.client = Connection::client(&client_tls, identity(Peer::Agent), Limits::default(), 0).unwrap();
    pair.settle();
    let LinkError::Tls(problem) = broken(&mut pair.server) else { panic!("another error") };
    assert!(problem.contains("expired"), "{problem}");
    let LinkError::Tls(problem) = broken(&mut pair.client) else { panic!("another error") };
    assert!(problem.to_lowercase().contains("expired"), "{problem}");
}

#[test]
fn an_operator_cannot_say_it_is_an_agent() {
    let mut pair = pair(&issue(Peer::Operator, "alice"), Peer::Agent);
    pair.settle();
    let mismatch = LinkError::RoleMismatch { hello: Peer::Agent, certificate: Peer::Operator };
    assert_eq!(broken(&mut pair.server), mismatch);
    let told = events(&mut pair.client);
    let Some(Event::Closed { reason: CloseReason::Peer { code, message } }) = told.last() else { panic!("{told:?}") };
    assert_eq!((*code, message), (CloseCode::NotAllowed, &mismatch.to_string()));
}

#[test]
fn an_agent_cannot_stand_in_for_a_master() {
    let tls = ServerTls::new(&issue(Peer::Agent, "rack-3"), clock(NOW_UNIX_S)).unwrap();
    let mut pair = pair(&issue(Peer::Agent, "rack-4"), Peer::Agent);
    pair.server = Connection::server(&tls, identity(Peer::Master), Limits::default(), 0).unwrap();
    pair.settle();
    assert!(matches!(broken(&mut pair.client), LinkError::Tls(_)));
}

#[test]
fn other_protocols_are_told_what_they_are_not() {
    let mut server = server_at(NOW_UNIX_S);
    let error = server.receive(b"GET / HTTP/1.1\r\nhost: master\r\n\r\n", 0).unwrap_err();
    assert!(error.to_string().contains("not a TLS record"), "{error}");
    assert_eq!(broken(&mut server), error);
    assert!(!drain(&mut server).is_empty(), "an alert");
    assert_eq!(server.next_deadline_ms(), None);
}

#[test]
fn a_client_that_stalls_in_the_handshake_is_dropped() {
    let mut pair = pair(&issue(Peer::Agent, "rack-3"), Peer::Agent);
    let hello = drain(&mut pair.client);
    pair.server.receive(&hello[..hello.len() / 2], 1).unwrap();
    let timeout_ms = Limits::default().handshake_timeout_ms;
    assert_eq!(pair.server.next_deadline_ms(), Some(timeout_ms));
    pair.server.tick(timeout_ms);
    assert_eq!(broken(&mut pair.server), LinkError::HandshakeTimeout { timeout_ms });
    assert!(drain(&mut pair.server).is_empty(), "nothing can be said before TLS stands");
}

#[test]
fn tampered_ciphertext_is_the_end() {
    let mut pair = pair(&issue(Peer::Agent, "rack-3"), Peer::Agent);
    pair.settle();
    events(&mut pair.server);
    pair.client.send(&Envelope::default(), &query(1)).unwrap();
    let mut bytes = drain(&mut pair.client);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(matches!(pair.server.receive(&bytes, 1), Err(LinkError::Tls(_))));
    assert!(matches!(events(&mut pair.server)[..], [Event::Closed { .. }]));
}

#[test]
fn both_ends_of_a_goodbye() {
    let mut pair = pair(&issue(Peer::Agent, "rack-3"), Peer::Agent);
    pair.settle();
    events(&mut pair.server);
    events(&mut pair.client);
    pair.server.close(CloseCode::Normal, "shutting down");
    pair.settle();
    let (code, message) = (CloseCode::Normal, "shutting down".to_owned());
    assert_eq!(
        events(&mut pair.client),
        [Event::Closed { reason: CloseReason::Peer { code, message: message.clone() } }]
    );
    assert_eq!(events(&mut pair.server), [Event::Closed { reason: CloseReason::Local { code, message } }]);
    assert!(drain(&mut pair.server).is_empty() && drain(&mut pair.client).is_empty());
}

#[test]
fn credentials_that_do_not_belong_together_are_refused_at_once() {
    let (agent, other) = (issue(Peer::Agent, "rack-3"), issue(Peer::Agent, "rack-4"));
    let mixed = Credentials { key_pem: other.key_pem, ..agent.clone() };
    let garbage = Credentials { certificate_pem: "nothing".to_owned(), ..agent.clone() };
    let authority = Credentials { certificate_pem: agent.authority_pem.clone(), ..agent };
    for credentials in [mixed, garbage, authority] {
        let refused = ClientTls::new(&credentials, clock(NOW_UNIX_S)).unwrap_err();
        assert!(matches!(refused, CredentialsError::Unusable { .. }), "{refused}");
        assert!(ServerTls::new(&credentials, clock(NOW_UNIX_S)).is_err());
    }
}

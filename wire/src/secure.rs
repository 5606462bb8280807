//! Mutual TLS 1.3 by rustls, without a socket: ciphertext and plaintext in and out.
//!
//! 1. Both sides show a certificate of the same [authority](crate::authority); there is no way to turn that off. A client verifies
//!    the master's name, a server reads the client's principal from its certificate.
//! 2. No session tickets and no resumption: every connection shows its certificates anew.
//! 3. Certificates are checked against the wall clock that the caller gives ([`UnixClock`]); this crate has none.
//! 4. Ciphertext for the transport is bounded by what is written while it waits: the
//!    [connection](crate::connection::Connection) writes only when it is gone.

use core::fmt;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::authority::{Credentials, CredentialsError, principal_of, server_name};
use crate::channel::Principal;
use crate::error::LinkError;
use crate::message::Uuid;

/// The wall clock, as seconds of Unix time.
pub type UnixClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Names our protocol inside TLS, so that another protocol's client is told at once.
const ALPN: &[u8] = b"meros";

/// What every connection made with the same credentials shares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    cluster: Uuid,
}

/// What every connection accepted with the same credentials shares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    cluster: Uuid,
}

impl ClientTls {
    /// Reads credentials. `clock` is asked at every handshake.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`].
    pub fn new(credentials: &Credentials, clock: UnixClock) -> Result<Self, CredentialsError> {
        let parts = Parts::read(credentials)?;
        let mut config = ClientConfig::builder_with_details(provider(), Arc::new(Clock(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| CredentialsError::Crypto(error.to_string()))?
            .with_root_certificates(parts.roots)
            .with_client_auth_cert(parts.chain, parts.key)
            .map_err(|error| CredentialsError::unusable("certificate", error))?;
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { config: Arc::new(config), cluster: parts.cluster })
    }

    /// The cluster that the credentials are for.
    #[must_use]
    pub const fn cluster(&self) -> Uuid {
        self.cluster
    }
}

impl ServerTls {
    /// Reads credentials. `clock` is asked at every handshake.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`].
    pub fn new(credentials: &Credentials, clock: UnixClock) -> Result<Self, CredentialsError> {
        let parts = Parts::read(credentials)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(parts.roots), provider())
            .build()
            .map_err(|error| CredentialsError::unusable("authority", error))?;
        let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Clock(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| CredentialsError::Crypto(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(parts.chain, parts.key)
            .map_err(|error| CredentialsError::unusable("certificate", error))?;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { config: Arc::new(config), cluster: parts.cluster })
    }

    /// The cluster that the credentials are for.
    #[must_use]
    pub const fn cluster(&self) -> Uuid {
        self.cluster
    }
}

/// Credentials out of their PEM.
struct Parts {
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    cluster: Uuid,
}

impl Parts {
    fn read(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let certificate = |pem: &str, part| {
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| CredentialsError::unusable(part, error))
        };
        let mut roots = RootCertStore::empty();
        roots
            .add(certificate(&credentials.authority_pem, "authority")?)
            .map_err(|error| CredentialsError::unusable("authority", error))?;
        let own = certificate(&credentials.certificate_pem, "certificate")?;
        let (cluster, ..) = principal_of(&own)
            .ok_or_else(|| CredentialsError::unusable("certificate", "it names no Meros principal"))?;
        let key = PrivateKeyDer::from_pem_slice(credentials.key_pem.as_bytes())
            .map_err(|error| CredentialsError::unusable("key", error))?;
        Ok(Self { roots, chain: vec![own], key, cluster })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The caller's clock as rustls asks for it.
struct Clock(UnixClock);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(core::time::Duration::from_secs((self.0)())))
    }
}

/// One TLS connection.
#[derive(Debug)]
pub struct Secure {
    tls: rustls::Connection,
    /// The cluster that the peer's certificate must name.
    cluster: Uuid,
    ciphertext: Vec<u8>,
    /// Everything before was taken by the transport.
    from: usize,
    failed: bool,
    peer_closed: bool,
}

impl Secure {
    /// The side that connected.
    ///
    /// # Errors
    /// [`LinkError::Tls`].
    pub fn client(tls: &ClientTls) -> Result<Self, LinkError> {
        let name = ServerName::try_from(server_name(tls.cluster)).map_err(|error| LinkError::Tls(error.to_string()))?;
        let connection = ClientConnection::new(Arc::clone(&tls.config), name).map_err(|error| describe(&error))?;
        Ok(Self::new(connection.into(), tls.cluster))
    }

    /// The side that accepted.
    ///
    /// # Errors
    /// [`LinkError::Tls`].
    pub fn server(tls: &ServerTls) -> Result<Self, LinkError> {
        let connection = ServerConnection::new(Arc::clone(&tls.config)).map_err(|error| describe(&error))?;
        Ok(Self::new(connection.into(), tls.cluster))
    }

    fn new(mut tls: rustls::Connection, cluster: Uuid) -> Self {
        // The connection above bounds what it writes.
        tls.set_buffer_limit(None);
        Self { tls, cluster, ciphertext: Vec::new(), from: 0, failed: false, peer_closed: false }
    }

    /// Ciphertext from the transport; what it decrypts to is added to `plaintext`, also when an error follows it.
    ///
    /// # Errors
    /// [`LinkError::Tls`]; an alert for the peer is then in the output, and nothing more can be read or written.
    pub fn receive(&mut self, mut ciphertext: &[u8], plaintext: &mut Vec<u8>) -> Result<(), LinkError> {
        while !ciphertext.is_empty() && !self.failed && !self.peer_closed {
            let outcome = self.receive_some(&mut ciphertext, plaintext);
            self.failed = outcome.is_err();
            outcome?;
        }
        Ok(())
    }

    fn receive_some(&mut self, ciphertext: &mut &[u8], plaintext: &mut Vec<u8>) -> Result<(), LinkError> {
        self.tls.read_tls(ciphertext).map_err(|error| LinkError::Tls(error.to_string()))?;
        let state = self.tls.process_new_packets().map_err(|error| describe(&error))?;
        self.peer_closed = state.peer_has_closed();
        let start = plaintext.len();
        plaintext.resize(start + state.plaintext_bytes_to_read(), 0);
        match self.tls.reader().read_exact(&mut plaintext[start..]) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(LinkError::Tls(error.to_string())),
        }
    }

    /// Both sides have shown and checked certificates; plaintext may be written.
    #[must_use]
    pub fn is_established(&self) -> bool {
        !self.failed && !self.tls.is_handshaking()
    }

    /// The peer ended TLS in good order, and with it what it sends.
    #[must_use]
    pub const fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Whom the peer's certificate names.
    ///
    /// # Errors
    /// [`LinkError::NoPrincipal`], [`LinkError::WrongCluster`].
    pub(crate) fn principal(&self) -> Result<Principal, LinkError> {
        let certificate = self.tls.peer_certificates().and_then(<[_]>::first).ok_or(LinkError::NoPrincipal)?;
        let (cluster, role, name) = principal_of(certificate).ok_or(LinkError::NoPrincipal)?;
        if cluster != self.cluster {
            return Err(LinkError::WrongCluster { ours: self.cluster, theirs: cluster });
        }
        Ok(Principal { role, name })
    }

    /// Encrypts. Only once [established](Self::is_established), and while no output waits.
    ///
    /// # Errors
    /// [`LinkError::Tls`].
    pub fn write(&mut self, plaintext: &[u8]) -> Result<(), LinkError> {
        self.tls.writer().write_all(plaintext).map_err(|error| LinkError::Tls(error.to_string()))
    }

    /// Tells the peer that nothing more will be written.
    pub fn close(&mut self) {
        self.tls.send_close_notify();
    }

    /// Ciphertext for the transport; the same again until it is consumed.
    pub fn output(&mut self) -> &[u8] {
        if self.from == self.ciphertext.len() {
            self.ciphertext.clear();
            self.from = 0;
            while self.tls.wants_write() {
                // Into memory, which takes everything: it cannot fail.
                if self.tls.write_tls(&mut self.ciphertext).is_err() {
                    break;
                }
            }
        }
        &self.ciphertext[self.from..]
    }

    /// The transport took so many bytes.
    ///
    /// # Panics
    /// When there were not as many.
    pub fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.ciphertext.len() - self.from, "the transport cannot have taken more than there was");
        self.from += bytes;
    }
}

fn describe(error: &rustls::Error) -> LinkError {
    LinkError::Tls(match error {
        rustls::Error::InvalidMessage(problem) => {
            format!("not a TLS record ({problem:?}): is another protocol talking to this port?")
        }
        rustls::Error::NoCertificatesPresented => {
            "the peer shows no certificate: give it credentials issued by this cluster's authority".to_owned()
        }
        other => other.to_string(),
    })
}

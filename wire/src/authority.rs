//! The cluster's own certificate authority: made at the first start, it issues what every connection is checked with.
//!
//! 1. A certificate names one principal in a URI among its subject alternative names, `meros://<cluster>/<role>/<name>`. A master's
//!    also has the DNS name `master.<cluster>.meros`, by which clients verify it: the address it is reached at does not matter.
//! 2. Names are 1 to 64 of `A-Z a-z 0-9 . _ -`, so that they need no escaping anywhere.
//! 3. An authority lasts [`AUTHORITY_DAYS`], credentials [`CREDENTIAL_DAYS`]; both are valid from an hour before they were made, for
//!    clocks that differ. To renew credentials, issue them again.
//!
//! Everything comes and goes as PEM text; files and their modes are the daemons' business.

use core::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};

use crate::event::Peer;
use crate::message::Uuid;

/// Days that an authority lasts.
pub const AUTHORITY_DAYS: i64 = 20 * 365;

/// Days that issued credentials last.
pub const CREDENTIAL_DAYS: i64 = 5 * 365;

/// The URI's third part on the authority's own certificate.
const AUTHORITY: &str = "authority";

/// Credentials that cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A part is not what it should be.
    #[error("the {part} cannot be used: {problem}")]
    Unusable {
        /// Certificate, key or authority.
        part: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A name that a certificate cannot hold.
    #[error("the name {0:?} cannot stand in a certificate: give 1 to 64 of A-Z a-z 0-9 . _ -")]
    Name(String),
    /// A time beyond the calendar.
    #[error("{0} seconds of Unix time are no date: check the clock")]
    Time(u64),
    /// The cryptography library refused.
    #[error("certificates cannot be made: {0}")]
    Crypto(String),
}

impl CredentialsError {
    pub(crate) fn unusable(part: &'static str, problem: impl fmt::Display) -> Self {
        Self::Unusable { part, problem: problem.to_string() }
    }
}

impl From<rcgen::Error> for CredentialsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}

/// What a process shows and checks, as PEM text.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its own certificate.
    pub certificate_pem: String,
    /// Its private key. Secret: write it with mode 0600.
    pub key_pem: String,
    /// The certificate of the authority whose peers it trusts.
    pub authority_pem: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// A cluster's certificate authority.
pub struct Authority {
    cluster: Uuid,
    certificate_pem: String,
    key: KeyPair,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority, with a key from the operating system's randomness.
    ///
    /// # Errors
    /// [`CredentialsError::Time`], [`CredentialsError::Crypto`].
    pub fn generate(cluster: Uuid, now_unix_s: u64) -> Result<Self, CredentialsError> {
        let key = KeyPair::generate()?;
        let mut params = authority_params(cluster)?;
        (params.not_before, params.not_after) = validity(now_unix_s, AUTHORITY_DAYS)?;
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { cluster, certificate_pem, key })
    }

    /// An authority made earlier.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`] when it is not, or the key belongs to another.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, CredentialsError> {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|error| CredentialsError::unusable("authority's certificate", error))?;
        let key = KeyPair::from_pem(key_pem).map_err(|error| CredentialsError::unusable("authority's key", error))?;
        let parsed = webpki::EndEntityCert::try_from(&certificate)
            .map_err(|error| CredentialsError::unusable("authority's certificate", error))?;
        if parsed.subject_public_key_info().as_ref() != key.subject_public_key_info() {
            return Err(CredentialsError::unusable("authority's key", "it belongs to another certificate"));
        }
        let cluster = parsed
            .valid_uri_names()
            .find_map(|uri| split(uri).filter(|(_, role, _)| *role == AUTHORITY))
            .map(|(cluster, ..)| cluster)
            .ok_or_else(|| CredentialsError::unusable("authority's certificate", "it names no Meros cluster"))?;
        Ok(Self { cluster, certificate_pem: certificate_pem.to_owned(), key })
    }

    /// The cluster it was made for.
    #[must_use]
    pub const fn cluster(&self) -> Uuid {
        self.cluster
    }

    /// Its certificate, which everybody may see.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key. Secret: write it with mode 0600; who has it can be anybody in the cluster.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// New credentials for a principal.
    ///
    /// # Errors
    /// [`CredentialsError::Name`], [`CredentialsError::Time`], [`CredentialsError::Crypto`].
    pub fn issue(&self, role: Peer, name: &str, now_unix_s: u64) -> Result<Credentials, CredentialsError> {
        check_name(name)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = validity(now_unix_s, CREDENTIAL_DAYS)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("{role} {name}"));
        params.subject_alt_names.push(SanType::URI(uri(self.cluster, role.name(), name).try_into()?));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if role == Peer::Master {
            params.subject_alt_names.push(SanType::DnsName(server_name(self.cluster).try_into()?));
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        let issuer_params = authority_params(self.cluster)?;
        let certificate = params.signed_by(&key, &Issuer::from_params(&issuer_params, &self.key))?;
        Ok(Credentials {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            authority_pem: self.certificate_pem.clone(),
        })
    }
}

/// What is the same on the authority's certificate whenever it is made or read again.
fn authority_params(cluster: Uuid) -> Result<CertificateParams, CredentialsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Meros authority {cluster}"));
    params.subject_alt_names.push(SanType::URI(uri(cluster, AUTHORITY, AUTHORITY).try_into()?));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// From an hour ago, for so many days.
fn validity(now_unix_s: u64, days: i64) -> Result<(OffsetDateTime, OffsetDateTime), CredentialsError> {
    let bad = || CredentialsError::Time(now_unix_s);
    let seconds = i64::try_from(now_unix_s).map_err(|_| bad())?;
    let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| bad())?;
    let not_before = now.checked_sub(Duration::hours(1)).ok_or_else(bad)?;
    let not_after = now.checked_add(Duration::days(days)).ok_or_else(bad)?;
    Ok((not_before, not_after))
}

fn check_name(name: &str) -> Result<(), CredentialsError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=64).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    Err(CredentialsError::Name(name.to_owned()))
}

/// The name by which clients verify a master.
pub(crate) fn server_name(cluster: Uuid) -> String {
    format!("master.{cluster}.meros")
}

fn uri(cluster: Uuid, role: &str, name: &str) -> String {
    format!("meros://{cluster}/{role}/{name}")
}

/// Cluster, role and name of a principal's URI.
fn split(uri: &str) -> Option<(Uuid, &str, &str)> {
    let mut parts = uri.strip_prefix("meros://")?.split('/');
    let (cluster, role, name) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && check_name(name).is_ok()).then_some((cluster, role, name))
}

/// Whom a certificate names: the cluster, the role, the name.
pub(crate) fn principal_of(certificate: &CertificateDer<'_>) -> Option<(Uuid, Peer, String)> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    parsed.valid_uri_names().find_map(|uri| {
        let (cluster, role, name) = split(uri)?;
        Some((cluster, Peer::from_name(role)?, name.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_UNIX_S: u64 = 1_700_000_000;

    fn cluster() -> Uuid {
        Uuid::from_random([7; 16])
    }

    #[test]
    fn credentials_name_their_principal() {
        let authority = Authority::generate(cluster(), NOW_UNIX_S).unwrap();
        let credentials = authority.issue(Peer::Agent, "rack-3.slot_9", NOW_UNIX_S).unwrap();
        let certificate = CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes()).unwrap();
        assert_eq!(principal_of(&certificate), Some((cluster(), Peer::Agent, "rack-3.slot_9".to_owned())));
        assert!(!format!("{credentials:?} {authority:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_authority_is_read_back_with_its_own_key_only() {
        let authority = Authority::generate(cluster(), NOW_UNIX_S).unwrap();
        let again = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();
        assert_eq!(again.cluster(), cluster());
        let other = Authority::generate(cluster(), NOW_UNIX_S).unwrap();
        let wrong = Authority::from_pem(authority.certificate_pem(), &other.key_pem()).unwrap_err();
        assert_eq!(wrong, CredentialsError::unusable("authority's key", "it belongs to another certificate"));
        let leaf = authority.issue(Peer::Master, "master", NOW_UNIX_S).unwrap();
        assert!(Authority::from_pem(&leaf.certificate_pem, &leaf.key_pem).is_err(), "a leaf is no authority");
    }

    #[test]
    fn names_need_no_escaping() {
        let authority = Authority::generate(cluster(), NOW_UNIX_S).unwrap();
        for bad in ["", "a/b", "ä", "a b", &"x".repeat(65)] {
            assert_eq!(
                authority.issue(Peer::Agent, bad, NOW_UNIX_S).unwrap_err(),
                CredentialsError::Name(bad.to_owned())
            );
        }
        assert_eq!(split("meros://x/agent/a"), None);
        assert_eq!(split(&format!("meros://{}/agent/a/b", cluster())), None);
        assert_eq!(authority.issue(Peer::Agent, "a", u64::MAX).unwrap_err(), CredentialsError::Time(u64::MAX));
    }
}

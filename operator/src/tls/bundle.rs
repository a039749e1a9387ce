//! A certificate authority of the operator's own and one server certificate signed by it.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::collections::BTreeMap;

/// How long the server certificate is good. Routers trust the authority, so it can be renewed at any time.
const LIFETIME_DAYS: i64 = 365;
/// It is renewed when it is good for less.
const RENEW_BEFORE_DAYS: i64 = 120;
/// Clocks of other machines may be behind.
const BACKDATE_DAYS: i64 = 1;
/// The common name that ties the two together.
const AUTHORITY_NAME: &str = "flotilla-operator-ca";

/// Keys of the Secret.
const CA_CERT: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const CERT: &str = "tls.crt";
const KEY: &str = "tls.key";
const NOT_AFTER: &str = "not-after";

/// Everything as PEM, and when the server certificate ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The authority's certificate: public, handed to routers and to the API server.
    pub ca_cert: String,
    /// The authority's key: only to renew the server certificate.
    ca_key: String,
    /// The server certificate.
    pub cert: String,
    /// The server certificate's key.
    pub key: String,
    /// Its end.
    pub not_after: Timestamp,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A key or a signature could not be made.
    #[error("the certificate could not be made: {0}")]
    Generate(#[from] rcgen::Error),
    /// The Secret is not one of ours.
    #[error(
        "the Secret lacks {0} or its value cannot be read; delete the Secret to have it made anew, and restart pods with a sidecar"
    )]
    Damaged(&'static str),
    /// The clock is beyond what dates can say.
    #[error("the clock cannot be right: {0}")]
    Clock(#[from] jiff::Error),
}

impl Bundle {
    /// A new authority and a certificate for these names.
    pub fn create(names: &[String], now: Timestamp) -> Result<Self, BundleError> {
        let ca_key = KeyPair::generate()?;
        let ca_cert = authority().self_signed(&ca_key)?.pem();
        Self::sign(ca_cert, ca_key, names, now)
    }

    /// The same authority with a new server certificate.
    pub fn renew(&self, names: &[String], now: Timestamp) -> Result<Self, BundleError> {
        Self::sign(self.ca_cert.clone(), KeyPair::from_pem(&self.ca_key)?, names, now)
    }

    /// Whether the server certificate should be renewed.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.not_after.duration_since(now) < SignedDuration::from_hours(24 * RENEW_BEFORE_DAYS)
    }

    fn sign(ca_cert: String, ca_key: KeyPair, names: &[String], now: Timestamp) -> Result<Self, BundleError> {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let not_after = now.checked_add(days(LIFETIME_DAYS))?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.not_before = date(now.checked_sub(days(BACKDATE_DAYS))?);
        params.not_after = date(not_after);
        params.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let ca_pem = ca_key.serialize_pem();
        let cert = params.signed_by(&key, &Issuer::new(authority(), ca_key))?.pem();
        Ok(Self { ca_cert, ca_key: ca_pem, cert, key: key.serialize_pem(), not_after })
    }

    /// As the data of a Secret.
    pub fn to_data(&self) -> BTreeMap<String, String> {
        let pairs = [
            (CA_CERT, self.ca_cert.clone()),
            (CA_KEY, self.ca_key.clone()),
            (CERT, self.cert.clone()),
            (KEY, self.key.clone()),
            (NOT_AFTER, self.not_after.to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// From the data of a Secret.
    pub fn from_data(data: &BTreeMap<String, String>) -> Result<Self, BundleError> {
        let field = |key: &'static str| data.get(key).cloned().ok_or(BundleError::Damaged(key));
        Ok(Self {
            ca_cert: field(CA_CERT)?,
            ca_key: field(CA_KEY)?,
            cert: field(CERT)?,
            key: field(KEY)?,
            not_after: field(NOT_AFTER)?.parse().map_err(|_| BundleError::Damaged(NOT_AFTER))?,
        })
    }
}

/// The authority's parameters; its name and key are all that a signature takes from them.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, AUTHORITY_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2070, 1, 1);
    params
}

fn date(at: Timestamp) -> time::OffsetDateTime {
    // Every jiff timestamp is within what the other crate can say, the epoch included.
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["flotilla-operator.flotilla.svc".to_owned()]
    }

    #[test]
    fn a_bundle_survives_its_secret_and_is_renewed_in_time() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let bundle = Bundle::create(&names(), now).unwrap();
        let read = Bundle::from_data(&bundle.to_data()).unwrap();
        assert!(read == bundle);
        assert!(!read.is_due(now));
        let later = now.checked_add(SignedDuration::from_hours(24 * 300)).unwrap();
        assert!(read.is_due(later));
        let renewed = read.renew(&names(), later).unwrap();
        assert_eq!(renewed.ca_cert, read.ca_cert, "routers that trust the authority go on");
        assert!(!renewed.is_due(later) && renewed.cert != read.cert);
    }

    #[test]
    fn a_damaged_secret_says_what_is_missing() {
        let mut data = Bundle::create(&names(), Timestamp::UNIX_EPOCH).unwrap().to_data();
        data.remove(CERT);
        assert!(Bundle::from_data(&data).is_err_and(|error| error.to_string().contains(CERT)));
    }
}

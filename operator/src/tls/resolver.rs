//! Gives each handshake the present certificate.

use super::Bundle;
use arc_swap::ArcSwap;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Holds one certificate, replaced when it is renewed.
#[derive(Debug)]
pub struct CertResolver(ArcSwap<CertifiedKey>);

/// Why a certificate cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// Not PEM.
    #[error("the certificate or its key is no PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// A key of a kind that rustls does not sign with.
    #[error("the key cannot sign: {0}")]
    Key(#[from] rustls::Error),
}

impl CertResolver {
    /// Starts with this certificate.
    pub fn new(bundle: &Bundle) -> Result<Self, ResolverError> {
        Ok(Self(ArcSwap::from_pointee(certified(bundle)?)))
    }

    /// Handshakes from now on get this one.
    pub fn replace(&self, bundle: &Bundle) -> Result<(), ResolverError> {
        self.0.store(Arc::new(certified(bundle)?));
        Ok(())
    }
}

fn certified(bundle: &Bundle) -> Result<CertifiedKey, ResolverError> {
    let chain = CertificateDer::pem_slice_iter(bundle.cert.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(bundle.key.as_bytes())?;
    Ok(CertifiedKey::new(chain, any_supported_type(&key)?))
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

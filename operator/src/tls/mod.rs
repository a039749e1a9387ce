//! The operator's certificate: made once, kept in a Secret, shared by all replicas.

mod bundle;
mod resolver;
mod store;

pub use bundle::{Bundle, BundleError};
pub use resolver::CertResolver;
pub use store::{StoreError, load_or_create, publish_ca};

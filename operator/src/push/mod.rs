//! Router streams: config down, acknowledgements and usage up.

mod auth;
mod leases;
mod registry;
mod routers;
mod server;
mod session;

pub use auth::{AuthError, Authenticator, RouterIdentity};
pub use registry::{Registry, RouterState, Totals};
pub use routers::Routers;
pub use server::{HttpsError, serve};
pub use session::{State, stream};

//! HTTP towards clients.

mod admin;
mod body;
mod clients;
mod deadline;
mod dispatch;
mod explain;
mod hedge;
mod hold;
mod leg;
mod listener;
mod operation;
mod paths;
mod resume;
mod tries;

pub use admin::admin_service;
pub use body::AnswerBody;
pub use listener::{Limits as ListenerLimits, Stop, serve};
pub(crate) use operation::{classes, model_not_found, refused, unpeeked};
pub use paths::data_service;

use crate::account::Metrics;
use crate::error::Rejection;
use crate::request::Buffers;
use crate::route::Dice;
use crate::snapshot::Store;
use crate::spans::Tracer;
use crate::upstream::{ClientError, UpstreamClient, client};
use http::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bounds on what a client may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Until a request's body must have come whole.
    pub body_deadline: Duration,
    /// Bytes of bodies that are held at once, of all requests together.
    pub buffered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 32 * 1024 * 1024, body_deadline: Duration::from_mins(1), buffered: 1 << 30 }
    }
}

/// Everything that requests share.
#[derive(Debug)]
pub struct Router {
    /// The config in force.
    pub store: Arc<Store>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    tracer: Option<Arc<Tracer>>,
    client: UpstreamClient,
    dice: Dice,
    limits: Limits,
    buffers: Arc<Buffers>,
    draining: AtomicBool,
}

impl Router {
    /// A router over a store.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(store: Arc<Store>, metrics: Arc<Metrics>, limits: Limits) -> Result<Self, ClientError> {
        Ok(Self {
            store,
            metrics,
            tracer: None,
            client: client()?,
            dice: Dice::starting_at(rand::random()),
            buffers: Buffers::new(limits.buffered),
            limits,
            draining: AtomicBool::new(false),
        })
    }

    /// With spans of what is asked of it.
    #[must_use]
    pub fn with_tracer(self, tracer: Option<Arc<Tracer>>) -> Self {
        Self { tracer, ..self }
    }

    /// From now on not ready: requests that still come are answered, but none should be sent.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Bytes of bodies held now, of all requests together.
    pub fn buffered_bytes(&self) -> usize {
        self.buffers.held()
    }

    /// Whether clients are asked to go elsewhere.
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether requests should be sent here: there is a config, and no drain.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.store.current().is_some()
    }

    /// Answers an error that no record covers, and counts it.
    fn refuse(&self, rejection: Rejection) -> Response<AnswerBody> {
        self.metrics.response(rejection.code.status(), rejection.code.name());
        // Without the message: what a parser says about a wrong body quotes it.
        tracing::info!(error = rejection.code.name(), "refused");
        rejection.into_response().map(AnswerBody::whole)
    }
}

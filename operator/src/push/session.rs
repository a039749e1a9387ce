//! One router's stream, from its first byte to its last.

use super::{AuthError, Authenticator, Registry, RouterIdentity, leases};
use crate::fleet::{Catalog, CatalogReceiver, Entry, Trigger, Verdict};
use crate::lease::Leadership;
use crate::ledger::{Ledger, Reporter, RouterId};
use crate::routing_policy::ObjectKey;
use crate::scaling::Reports;
use axum::body::{Body, BodyDataStream};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use flotilla_crds::RoutingPolicy;
use flotilla_crds::router_config::{Feature, OperatorMessage, RouterConfig, RouterMessage};
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use parking_lot::Mutex;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Between two pings; routers take three missing ones for a dead stream.
const PING: Duration = Duration::from_secs(10);
/// After this a router has to prove again who it is. Its token lives as long.
const LONGEST_SESSION: Duration = Duration::from_hours(1);
/// The longest message of a router, in bytes.
const LONGEST_LINE: usize = 1 << 20;
/// Messages on their way to one router; a slow one is waited for, by its own task only.
const QUEUE: usize = 4;
/// How long one message may wait for a router that does not read.
const SEND_DEADLINE: Duration = Duration::from_secs(30);

/// What the stream endpoint works with.
#[derive(Clone)]
pub struct State {
    /// Finds out who connects.
    pub authenticator: Authenticator,
    /// All policies.
    pub catalog: CatalogReceiver,
    /// What routers say is asked of models.
    pub reports: Arc<Reports>,
    /// All connected routers.
    pub registry: Arc<Registry>,
    /// What routers may spend.
    pub ledger: Arc<Mutex<Ledger>>,
    /// Has policies reconciled whose routers said something.
    pub triggers: Trigger<DeserializeGuard<RoutingPolicy>>,
    /// Routers are taken by the leader alone: only there what they report becomes status, leases and replicas.
    pub leadership: Leadership,
    /// Ends all sessions.
    pub shutdown: CancellationToken,
}

/// Takes a router's stream, on the leader. The label that leads routers to it may be stale: see docs/adr/0003.
pub async fn stream(
    axum::extract::State(state): axum::extract::State<State>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !state.leadership.is_leader() {
        return (StatusCode::SERVICE_UNAVAILABLE, "this replica does not lead; try again").into_response();
    }
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let identity = match state.authenticator.identify(authorization).await {
        Ok(identity) => identity,
        Err(error) => {
            let status = match error {
                AuthError::Call(_) | AuthError::Busy => StatusCode::SERVICE_UNAVAILABLE,
                AuthError::NoToken | AuthError::Invalid(_) | AuthError::NotBound => StatusCode::UNAUTHORIZED,
            };
            tracing::warn!(%error, "a router was refused");
            return (status, error.to_string()).into_response();
        }
    };
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes, Infallible>>(QUEUE);
    // The task ends with the router's stream, with the session's lifetime, or with the operator.
    tokio::spawn(Session::run(state, identity, body.into_data_stream(), sender));
    let down = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(down)).into_response()
}

struct Session {
    id: u64,
    identity: RouterIdentity,
    state: State,
    sender: mpsc::Sender<Result<Bytes, Infallible>>,
    /// What the router understands; none before it said hello.
    features: Option<Vec<Feature>>,
    sent: Vec<Arc<Entry>>,
    sent_any: bool,
    sent_revision: String,
    /// What the router has in force of what was sent.
    acked: Vec<Arc<Entry>>,
    /// What the router calls itself in the ledger, once it has spoken of budgets.
    router: Option<RouterId>,
}

/// Why a session ends early.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the router closed the stream")]
    Closed,
    #[error("the router does not read")]
    Stuck,
    #[error("the router sent a line of more than {LONGEST_LINE} bytes")]
    LineTooLong,
    #[error("the router sent what is no message: {0}")]
    Malformed(serde_json::Error),
    #[error("the stream broke: {0}")]
    Broken(axum::Error),
}

impl Session {
    async fn run(
        state: State,
        identity: RouterIdentity,
        up: BodyDataStream,
        sender: mpsc::Sender<Result<Bytes, Infallible>>,
    ) {
        let pod = format!("{}/{}", identity.namespace, identity.pod);
        let id = state.registry.connect(pod.clone());
        let (shutdown, leadership) = (state.shutdown.clone(), state.leadership.clone());
        let mut session = Self {
            id,
            identity,
            state,
            sender,
            features: None,
            sent: Vec::new(),
            sent_any: false,
            sent_revision: String::new(),
            acked: Vec::new(),
            router: None,
        };
        tracing::info!(router = %pod, "router connected");
        tokio::select! {
            ended = session.serve(up) => tracing::info!(router = %pod, reason = %ended, "router disconnected"),
            () = shutdown.cancelled() => {}
            () = leadership.lost() => tracing::info!(router = %pod, "router has to find the next leader"),
            () = tokio::time::sleep(LONGEST_SESSION) => tracing::info!(router = %pod, "router has to authenticate again"),
        }
        if let Some(router) = session.router {
            let from = Reporter { router, session: id };
            session.state.ledger.lock().leave(from, Timestamp::now().as_second());
        }
        session.state.reports.end(&pod);
        let served = session.state.registry.disconnect(id);
        session.touch(served).await;
    }

    async fn serve(&mut self, mut up: BodyDataStream) -> Ended {
        let mut catalog = self.state.catalog.clone();
        catalog.mark_changed();
        let mut ping = tokio::time::interval(PING);
        let mut buffer = BytesMut::new();
        loop {
            let step = tokio::select! {
                // What a router gets depends on what it understands.
                changed = catalog.changed(), if self.features.is_some() => match changed {
                    Ok(()) => {
                        let present = catalog.borrow_and_update().clone();
                        match present { Some(present) => self.push(&present).await, None => Ok(()) }
                    }
                    Err(_) => Err(Ended::Closed),
                },
                chunk = up.next() => match chunk {
                    Some(Ok(chunk)) => { buffer.extend_from_slice(&chunk); self.take_lines(&mut buffer).await }
                    Some(Err(error)) => Err(Ended::Broken(error)),
                    None => Err(Ended::Closed),
                },
                _ = ping.tick() => self.send(&OperatorMessage::Ping).await,
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    /// Sends the config if this router's part of the catalog changed.
    async fn push(&mut self, catalog: &Catalog) -> Result<(), Ended> {
        let attached = catalog.attached_to(&self.identity.namespace, &self.identity.labels);
        let same = attached.len() == self.sent.len()
            && attached.iter().zip(&self.sent).all(|(a, b)| Arc::ptr_eq(a, b));
        if same && self.sent_any {
            return Ok(());
        }
        let features = self.features.as_deref().unwrap_or_default();
        let policies = attached.iter().filter_map(|entry| match &entry.verdict {
            Verdict::Compiled(compiled) => Some(compiled.policy.clone().for_features(features)),
            Verdict::Conflicted(_) => None,
        });
        let config = RouterConfig::new(policies.collect());
        let revision = config.revision.clone();
        let mut touched: Vec<ObjectKey> = self.sent.iter().map(|entry| entry.key.clone()).collect();
        self.sent.clone_from(&attached);
        self.sent_any = true;
        self.sent_revision.clone_from(&revision);
        touched.extend(self.state.registry.update(self.id, |router| {
            router.sent = attached;
            router.sent_revision = revision;
        }));
        self.send(&OperatorMessage::Config { config }).await?;
        self.touch(touched).await;
        Ok(())
    }

    async fn send(&self, message: &OperatorMessage) -> Result<(), Ended> {
        let mut line = serde_json::to_vec(message).map_err(Ended::Malformed)?;
        line.push(b'\n');
        match tokio::time::timeout(SEND_DEADLINE, self.sender.send(Ok(line.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Closed),
            Err(_) => Err(Ended::Stuck),
        }
    }

    async fn take_lines(&mut self, buffer: &mut BytesMut) -> Result<(), Ended> {
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line = buffer.split_to(end + 1);
            self.take(serde_json::from_slice(&line).map_err(Ended::Malformed)?).await?;
        }
        if buffer.len() > LONGEST_LINE { Err(Ended::LineTooLong) } else { Ok(()) }
    }

    async fn take(&mut self, message: RouterMessage) -> Result<(), Ended> {
        let served = match message {
            RouterMessage::Hello { router_version, revision, features } => {
                tracing::debug!(router = %self.identity.pod, %router_version, %revision, ?features, "hello");
                self.features = Some(features);
                return Ok(());
            }
            RouterMessage::Ack { revision } => {
                if revision == self.sent_revision {
                    self.acked.clone_from(&self.sent);
                }
                self.state.registry.update(self.id, |router| router.acked_revision = revision)
            }
            RouterMessage::Refuse { revision, message } => {
                tracing::warn!(router = %self.identity.pod, %revision, %message, "a router refused its config");
                self.state.registry.update(self.id, |router| router.refused = Some((revision, message)))
            }
            // Status follows at the pace of the usage ticker, not of every report.
            RouterMessage::Usage { backends } => {
                self.state.registry.count(self.id, backends);
                return Ok(());
            }
            RouterMessage::Spend { router, accounts } => {
                self.router = Some(router);
                let (from, now) = (Reporter { router, session: self.id }, Timestamp::now().as_second());
                let leases = {
                    let mut ledger = self.state.ledger.lock();
                    leases::answer(&mut ledger, &self.sent, &self.acked, from, accounts, now)
                };
                return self.send(&OperatorMessage::Leases { leases }).await;
            }
            RouterMessage::Unknown => return Ok(()),
            // Before it was given any, its report is no report of nothing: the next one has all of it.
            RouterMessage::Demand { .. } if !self.sent_any => return Ok(()),
            RouterMessage::Demand { mut backends } => {
                // A router speaks of the policies that it was given, and of no others.
                backends.retain(|demand| {
                    self.sent.iter().any(|entry| {
                        let ObjectKey { namespace, name } = &entry.key;
                        demand.policy.split_once('/') == Some((namespace, name))
                    })
                });
                let pod = format!("{}/{}", self.identity.namespace, self.identity.pod);
                self.state.reports.take(&pod, backends, Timestamp::now());
                return Ok(());
            }
        };
        self.touch(served).await;
        Ok(())
    }

    async fn touch(&self, keys: Vec<ObjectKey>) {
        for key in keys {
            self.state.triggers.send(&key.namespace, &key.name).await;
        }
    }
}

//! What the operator is told at its start.

use crate::internal_hosts::InternalHosts;
use crate::model_deployment::observe::ObserverOptions;
use crate::webhook::router_container::{RouterPod, Spans};
use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What pods get where their spec says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// llama.cpp's server.
    pub llama_cpp_image: String,
    /// What fetches models; none: only sources that are mounted can be used.
    pub fetcher_image: Option<String>,
    /// The folder of each node that keeps downloads; none: they go with their pod.
    pub cache_folder: Option<String>,
    /// Folders of nodes that `file://` sources may lie in.
    pub node_folders: Vec<String>,
    /// Certificate authorities of sources beside the public ones, in PEM.
    pub ca_pem: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Runs an organisation's small language models on its own GPUs and configures the routers that split traffic
/// between them and external APIs.
///
/// The operator runs in the cluster, installed by the chart; by hand, against the cluster of your kubeconfig:
///
///   flotilla-operator --namespace flotilla --router-image REGISTRY/flotilla/router:TAG
#[derive(Debug, Clone, Parser)]
#[command(version, about, long_about = None, verbatim_doc_comment)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// The namespace of the operator's own lease, certificate and Service.
    #[arg(long, env = "POD_NAMESPACE", default_value = "flotilla")]
    pub namespace: String,

    /// This replica's name in the lease and in events.
    #[arg(long, env = "POD_NAME", default_value = "flotilla-operator")]
    pub pod_name: String,

    /// The Service under which the API server reaches the webhook of any replica.
    #[arg(long, env = "FLOTILLA_SERVICE", default_value = "flotilla-operator")]
    pub service: String,

    /// The Service under which routers reach the replica that holds the lease.
    #[arg(long, env = "FLOTILLA_LEADER_SERVICE", default_value = "flotilla-operator-leader")]
    pub leader_service: String,

    /// The MutatingWebhookConfiguration that gets this operator's certificate authority.
    #[arg(long, env = "FLOTILLA_WEBHOOK", default_value = "flotilla-operator")]
    pub webhook: String,

    /// The image of sidecars and gateways.
    #[arg(long, env = "FLOTILLA_ROUTER_IMAGE")]
    pub router_image: String,

    /// Where sidecars and gateways send spans, by OTLP over HTTP: an OpenTelemetry collector's http://HOST:4318. Empty:
    /// they send none.
    #[arg(long, env = "FLOTILLA_ROUTER_OTLP_ENDPOINT", default_value = "", value_name = "URL")]
    pub router_otlp_endpoint: String,

    /// The share of requests that have spans, of those whose client says nothing about it: 0 to 1.
    #[arg(long, env = "FLOTILLA_ROUTER_TRACE_RATIO", default_value_t = 1.0, value_name = "SHARE", value_parser = share)]
    pub router_trace_ratio: f64,

    /// The image of engine type LlamaCpp where a spec names none.
    #[arg(long, env = "FLOTILLA_LLAMA_CPP_IMAGE", default_value = "ghcr.io/ggml-org/llama.cpp:server-cuda")]
    pub llama_cpp_image: String,

    /// The image of the containers that download hf://, s3:// and https:// models. Without it these cannot be used.
    #[arg(long, env = "FLOTILLA_FETCHER_IMAGE")]
    pub fetcher_image: Option<String>,

    /// The folder of each node in which downloads are kept for further replicas. Empty: they go with their pod.
    #[arg(
        long,
        env = "FLOTILLA_CACHE_FOLDER",
        default_value = "/var/lib/flotilla/models",
        value_name = "PATH"
    )]
    pub cache_folder: String,

    /// Folders of nodes that file:// sources may lie in; none unless given.
    #[arg(long, env = "FLOTILLA_NODE_FOLDERS", value_delimiter = ',', value_name = "PATH")]
    pub node_folders: Vec<String>,

    /// Where router streams and the webhook are served, with TLS.
    #[arg(long, env = "FLOTILLA_HTTPS_LISTEN", default_value = "0.0.0.0:9443")]
    pub https_listen: SocketAddr,

    /// Where /healthz, /readyz and /metrics are served, without TLS.
    #[arg(long, env = "FLOTILLA_ADMIN_LISTEN", default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,

    /// Whether the heads of model files are read from their registries, hubs, buckets and web servers. Without it the
    /// spec has to describe each model.
    #[arg(long, env = "FLOTILLA_READ_MODEL_FILES", default_value_t = true, action = clap::ArgAction::Set)]
    pub read_model_files: bool,

    /// Registries (HOST or HOST:PORT) that are spoken to without TLS when the heads of model files are read.
    #[arg(long, env = "FLOTILLA_PLAIN_HTTP_REGISTRIES", value_delimiter = ',', value_name = "REGISTRY")]
    pub plain_http_registries: Vec<String>,

    /// Certificate authorities of registries and of other sources of models, a file in PEM, beside the public ones.
    #[arg(long, env = "FLOTILLA_REGISTRY_CA_FILE", value_name = "FILE")]
    pub registry_ca_file: Option<PathBuf>,

    /// Whether engines are asked at their /metrics: those of type Custom once what their KV cache holds, and those of
    /// models with spec.scaling every few seconds for their load.
    #[arg(long, env = "FLOTILLA_ENGINE_METRICS", default_value_t = true, action = clap::ArgAction::Set)]
    pub engine_metrics: bool,

    /// The namespace of NVIDIA's dcgm-exporter, which is asked what the GPU of a replica holds, for the status. Empty:
    /// it is not asked.
    #[arg(long, env = "FLOTILLA_DCGM_NAMESPACE", default_value = "gpu-operator", value_name = "NAMESPACE")]
    pub dcgm_namespace: String,

    /// Whether policies may name backends at loopback and link-local addresses and at the API server.
    #[arg(long, env = "FLOTILLA_ALLOW_INTERNAL_UPSTREAMS")]
    pub allow_internal_upstreams: bool,

    /// Whether models may name sources at loopback and link-local addresses and at the API server. It is for the heads
    /// that the operator reads; registries and what pods download are not judged.
    #[arg(long, env = "FLOTILLA_ALLOW_INTERNAL_SOURCES")]
    pub allow_internal_sources: bool,

    /// The API server's address, which policies and models may not name.
    #[arg(long, env = "KUBERNETES_SERVICE_HOST", hide = true)]
    pub api_server: Option<String>,

    /// How many objects of a kind are reconciled at once.
    #[arg(long, env = "FLOTILLA_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,

    /// How log lines look. RUST_LOG sets what is logged.
    #[arg(long, env = "FLOTILLA_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Print a completion script for this shell and exit.
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<clap_complete::Shell>,
}

impl Options {
    /// What pods get where their spec says nothing.
    ///
    /// # Errors
    /// If the file with certificate authorities cannot be read.
    pub async fn defaults(&self) -> anyhow::Result<Defaults> {
        let ca_pem = match &self.registry_ca_file {
            Some(path) => {
                let pem = tokio::fs::read_to_string(path).await;
                Some(pem.with_context(|| format!("--registry-ca-file {} cannot be read", path.display()))?)
            }
            None => None,
        };
        Ok(Defaults {
            llama_cpp_image: self.llama_cpp_image.clone(),
            fetcher_image: self.fetcher_image.clone(),
            cache_folder: Some(self.cache_folder.clone()).filter(|folder| !folder.is_empty()),
            node_folders: self.node_folders.clone(),
            ca_pem,
        })
    }

    /// The hosts inside that policies may or may not name.
    pub fn upstreams(&self) -> InternalHosts {
        InternalHosts { allowed: self.allow_internal_upstreams, api_server: self.api_server.clone() }
    }

    /// The hosts inside that models may or may not name as their sources.
    pub fn sources(&self) -> InternalHosts {
        InternalHosts { allowed: self.allow_internal_sources, api_server: self.api_server.clone() }
    }

    /// What routers are told at their start; the authority is that of the operator's address, in PEM.
    pub fn router_pod(&self, ca_pem: String) -> RouterPod {
        let endpoint = Some(self.router_otlp_endpoint.clone()).filter(|endpoint| !endpoint.is_empty());
        RouterPod {
            image: self.router_image.clone(),
            operator_url: self.operator_url(),
            ca_pem,
            spans: endpoint.map(|endpoint| Spans { endpoint, ratio: self.router_trace_ratio.to_string() }),
        }
    }

    /// What is asked about replicas.
    pub fn observe(&self) -> ObserverOptions {
        let dcgm_namespace = Some(self.dcgm_namespace.clone()).filter(|namespace| !namespace.is_empty());
        ObserverOptions { engine_metrics: self.engine_metrics, dcgm_namespace }
    }

    /// The DNS names that the operator's certificate is for.
    pub fn service_names(&self) -> Vec<String> {
        let namespace = &self.namespace;
        let names = |service: &String| {
            [format!("{service}.{namespace}.svc"), format!("{service}.{namespace}.svc.cluster.local")]
        };
        [&self.service, &self.leader_service].into_iter().flat_map(names).collect()
    }

    /// The base URL of router streams.
    pub fn operator_url(&self) -> String {
        format!("https://{}.{}.svc:{SERVICE_PORT}", self.leader_service, self.namespace)
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| "not a number")?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("not between 0 and 1".to_owned()) }
}

/// The port of the operator's Service.
const SERVICE_PORT: u16 = 443;

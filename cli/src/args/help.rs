//! Longer texts of `--help`.

pub(super) const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 the model does not fit the GPU that --gpu asks for; 2 wrong usage or bad input.";

pub(super) const SIZE: &str = "\
Say how much GPU memory one replica of a model needs, term by term, and which GPUs it fits on.

The figures are the operator's own: it computes the same estimate before it places a replica, and starts the
engine with flags that keep it within. docs/sizing.md explains each term and how far it may be trusted.

The model comes from a manifest (-f), from the catalogue (--preset), from a config.json, or from the head of a
GGUF file. Flags override what a manifest says, so that you can ask what another context would cost.

Of a manifest the head of the model's file is read as the operator does: from its registry with the logins of docker
and podman, from the hub with HF_TOKEN (never sent to another endpoint), from a bucket with AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, from a web server as anybody. The Secrets that it names are not read. Where
that fails, or with --offline, the spec's own words count, with a warning.";

pub(super) const SIZE_SHORT: &str = "\
Try: kubectl flotilla size --preset llama-3.2-3b --quantization Q4_K_M --context 8k
     --help has more examples and the exit codes.";

pub(super) const SIZE_EXAMPLES: &str = "\
Examples:
  # A model of the catalogue, 8,192 tokens for each of 4 sequences
  kubectl flotilla size --preset llama-3.2-3b --quantization Q4_K_M --context 8k

  # What is about to be applied; what it would take with twice the context
  kubectl flotilla size -f model.yaml
  kustomize build . | kubectl flotilla size -f - --context 16k

  # A file before it is downloaded (40 GB cost a few hundred KB)
  kubectl flotilla size --gguf https://huggingface.co/OWNER/NAME/resolve/main/model-Q4_K_M.gguf

  kubectl flotilla size --gguf oci://registry.example/models/llama:q4#model.gguf

  # A checkpoint under vLLM over two GPUs, with four LoRA adapters
  kubectl flotilla size --config-json config.json --engine vllm --gpus 2 --adapters 4

  # In CI: fail unless it fits the cards we have
  kubectl flotilla size -f model.yaml --gpu L4 --json > size.json

JSON: name, weightsBytes, kvCacheBytes, computeBytes, runtimeBytes, adaptersBytes, stateBytes, totalBytes (one
replica), perGPUBytes (the fullest GPU), requiredPerGPUBytes (with headroom), basis (File, Config, Architecture,
Preset or Declared), engineFlags, warnings, assumptions, alternatives, fits [{name, product, memoryBytes, usableBytes,
freeBytes, pricePerHourUSD, priceSource}]; a list of these where a manifest has several ModelDeployments.

Exit codes: 0 done; 1 the model does not fit the GPU that --gpu asks for; 2 wrong usage or bad input.";

pub(super) const COST: &str = "\
Say what the replicas of each model cost, what a million tokens cost at their present use, and what the same tokens
would cost at the external backend of a policy.

The figures are the operator's: it writes them to status.scaling.economics of ModelDeployments with spec.scaling. The
price of a GPU is spec.scaling.gpuHourlyPrice, else the node's label flotilla.dev/gpu-hourly-price, else that of a price
list (kubectl flotilla gpus). docs/autoscaling.md says how they come about.

  kubectl flotilla cost -A
  kubectl flotilla cost -n apps -o json
  kubectl get mdep -o json | kubectl flotilla cost -f -

JSON: a list of namespace, name, readyReplicas, and economics as in the status or unknown, which says what is missing.";
pub(super) const EXPLAIN: &str = "\
Say what would become of a request: the rule, where it would go with which share, in which order, what it would
reserve of budgets, and why. Nothing is sent, and nothing is taken from limits or budgets.

The same code decides as in a router. Of a RoutingPolicy in a file (-f), every backend is taken for ready, with its key
there and nothing spent; a router's own file (--config) is taken as it is; a live router (--router) answers for itself.";

pub(super) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  # Does this prompt stay in the cluster?
  kubectl flotilla explain -f policy.yaml --prompt 'My SSN is 123-45-6789'

  # A whole request, as a client would send it
  kubectl flotilla explain -f policy.yaml --request request.json -H 'x-data-class: PHI'

  # What a router of the cluster would do now
  kubectl port-forward pod/chat 8089 &
  kubectl flotilla explain --router http://127.0.0.1:8089 --model assistant --prompt Hello

JSON: model, policy, client, promptTokens, dataClasses, rule, ways [{percent, targets}], refused {status, code,
message}, targets [{backend, inCluster, reservesUsd}], reasons.";

pub(super) const COMPLETION: &str = "\
Print a completion script for a shell.

  bash:  kubectl-flotilla completion bash > /etc/bash_completion.d/kubectl-flotilla
  zsh:   kubectl-flotilla completion zsh > \"${fpath[1]}/_kubectl-flotilla\"
  fish:  kubectl-flotilla completion fish > ~/.config/fish/completions/kubectl-flotilla.fish

They complete kubectl-flotilla; for kubectl flotilla, kubectl calls an executable named
kubectl_complete-flotilla, which may hand on to it.";

//! The Go modules below `e2e/tools` and how each is built. Versions are in their `go.mod`.

/// One folder of `e2e/tools`.
#[derive(Debug)]
pub(super) struct Module {
    /// Folder name.
    pub(super) name: &'static str,
    /// What a person would call the result.
    pub(super) title: &'static str,
    what: What,
    flags: &'static [&'static str],
}

/// What a module builds.
#[derive(Debug)]
enum What {
    /// The main package in the folder itself; the program has the module's name.
    Own,
    /// The package of the only `tool` line; the program has the module's name.
    Tool,
    /// The packages of all `tool` lines; the programs have the packages' names.
    Tools(&'static [&'static str]),
}

/// Helm and kubectl refuse a Kubernetes that does not know its version, which its own build stamps.
const KUBERNETES_STAMPS: &str = "-X k8s.io/component-base/version.gitVersion=v1.36.3 \
     -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36 \
     -X k8s.io/client-go/pkg/version.gitVersion=v1.36.3 \
     -X k8s.io/client-go/pkg/version.gitMajor=1 -X k8s.io/client-go/pkg/version.gitMinor=36";

/// In the order in which they are built: the longest first, so that a person sees early how long it takes.
pub(super) const MODULES: &[Module] = &[
    Module {
        name: "kubernetes",
        title: "Kubernetes 1.36.3",
        what: What::Tools(&[
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        ]),
        flags: &["-ldflags", KUBERNETES_STAMPS],
    },
    Module {
        name: "containerd",
        title: "containerd 2.4.2",
        what: What::Tools(&["containerd", "containerd-shim-runc-v2", "ctr"]),
        flags: &[
            "-tags",
            "no_btrfs,no_zfs",
            "-ldflags",
            "-X github.com/containerd/containerd/v2/version.Version=v2.4.2",
        ],
    },
    Module { name: "kwok", title: "KWOK 0.8.0", what: What::Tool, flags: &["-ldflags", "-s -w"] },
    Module { name: "helm", title: "Helm 4.3.1", what: What::Tool, flags: &[] },
    Module { name: "etcd", title: "etcd 3.7.3", what: What::Tool, flags: &[] },
    Module { name: "coredns", title: "CoreDNS 1.15.0", what: What::Own, flags: &[] },
    Module { name: "crane", title: "the registry (crane 0.22.1)", what: What::Tool, flags: &[] },
    Module { name: "dra-driver", title: "the DRA driver", what: What::Own, flags: &["-ldflags", "-s -w"] },
    Module { name: "pause", title: "the pause program", what: What::Own, flags: &["-ldflags", "-s -w"] },
];

impl Module {
    /// Names of the programs.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'static str> {
        let (one, many): (Option<&'static str>, &[&'static str]) = match self.what {
            What::Own | What::Tool => (Some(self.name), &[]),
            What::Tools(names) => (None, names),
        };
        one.into_iter().chain(many.iter().copied())
    }

    /// The package pattern for `go build`.
    pub(super) fn pattern(&self) -> &'static str {
        match self.what {
            What::Own => ".",
            What::Tool | What::Tools(_) => "tool",
        }
    }

    /// Flags for `go build`.
    pub(super) fn flags(&self) -> &'static [&'static str] {
        self.flags
    }

    /// Whether `go build -o` names a folder and not a file.
    pub(super) fn has_many(&self) -> bool {
        matches!(self.what, What::Tools(_))
    }
}

//! The condition `Sized`, and the figures in the status.

use super::need::{Doubt, Figures, Instead, Need, inputs};
use super::resolve::Unsized;
use crate::conditions::{Reason, Verdict};
use crate::kube_ext::mib;
use flotilla_crds::ModelDeploymentSpec;
use flotilla_crds::model_deployment::{MemoryBasis, MemoryStatus, ModelDeploymentStatus};

/// What is said of a need.
pub(super) fn sized(need: &Need) -> Verdict {
    let total = need.total_mib;
    if let Some(Doubt { failure, instead }) = &need.doubt {
        let meanwhile = match instead {
            Instead::LastReading => "the figures of the last reading count",
            Instead::Spec => "the figures of the spec count, and the file may be another",
        };
        return match failure {
            Some(failure) => Verdict::unknown(
                failure.reason,
                format!("{}; until it can be read, {meanwhile} ({total} MiB)", failure.message),
            ),
            None => Verdict::unknown(
                Reason::ReadingFile,
                format!("the head of the model file is being read; {meanwhile} ({total} MiB)"),
            ),
        };
    }
    if !need.conflicts.is_empty() {
        let found: Vec<_> = need.conflicts.iter().map(ToString::to_string).collect();
        let message = format!("{}; the file's figures are used ({total} MiB)", found.join("; "));
        return Verdict::no(Reason::SpecContradictsFile, message);
    }
    let from = match need.basis {
        MemoryBasis::File => "computed from the head of the model file",
        MemoryBasis::Architecture => "computed from spec.model.architecture",
        MemoryBasis::Preset => "computed from spec.model.preset",
        MemoryBasis::Declared => "declared in spec.placement.gpuMemory",
    };
    let reason = match need.basis {
        MemoryBasis::File => Reason::FileRead,
        _ => Reason::SpecOnly,
    };
    let mut message = format!("{total} MiB, {from}");
    if let Figures::Computed { assumptions, .. } = &need.figures
        && need.basis != MemoryBasis::Declared
    {
        for assumption in assumptions {
            message.push_str("; ");
            message.push_str(assumption);
        }
    }
    Verdict::yes(reason, message)
}

/// What is said where there is no need.
pub(super) fn unsized_verdict(cause: &Unsized) -> Verdict {
    match cause {
        Unsized::Reading => Verdict::unknown(Reason::ReadingFile, cause.to_string()),
        Unsized::Unread(failure) if failure.passing => Verdict::unknown(failure.reason, cause.to_string()),
        Unsized::Unread(failure) => Verdict::no(failure.reason, cause.to_string()),
    }
}

/// The figures, term by term.
pub(super) fn memory(
    spec: &ModelDeploymentSpec,
    need: &Need,
    before: &ModelDeploymentStatus,
) -> MemoryStatus {
    let mut status = MemoryStatus {
        total: mib(need.total_mib),
        per_gpu: (need.per_gpu_mib < need.total_mib).then(|| mib(need.per_gpu_mib)),
        required: mib(need.required_mib),
        basis: Some(need.basis),
        inputs: Some(inputs(spec)),
        observed: before.memory.as_ref().and_then(|memory| memory.observed.clone()),
        ..MemoryStatus::default()
    };
    match &need.figures {
        Figures::Remembered(memory) => return (**memory).clone(),
        Figures::Declared => {}
        Figures::Computed { estimate, assumptions, .. } => {
            let term = |bytes: crate::decide::sizing::Bytes| Some(mib(bytes.mib()));
            status.weights = term(estimate.weights);
            status.kv_cache = term(estimate.kv_cache);
            status.compute = term(estimate.compute);
            status.runtime = term(estimate.runtime);
            status.adapters = term(estimate.adapters).filter(|_| estimate.adapters.mib() > 0);
            status.state = term(estimate.state).filter(|_| estimate.state.mib() > 0);
            status.assumptions.clone_from(assumptions);
        }
    }
    status
}

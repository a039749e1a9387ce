//! What was decided, and why.

use super::{Change, Tokens};
use jiff::Timestamp;
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Why there are to be so many replicas, in one word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word itself.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

reasons!(
    /// Neither a router nor an engine reports, or none has for a while: nothing is changed.
    MetricsUnavailable,
    /// More is offered than the replicas should have to do.
    DemandRose,
    /// Fewer replicas were enough all through the window.
    DemandFell,
    /// Something is asked of a model that has no replica.
    Waking,
    /// Nothing was asked for long enough that no replica is kept.
    Idle,
    /// Replicas are as busy as they should be.
    WithinTarget,
    /// Fewer would be enough now, but were not all through the window.
    Stabilizing,
    /// One goes already, or has just gone.
    Draining,
    /// A schedule keeps more than demand asks for.
    Scheduled,
    /// The smallest number that the spec allows, or that there may be.
    AtMinimum,
    /// Demand asks for more than the spec allows, or there are more.
    AtMaximum,
    /// Demand asks for more than there are free GPUs for, or replicas wait for one.
    NoFreeGPU,
    /// Demand asks for more, and no GPU of the cluster is large enough.
    NoFit,
    /// The number is right, and replicas wait for a node though GPUs are free.
    Unschedulable,
    /// As many as there may be are there, and some of them end again and again, or cannot be started.
    ReplicasFail,
);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The figures behind a decision, in replicas of the first variant unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Tokens per second that are offered, on average over the last minute or since they rose.
    pub offered: Tokens,
    /// Whether reports have come for long enough that this is a mean: that of fewer seconds may be too little.
    pub is_mean: bool,
    /// Replicas that the offered tokens keep busy.
    pub busy: f64,
    /// Tokens that wait.
    pub waiting: Tokens,
    /// Replicas that there must be.
    pub at_least: f64,
    /// Replicas that may be there, by the largest demand of the window.
    pub at_most: f64,
    /// Replicas that there are or will be.
    pub supply: f64,
}

/// How many replicas there are to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Of each variant, in the order of the situation.
    pub replicas: Vec<u32>,
    /// The same before: those that there were, or were on their way.
    pub before: Vec<u32>,
    /// Of all variants, if there were GPUs for all and no upper bound.
    pub wished: u32,
    /// In one word.
    pub reason: Reason,
    /// What it rests on; nothing where there were no reports.
    pub figures: Option<Figures>,
    /// Replicas that wait for a node, or that fail, if that is the reason.
    pub lacking: u32,
}

impl Decision {
    /// Takes in that so many replicas have waited for a node for long, where nothing else is the matter: the number is
    /// right, and not all of it runs. `room` says whether GPUs are free for them.
    pub fn lack_nodes(&mut self, waiting: u32, room: bool) {
        let right = matches!(self.reason, Reason::WithinTarget | Reason::AtMinimum | Reason::Scheduled)
            && self.replicas == self.before;
        if waiting > 0 && right && self.figures.is_some() {
            self.lacking = waiting;
            self.reason = if room { Reason::Unschedulable } else { Reason::NoFreeGPU };
        }
    }

    /// Takes in that so many replicas fail, where no others come in their place: whatever else is the matter, that is
    /// what to mend.
    pub fn lack_sound_ones(&mut self, failing: u32) {
        let stays = matches!(
            self.reason,
            Reason::WithinTarget
                | Reason::AtMinimum
                | Reason::AtMaximum
                | Reason::Scheduled
                | Reason::NoFreeGPU
        ) && self.replicas == self.before;
        if failing > 0 && stays && self.figures.is_some() {
            (self.lacking, self.reason) = (failing, Reason::ReplicasFail);
        }
    }

    /// Replicas of all variants together.
    pub fn total(&self) -> u32 {
        sum(&self.replicas)
    }

    /// The same before.
    pub fn total_before(&self) -> u32 {
        sum(&self.before)
    }

    /// What becomes of a variant; none where it has the replicas that it had.
    pub fn change(&self, variant: usize, at: Timestamp) -> Option<Change> {
        let (from, to) = (*self.before.get(variant)?, *self.replicas.get(variant)?);
        (from != to).then(|| Change { at, from, to, reason: self.reason, message: self.to_string() })
    }
}

fn sum(replicas: &[u32]) -> u32 {
    replicas.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let Some(figures) = self.figures else {
            f.write_str("neither routers nor engines report: ")?;
            return match self.reason {
                Reason::Scheduled => write!(f, "a schedule keeps {total}"),
                Reason::AtMinimum => write!(f, "{total} are the fewest allowed"),
                Reason::AtMaximum => write!(f, "{total} are the most allowed"),
                _ => write!(f, "{total} are kept"),
            };
        };
        // Of several variants, figures are in replicas of the first, and numbers are of all.
        let several = self.replicas.len() > 1;
        let (of, all) = if several { (" of the first object", " in all") } else { ("", "") };
        let Tokens { prompt, completion } = figures.offered;
        let busy = figures.busy;
        match self.reason {
            Reason::MetricsUnavailable => write!(f, "neither routers nor engines report: {total} are kept"),
            Reason::Idle => f.write_str("nothing was asked for long enough"),
            Reason::Waking => write!(f, "the first request starts {total}"),
            Reason::Scheduled => {
                write!(f, "a schedule keeps {total}{all}, demand {:.1}{of}", figures.at_least)
            }
            reason => {
                write!(
                    f,
                    "{prompt:.0} prompt and {completion:.0} completion tokens/s keep {busy:.1} replicas{of} busy"
                )?;
                let waiting = figures.waiting.prompt + figures.waiting.completion;
                if waiting >= 1.0 {
                    write!(f, ", {waiting:.0} tokens wait")?;
                }
                if reason == Reason::ReplicasFail {
                    let failing = self.lacking;
                    return write!(
                        f,
                        "; {failing} of {total} replicas do not start: the condition ModelLoaded says why"
                    );
                }
                if self.lacking > 0 {
                    write!(f, "; {} of {total} replicas wait for a node, ", self.lacking)?;
                    return f.write_str(match reason {
                        Reason::NoFreeGPU => "and no GPU that is large enough is free",
                        Reason::NoFit => "and no GPU of the cluster is large enough",
                        _ => "though GPUs are free: the condition ModelLoaded says why",
                    });
                }
                match reason {
                    Reason::NoFreeGPU => write!(f, "; {} are wanted, GPUs are free for {total}", self.wished),
                    Reason::NoFit => {
                        write!(f, "; {} are wanted, and no GPU of the cluster is large enough", self.wished)
                    }
                    Reason::AtMaximum if self.wished <= total => write!(f, "; {total} are the most allowed"),
                    Reason::AtMaximum => write!(f, "; {} are wanted, {total} allowed", self.wished),
                    Reason::AtMinimum => write!(f, "; {total} are the fewest allowed"),
                    Reason::DemandRose => {
                        write!(f, "; {total} are wanted{all} instead of {}", self.total_before())
                    }
                    Reason::DemandFell => write!(
                        f,
                        "; no more than {:.1}{of} were needed all through the window, {total} stay{all}",
                        figures.at_most
                    ),
                    Reason::Stabilizing => {
                        write!(f, "; {:.1}{of} were needed within the window", figures.at_most)
                    }
                    Reason::Draining => write!(f, "; one replica goes at a time"),
                    _ => write!(f, "; {total} are right"),
                }
            }
        }
    }
}

//! Plain values: ids, outline, states, progress, checklist with evidence and verdicts, references to secrets. No I/O,
//! no serde, no async.

mod checklist;
mod evidence;
mod id;
mod item;
mod mutant;
mod outcome;
mod outline;
mod progress;
mod proof;
mod secret_ref;
mod verdict;
mod waiver;

pub use checklist::{Checklist, Counts, ItemStatus};
pub use evidence::{Attempt, Evidence, StepProof};
pub use id::{IdError, IdMap, ItemId, RunId, StageId, StepId};
pub use item::{Item, ItemPlace, NearItem};
pub use mutant::{FileTrial, ItemTrial, Mutant, MutantCounts, MutantKind, NotTried, Survivor, Trials};
pub use outcome::{Change, Outcome, Output, StepState};
pub use outline::{Outline, StageOutline, StepOutline};
pub(crate) use progress::human_bytes;
pub use progress::{Progress, Unit};
pub use proof::ProofKind;
pub use secret_ref::{SecretPart, escape_secret_refs, secret_names, secret_ref, split_secret_refs};
pub use verdict::Verdict;
pub use waiver::{AppliedWaiver, Waiver, WaiverState};

//! [`layout`]: the rows of a run that a terminal of a given height shows.

use crate::model::{Outcome, StepState};
use crate::report::run::row::{StageRow, StepRow};
use crate::report::run::view::View;

/// One line of a frame; numbers are indices in the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A stage.
    Stage(usize),
    /// A step.
    Step(usize),
    /// The last output line of a running step.
    LastLine(usize),
    /// A number of stages that ended without failures.
    DoneStages(usize),
    /// A number of stages that have not started.
    WaitingStages(usize),
    /// The other steps of a stage, counted.
    OtherSteps {
        /// Ended without a failure.
        done: usize,
        /// Not started.
        waiting: usize,
    },
    /// A number of running steps that there is no room for.
    MoreRunning(usize),
}

/// Levels of detail, from high to low. If even the lowest needs too much room, only running steps are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Everything,
    /// Stages that have ended or not started take one line.
    OpenStages,
    /// In the other stages, only steps that run or failed are shown.
    BusySteps,
    /// Stages without such steps are only counted.
    BusyStages,
}

/// Returns the rows to show, at most `room`, in as much detail as fits. Last output lines take the room that is left,
/// so that output does not change which steps are shown.
pub(crate) fn layout(view: &View, room: usize) -> Vec<Row> {
    let details = [Detail::Everything, Detail::OpenStages, Detail::BusySteps, Detail::BusyStages];
    let rows = details.into_iter().find_map(|detail| rows(view, detail, room)).unwrap_or_else(|| running(view, room));
    with_last_lines(view, rows, room)
}

/// Returns the rows at `detail`, unless they are more than `room`.
fn rows(view: &View, detail: Detail, room: usize) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for (place, stage) in view.stages.iter().enumerate() {
        if stage.counts.total == 0 {
            continue;
        }
        if detail >= Detail::BusyStages && stage.is_done_without_failures() {
            match rows.last_mut() {
                Some(Row::DoneStages(n)) => *n += 1,
                _ => rows.push(Row::DoneStages(1)),
            }
        } else if detail >= Detail::BusyStages && stage.is_waiting() {
            match rows.last_mut() {
                Some(Row::WaitingStages(n)) => *n += 1,
                _ => rows.push(Row::WaitingStages(1)),
            }
        } else {
            rows.push(Row::Stage(place));
            if detail == Detail::Everything || stage.is_open() {
                push_steps(view, stage, detail, room, &mut rows);
            }
        }
        if rows.len() > room {
            return None;
        }
    }
    Some(rows)
}

fn push_steps(view: &View, stage: &StageRow, detail: Detail, room: usize, rows: &mut Vec<Row>) {
    let is_shown = |row: &StepRow| detail < Detail::BusySteps || row.is_active() || row.is_bad();
    for place in stage.steps.clone() {
        if rows.len() > room {
            return;
        }
        let row = &view.steps[place];
        if row.is_selected && is_shown(row) {
            rows.push(Row::Step(place));
        }
    }
    if detail >= Detail::BusySteps {
        let waiting = stage.counts.waiting;
        let done = stage.counts.ended() - stage.n_bad();
        if waiting + done > 0 {
            rows.push(Row::OtherSteps { done, waiting });
        }
    }
}

fn running(view: &View, room: usize) -> Vec<Row> {
    let n_active = view.active.len();
    let n_shown = if n_active > room { room.saturating_sub(1) } else { n_active };
    let mut rows: Vec<Row> = view.active.iter().take(n_shown).map(|place| Row::Step(*place)).collect();
    if n_active > n_shown && room > 0 {
        rows.push(Row::MoreRunning(n_active - n_shown));
    }
    rows
}

fn with_last_lines(view: &View, rows: Vec<Row>, room: usize) -> Vec<Row> {
    let mut left = room.saturating_sub(rows.len());
    let mut all = Vec::with_capacity(room.min(rows.len() + view.active.len()));
    for row in rows {
        all.push(row);
        if let Row::Step(place) = row
            && left > 0
            && view.steps[place].state == StepState::Running
            && view.steps[place].last_line.is_some()
        {
            all.push(Row::LastLine(place));
            left -= 1;
        }
    }
    all
}

impl StageRow {
    /// Returns the number of its steps that failed or could not start.
    pub(crate) fn n_bad(&self) -> usize {
        [Outcome::Failed, Outcome::Interrupted, Outcome::Blocked]
            .into_iter()
            .map(|outcome| self.counts.of(outcome))
            .sum()
    }

    /// Returns whether all of its steps have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.counts.ended() == self.counts.total
    }

    /// Returns whether none of its steps has started.
    pub(crate) fn is_waiting(&self) -> bool {
        self.counts.waiting == self.counts.total
    }

    fn is_done_without_failures(&self) -> bool {
        self.is_done() && self.n_bad() == 0
    }

    fn is_open(&self) -> bool {
        !self.is_done() && !self.is_waiting()
    }
}

impl StepRow {
    fn is_active(&self) -> bool {
        matches!(self.state, StepState::Checking | StepState::Running)
    }

    fn is_bad(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Failed | Outcome::Interrupted | Outcome::Blocked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::fingerprint::StaleReason;
    use crate::report::testing::script::{self, Script};

    /// Three stages of `n` steps: the first is done, the second runs its third step and has one failed, the third
    /// waits.
    fn view(n: usize) -> View {
        let names: Vec<String> = (0..n).map(|n| format!("s{n}")).collect();
        let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let stages: [script::Stage; 3] = [("a", "", &steps), ("b", "", &steps), ("c", "", &steps)];
        let mut run = Script::new(&stages);
        for name in &names {
            run.check(&format!("a.{name}")).fresh(&format!("a.{name}"));
        }
        run.check("b.s0").fresh("b.s0");
        run.start("b.s1", StaleReason::NeverRun).end("b.s1", Outcome::Failed, 1);
        run.start("b.s2", StaleReason::NeverRun).line("b.s2", "hello");
        folded(&run.events)
    }

    fn folded(events: &[Event]) -> View {
        let mut view = View::new();
        for event in events {
            view.apply(event);
        }
        view
    }

    #[test]
    fn less_room_means_less_detail() {
        use Row::{LastLine, OtherSteps, Stage, Step};
        let view = view(4);
        let all = layout(&view, 16);
        assert_eq!((all.len(), all[9]), (16, LastLine(6)));
        assert_eq!(layout(&view, 15).len(), 15);
        let open: [Row; 7] = [Stage(0), Stage(1), Step(4), Step(5), Step(6), Step(7), Stage(2)];
        assert_eq!(layout(&view, 7), open);
        assert_eq!(layout(&view, 14).len(), 8);
        let others = OtherSteps { done: 1, waiting: 1 };
        assert_eq!(layout(&view, 6), [Stage(0), Stage(1), Step(5), Step(6), others, Stage(2)]);
        let big = self::view(5000);
        let others = OtherSteps { done: 1, waiting: 4997 };
        assert_eq!(layout(&big, 7), [Stage(0), Stage(1), Step(5001), Step(5002), LastLine(5002), others, Stage(2)]);
        assert_eq!(layout(&view, 2), [Step(6), LastLine(6)]);
        assert_eq!(layout(&view, 0), []);
    }

    #[test]
    fn stages_without_active_steps_are_counted() {
        use Row::{DoneStages, OtherSteps, Stage, Step, WaitingStages};
        let names: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
        let steps = [("x", ""), ("y", "")];
        let stages: Vec<script::Stage> = names.iter().map(|name| (name.as_str(), "", &steps[..])).collect();
        let mut run = Script::new(&stages);
        for name in &names[..8] {
            for step in ["x", "y"] {
                let id = format!("{name}.{step}");
                run.check(&id).fresh(&id);
            }
        }
        run.start("s8.x", StaleReason::NeverRun);
        let view = folded(&run.events);
        let others = OtherSteps { done: 0, waiting: 1 };
        let rows = [DoneStages(8), Stage(8), Step(16), others, WaitingStages(11)];
        assert_eq!(layout(&view, 5), rows);
        assert_eq!(layout(&view, 4), [Step(16)]);
        let mut run = Script::new(&stages);
        for name in &names {
            run.check(&format!("{name}.x"));
        }
        let rows = layout(&folded(&run.events), 3);
        assert_eq!(rows, [Step(0), Step(2), Row::MoreRunning(18)]);
    }

    #[test]
    fn there_are_never_more_rows_than_room() {
        for n in [3, 10, 100] {
            let view = view(n);
            for room in 0..=50 {
                assert!(layout(&view, room).len() <= room, "{n} {room}");
            }
        }
    }
}

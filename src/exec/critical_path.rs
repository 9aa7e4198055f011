//! The critical path: the chain of steps that decided how long a run took.

use std::time::Duration;

/// When each step began and ended, and which one it waited for last.
#[derive(Debug)]
pub(super) struct CriticalPath {
    began: Vec<Option<Duration>>,
    ended: Vec<Option<Duration>>,
    /// The step whose end made each one ready.
    released_by: Vec<Option<usize>>,
}

/// Steps shorter than this are left out of the report: they decided nothing.
const WORTH_SAYING: Duration = Duration::from_millis(50);

impl CriticalPath {
    pub(super) fn new(n_steps: usize) -> Self {
        Self { began: vec![None; n_steps], ended: vec![None; n_steps], released_by: vec![None; n_steps] }
    }

    pub(super) fn begin(&mut self, step: usize, at: Duration) {
        self.began[step] = Some(at);
    }

    pub(super) fn end(&mut self, step: usize, at: Duration) {
        self.ended[step] = Some(at);
    }

    /// `step` was the last that `next` waited for.
    pub(super) fn released(&mut self, next: usize, step: usize) {
        self.released_by[next] = Some(step);
    }

    /// The chain that ends with the step that ended last, first to last, each with its time.
    pub(super) fn steps(&self) -> Vec<(usize, Duration)> {
        let ran = |step: &usize| self.began[*step].is_some();
        let last = (0..self.ended.len()).filter(ran).filter(|step| self.ended[*step].is_some());
        let mut next = last.max_by_key(|step| self.ended[*step]);
        let mut chain = Vec::new();
        while let Some(step) = next {
            if let (Some(began), Some(ended)) = (self.began[step], self.ended[step]) {
                chain.push((step, ended.saturating_sub(began)));
            }
            next = self.released_by[step];
        }
        chain.reverse();
        chain.retain(|(_, time)| *time >= WORTH_SAYING);
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_goes_back_from_the_last_end() {
        let second = Duration::from_secs;
        let mut path = CriticalPath::new(4);
        for (step, began, ended) in [(0, 0, 3), (1, 0, 5), (2, 5, 6), (3, 5, 9)] {
            path.begin(step, second(began));
            path.end(step, second(ended));
        }
        path.released(2, 1);
        path.released(3, 1);
        assert_eq!(path.steps(), [(1, second(5)), (3, second(4))]);
    }
}

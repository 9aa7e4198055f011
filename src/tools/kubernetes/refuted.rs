//! Problems that the API server refutes: what they say is missing is there.

use super::client::Kube;
use super::problems::{Outlook, PodProblem, Remedy, missing_remedy};

impl Kube {
    /// Asks the API server for what `problem` reports as missing, and adds the answer. Where all of it is there, is
    /// made by the cluster, or can't be asked for, the problem is no reason to give up.
    pub(super) async fn check_report(&self, problem: &mut PodProblem) {
        let mut answers = Vec::new();
        for one in std::mem::take(&mut problem.reported) {
            answers.push(match self.look_for(&one).await {
                Ok(None) => format!("{one} is there, and {}", problem.has_not_seen_it()),
                Ok(Some(_)) if one.is_made_by_the_cluster() => {
                    format!("the cluster makes {one} itself, and has not done so yet")
                }
                Ok(Some(missing)) => {
                    if !matches!(problem.remedy, Some(Remedy::LoadImage(_))) {
                        problem.remedy = missing_remedy(&[one]).or_else(|| problem.remedy.take());
                    }
                    problem.answer = Some(missing);
                    return;
                }
                Err(failure) => format!("whether {one} is there can't be seen: {failure}"),
            });
        }
        if !answers.is_empty() {
            problem.outlook = Outlook::Recoverable;
            problem.remedy = None;
            problem.answer = Some(answers.join("; "));
        }
    }
}

#[cfg(test)]
mod tests;

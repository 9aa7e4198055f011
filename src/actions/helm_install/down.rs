//! What `down` removes: the release, if this pipeline's step has made its latest revision.

use super::HelmInstall;
use crate::action::StepContext;
use crate::error::Failure;
use crate::model::Output;
use crate::tools::deletion::{Consent, Deletion, Proof, TAKEN_DOWN};
use crate::tools::kubernetes::{Release, ReleaseStatus};

/// How Helm describes a revision that a rollback has made.
const ROLLBACK: &str = "Rollback to ";

/// The kinds of objects that hold data, and go with the release.
const DATA: &[&str] = &["PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition"];

impl HelmInstall {
    /// Returns the removal of the release; `None` if it is not there.
    pub(super) async fn removal(&self, cx: &StepContext) -> Result<Option<Deletion>, Failure> {
        let kube = cx.tools().kube().await?;
        let history = kube.release_history(&self.namespace, &self.release).await?;
        let Some(release) = kube.latest_release(&self.namespace, &self.release).await? else { return Ok(None) };
        if release.status == ReleaseStatus::Uninstalled {
            return Ok(None);
        }
        // Helm hands the label on from one revision to the next: a release without it was never installed by us.
        let has_label = history.last().is_some_and(|last| last.run.is_some());
        let helm = cx.helm(self.helm.as_deref())?;
        Ok(Some(Deletion {
            subject: format!("the release `{}` in `{}`", self.release, self.namespace),
            reason: TAKEN_DOWN.to_owned(),
            ours: ownership(&release, cx.step().as_str(), cx.last_output(), has_label),
            empty: contents(&release),
            in_use: None,
            consent_covers_ownership: false,
            by_hand: helm.line(&self.namespace, &["uninstall", &self.release]),
        }))
    }

    /// Removes the release as it is now, if it is still ours.
    pub(super) async fn take_down(&self, cx: &StepContext) -> Result<(), Failure> {
        let Some(removal) = self.removal(cx).await? else { return Ok(()) };
        // The user has seen what is lost.
        removal.permit(Consent::Given)?;
        let helm = cx.helm(self.helm.as_deref())?;
        helm.uninstall(&self.namespace, &self.release, cx).await
    }
}

/// Whether the latest revision is this step's, or goes back to one of its own.
fn ownership(release: &Release, step: &str, last: Option<&Output>, has_label: bool) -> Proof {
    let description = release.description.as_str();
    let is_of_step = description.strip_prefix("provision:").is_some_and(|rest| rest.starts_with(&format!("{step}:")));
    let is_recorded = last.and_then(|output| output.get("record")) == Some(description);
    if !has_label {
        Proof::Lacking("it has no label of ours".to_owned())
    } else if is_of_step || is_recorded || description.starts_with(ROLLBACK) {
        Proof::Shown
    } else {
        Proof::Lacking(format!("somebody else has made its revision {}", release.revision))
    }
}

/// Whether something that may hold data goes with the release.
fn contents(release: &Release) -> Proof {
    let manifest = release.objects();
    let data = manifest.objects.iter().filter(|object| DATA.contains(&object.reference.kind.as_str()));
    let data: Vec<String> = data.map(|object| object.reference.short()).collect();
    if !data.is_empty() {
        return Proof::Lacking(format!("{} may hold data", data.join(", ")));
    }
    match manifest.unreadable.first() {
        Some(why) => Proof::Lacking(format!("its manifest can't be read whole: {why}")),
        None => Proof::Shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(description: &str, manifest: &str) -> Release {
        Release {
            name: "todo".into(),
            namespace: "apps".into(),
            revision: 3,
            status: ReleaseStatus::Deployed,
            description: description.into(),
            chart: "todo-1.0.0".into(),
            chart_name: "todo".into(),
            app_version: "1".into(),
            manifest: manifest.into(),
            hooks: Vec::new(),
        }
    }

    #[test]
    fn a_release_is_ours_if_its_latest_revision_is() {
        let recorded = Output::new().with("record", "provision:deploy.old-name:17-1-ab");
        let cases = [
            ("provision:deploy.chart:17-1-ab", true, true),
            // The step had another name when it installed it.
            ("provision:deploy.old-name:17-1-ab", true, true),
            ("Rollback to 2", true, true),
            ("provision:deploy.charts:17-1-ab", true, false),
            ("Upgrade complete", true, false),
            ("provision:deploy.chart:17-1-ab", false, false),
        ];
        for (description, has_label, is_ours) in cases {
            let proof = ownership(&release(description, ""), "deploy.chart", Some(&recorded), has_label);
            assert_eq!(proof == Proof::Shown, is_ours, "{description} {has_label}");
        }
    }

    #[test]
    fn claims_in_a_release_may_hold_data() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
        assert_eq!(contents(&release("", map)), Proof::Shown);
        let claim = format!("{map}---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: d}}\n");
        assert_eq!(contents(&release("", &claim)), Proof::Lacking("persistentvolumeclaim/d may hold data".into()));
    }
}

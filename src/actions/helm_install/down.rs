//! What `down` removes: the release, if this pipeline's step has made its latest revision.

use super::HelmInstall;
use super::others::ROLLBACK;
use crate::action::StepContext;
use crate::actions::manifest_delete::made;
use crate::error::Failure;
use crate::model::Output;
use crate::tools::deletion::{Consent, Deletion, Proof, TAKEN_DOWN};
use crate::tools::helm::Helm;
use crate::tools::kubernetes::{Kube, Release, ReleaseStatus};

/// The kinds of objects that hold data, and go with the release.
const DATA: &[&str] = &["PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition"];

impl HelmInstall {
    /// Returns the removal of the release; `None` if it is not there.
    pub(super) async fn removal(&self, cx: &StepContext) -> Result<Option<Deletion>, Failure> {
        let kube = cx.tools().kube().await?;
        self.judge(cx, &kube, &cx.helm(self.helm.as_deref())?).await
    }

    async fn judge(&self, cx: &StepContext, kube: &Kube, helm: &Helm) -> Result<Option<Deletion>, Failure> {
        let history = kube.release_history(&self.namespace, &self.release).await?;
        let Some(release) = kube.latest_release(&self.namespace, &self.release).await? else { return Ok(None) };
        if release.status == ReleaseStatus::Uninstalled {
            return Ok(None);
        }
        let removal = Deletion {
            subject: format!("the release `{}` in `{}`", self.release, self.namespace),
            reason: TAKEN_DOWN.to_owned(),
            ours: Proof::Shown,
            empty: contents(&release),
            in_use: None,
            consent_covers_ownership: false,
            by_hand: format!("{} uninstall {}", helm.typed_in(&self.namespace), self.release),
        };
        let Some(shared) = history.last().and_then(|last| last.shared(&made::marks(cx))) else {
            // Helm hands the label on from one revision to the next: a release without it was never installed by us.
            let has_label = history.last().is_some_and(|last| last.run.is_some());
            let ours = ownership(&release, cx.step().as_str(), cx.last_output(), has_label);
            return Ok(Some(Deletion { ours, ..removal }));
        };
        Ok(Some(if shared.is_ours_too {
            let reason = format!("the release stays: {}", shared.why());
            Deletion { subject: self.mark(), reason, empty: Proof::Shown, ..removal }
        } else {
            Deletion { ours: Proof::Lacking(shared.why()), ..removal }
        }))
    }

    /// What is taken off a release that another checkout has deployed too.
    fn mark(&self) -> String {
        format!("this checkout's mark on the release `{}` in `{}`", self.release, self.namespace)
    }

    /// Removes the release as it is now, if it is still ours, or takes this checkout's mark off it. `planned` is what
    /// the user has seen.
    pub(super) async fn take_down(&self, cx: &StepContext, planned: &Deletion) -> Result<(), Failure> {
        let (kube, helm) = (cx.tools().kube().await?, cx.helm(self.helm.as_deref())?);
        self.carry_out(cx, &kube, &helm, planned).await
    }

    async fn carry_out(&self, cx: &StepContext, kube: &Kube, helm: &Helm, planned: &Deletion) -> Result<(), Failure> {
        if planned.subject == self.mark() {
            let history = kube.release_history(&self.namespace, &self.release).await?;
            let Some(last) = history.last() else { return Ok(()) };
            return kube.withdraw_release(&self.namespace, &self.release, last, &made::marks(cx)).await;
        }
        let Some(removal) = self.judge(cx, kube, helm).await? else { return Ok(()) };
        if removal.subject != planned.subject {
            return Err(Failure::failed(format!("{} has changed since it was shown", planned.subject))
                .cause(removal.reason)
                .hint("provision down   # shows it again"));
        }
        // The user has seen what is lost.
        removal.permit(Consent::Given)?;
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
    use serde_json::json;

    use super::*;
    use crate::action::fake;
    use crate::tools::Checkout;
    use crate::tools::cluster::ClusterSpec;
    use crate::tools::fake::fake_program;
    use crate::tools::kubernetes::fake_api::SecretStore;
    use crate::tools::kubernetes::record_name;
    use crate::tools::kubernetes::record_tests::{record, stored};

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
            objects: std::sync::OnceLock::new(),
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

    #[tokio::test]
    async fn a_release_of_two_checkouts_loses_a_mark_and_goes_with_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let me = Checkout::of(folder.path()).unwrap();
        let store = SecretStore::default();
        let text = record(1, "deployed").replace("Preparing \\\"status\\\":\\\"deployed\\\"", "provision:s.release:1");
        let mine = format!("checkout.provision.dev/{}", me.id);
        let labels = json!({"owner": "helm", "name": "todo", "status": "deployed", "version": "1", "provision": "1",
            &mine: me.slug, "checkout.provision.dev/other": "other-1"});
        let data = json!({"release": k8s_openapi::ByteString(stored(&text))});
        let secret = json!({"metadata": {"namespace": "apps", "labels": labels}, "data": data});
        store.put(&record_name("todo", 1), secret, "1");
        let kube = store.serve(|_| {}).await;
        let calls = folder.path().join("calls");
        let program = fake_program(folder.path(), "helm", &format!("echo \"$@\" >> {}", calls.display())).await;
        let helm = Helm::new(program, &ClusterSpec::new("any", "test"), std::path::Path::new("/s"));
        let cx = fake::context(folder.path(), &["s.release"], "s.release", Consent::None);
        let settings: HelmInstall = toml::from_str("chart = 'c'\nrelease = 'todo'\nnamespace = 'apps'").unwrap();
        let judge = async || settings.judge(&cx, &kube, &helm).await.unwrap().unwrap();
        let change = |name: &str, value: Option<&str>| {
            let mut secret = store.get(&record_name("todo", 1)).unwrap();
            match (secret["metadata"]["labels"].as_object_mut().unwrap(), value) {
                (labels, Some(value)) => drop(labels.insert(name.to_owned(), value.into())),
                (labels, None) => drop(labels.remove(name)),
            }
            store.put(&record_name("todo", 1), secret, "2");
        };

        let planned = judge().await;
        assert!(planned.subject.starts_with("this checkout's mark on the release `todo`"), "{planned:?}");
        assert!(planned.reason.contains("also deployed from the checkout `other-1`"), "{planned:?}");
        settings.carry_out(&cx, &kube, &helm, &planned).await.unwrap();
        let left = store.get(&record_name("todo", 1)).unwrap()["metadata"]["labels"].clone();
        assert!(left.get(&mine).is_none() && left["checkout.provision.dev/other"] == "other-1", "{left}");
        let theirs = judge().await;
        assert_eq!(theirs.ours, Proof::Lacking("it is deployed from the checkout `other-1`".into()));
        assert!(settings.carry_out(&cx, &kube, &helm, &theirs).await.is_err());
        assert!(!calls.exists());

        // Another checkout is faster than the answer to the question.
        change("checkout.provision.dev/other", None);
        let ours = judge().await;
        assert_eq!(ours.ours, Proof::Shown);
        change(&mine, Some("x"));
        change("checkout.provision.dev/other", Some("other-1"));
        let failure = settings.carry_out(&cx, &kube, &helm, &ours).await.unwrap_err();
        assert!(failure.to_string().contains("has changed since it was shown"), "{failure}");
        change("checkout.provision.dev/other", None);
        settings.carry_out(&cx, &kube, &helm, &ours).await.unwrap();
        assert!(fs_err::read_to_string(&calls).unwrap().contains("uninstall todo"));
    }
}

//! [`Opening`]: a Service that a step deploys or checks, for `provision open`.

use super::StepContext;
use crate::error::Failure;
use crate::tools::kubernetes::{ManifestObject, ServicePort};

/// A Service of the cluster that a step deploys or checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// Its port, where the step names one.
    pub port: Option<ServicePort>,
    /// The path that the step gets from it by `GET`.
    pub path: Option<String>,
}

impl Opening {
    /// The Services among the objects of manifests.
    pub fn of_objects(objects: &[ManifestObject]) -> Vec<Self> {
        let references = objects.iter().map(|object| &object.reference);
        references
            .filter(|one| one.api_version == "v1" && one.kind == "Service")
            .map(|one| Self { namespace: one.namespace.clone(), service: one.name.clone(), port: None, path: None })
            .collect()
    }

    /// The Services of a Helm release as it is deployed now; none where it is not.
    pub async fn of_release(cx: &StepContext, namespace: &str, release: &str) -> Result<Vec<Self>, Failure> {
        let release = cx.tools().kube().await?.latest_release(namespace, release).await?;
        Ok(release.map(|release| Self::of_objects(&release.objects().objects)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::kubernetes::ManifestObjects;

    #[test]
    fn the_services_of_a_manifest_are_found_with_their_namespaces() {
        let manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n\
            apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: other}\n---\n\
            apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: data}\n";
        let found = Opening::of_objects(&ManifestObjects::read(manifest, "shop").objects);
        let found: Vec<_> = found.iter().map(|one| (one.namespace.as_str(), one.service.as_str())).collect();
        assert_eq!(found, [("shop", "web"), ("data", "db")]);
    }
}

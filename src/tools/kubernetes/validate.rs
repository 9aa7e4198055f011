//! Whether the API server would take an object. Nothing is changed.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use kube::api::{Patch, PatchParams, ValidationDirective};
use serde_json::Value;

use super::bundled::Validity;
use super::client::Kube;
use super::kinds::Kind;
use crate::error::Failure;

/// The manager of the changes that are tried and never made.
const TRIAL: &str = "provision-validate";

/// At most so many objects are tried at once.
const LANES: usize = 4;

/// The namespace in which an object is tried whose own one is not there yet.
const ANY_NAMESPACE: &str = "default";

/// What came of one trial.
enum Trial {
    Taken,
    Refused(u16, String),
}

impl Kube {
    /// Returns for each object whether the API server would take it: it fills in defaults, checks every field, and runs
    /// the webhooks. `namespace` is that of objects that name none.
    pub async fn validate_all(&self, objects: &[&Value], namespace: &str) -> Result<Vec<Validity>, Failure> {
        let trials: Vec<_> = objects.iter().map(|object| self.validate(object, namespace)).collect();
        stream::iter(trials).buffered(LANES).try_collect().await
    }

    async fn validate(&self, object: &Value, namespace: &str) -> Result<Validity, Failure> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind_name, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        if api_version.is_empty() || name.is_empty() {
            let what = if name.is_empty() { "`metadata.name`" } else { "`apiVersion`" };
            return Ok(Validity::Invalid(format!("{what} is not there")));
        }
        let Some(kind) = self.kind_of(api_version, kind_name).await? else {
            return Ok(Validity::Unknown(format!("the cluster has no kind {kind_name} in {api_version}")));
        };
        if !kind.is_kept {
            return Ok(Validity::Unknown("the cluster does not keep objects of this kind".into()));
        }
        let own = Some(text("/metadata/namespace")).filter(|own| !own.is_empty()).unwrap_or(namespace);
        let mut trial = self.try_apply(object, &kind, own, name).await?;
        if let Trial::Refused(404, why) = &trial
            && why.starts_with("namespaces ")
        {
            trial = self.try_apply(object, &kind, ANY_NAMESPACE, name).await?;
        }
        Ok(match trial {
            Trial::Taken => Validity::Valid,
            Trial::Refused(401 | 403, why) => Validity::Unknown(why),
            // That is a matter of the object that is there, not of this one.
            Trial::Refused(_, why) if why.contains("field is immutable") || why.contains("updates to statefulset") => {
                Validity::Unknown(format!("another one of this name is there: {why}"))
            }
            Trial::Refused(_, why) => Validity::Invalid(why),
        })
    }

    async fn try_apply(&self, object: &Value, kind: &Kind, namespace: &str, name: &str) -> Result<Trial, Failure> {
        let mut content = object.clone();
        if kind.is_namespaced {
            content["metadata"]["namespace"] = namespace.into();
        }
        let api = self.dynamic(kind, namespace);
        let params = PatchParams {
            dry_run: true,
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::apply(TRIAL).force()
        };
        let what = format!("validating {}/{name}", kind.resource.kind);
        self.read(&what, || async {
            match api.patch(name, &params, &Patch::Apply(&content)).await {
                Ok(_) => Ok(Trial::Taken),
                // 500 is what an apply of unknown fields gets. What is only busy is asked again.
                Err(kube::Error::Api(status)) if !matches!(status.code, 408 | 429 | 502 | 503 | 504) => {
                    Ok(Trial::Refused(status.code, status.message.clone()))
                }
                Err(error) => Err(error),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fake_api::{serve, status};
    use super::*;

    fn object(kind: &str, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": {}})
    }

    #[tokio::test]
    async fn the_api_server_decides_and_nothing_is_changed() {
        let kube = serve(|request| {
            if request.path == "/api/v1" {
                let kind = json!({"name": "configmaps", "singularName": "", "kind": "ConfigMap", "namespaced": true,
                    "verbs": ["get", "patch"]});
                return (
                    200,
                    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [kind]}),
                );
            }
            assert!(request.method == "PATCH" && request.query.contains("dryRun=All"), "{request:?}");
            assert!(request.query.contains("fieldValidation=Strict"), "{request:?}");
            match request.path.as_str() {
                "/api/v1/namespaces/apps/configmaps/new" => status(404, "NotFound", "namespaces \"apps\" not found"),
                "/api/v1/namespaces/default/configmaps/new" | "/api/v1/namespaces/apps/configmaps/good" => {
                    assert!(request.body["metadata"]["namespace"].is_string());
                    (200, request.body.clone())
                }
                path if path.ends_with("fixed") => status(422, "Invalid", "spec: field is immutable"),
                path if path.ends_with("hidden") => status(403, "Forbidden", "forbidden"),
                _ => status(500, "", "failed to create typed patch object: .dat: field not declared in schema"),
            }
        })
        .await;
        let objects = [
            object("ConfigMap", "good"),
            object("ConfigMap", "new"),
            object("ConfigMap", "bad"),
            object("ConfigMap", "fixed"),
            object("ConfigMap", "hidden"),
            object("Widget", "w"),
            json!({"apiVersion": "v1", "kind": "ConfigMap"}),
        ];
        let validities = kube.validate_all(&objects.iter().collect::<Vec<_>>(), "apps").await.unwrap();
        assert_eq!(
            validities,
            [
                Validity::Valid,
                Validity::Valid,
                Validity::Invalid("failed to create typed patch object: .dat: field not declared in schema".into()),
                Validity::Unknown("another one of this name is there: spec: field is immutable".into()),
                Validity::Unknown("forbidden".into()),
                Validity::Unknown("the cluster has no kind Widget in v1".into()),
                Validity::Invalid("`metadata.name` is not there".into()),
            ]
        );
    }
}

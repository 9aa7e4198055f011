//! Objects of any kind that the cluster serves: whether they are there.

use std::fmt;

use super::client::Kube;
use crate::error::Failure;

/// An object by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `apps/v1`, or `v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its namespace; empty for one that is known to be in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())?;
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " in {}", self.namespace) }
    }
}

impl ObjectRef {
    /// Kind and name as `kubectl` takes them: `deployment/web`.
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }

    /// That of a Secret.
    pub fn of_secret(namespace: &str, name: &str) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Whether `other` is the same object, in whatever version of its API.
    pub fn is_same(&self, other: &Self) -> bool {
        let group = |reference: &Self| {
            let group = reference.api_version.rsplit_once('/').map(|(group, _)| group.to_owned());
            group.unwrap_or_default()
        };
        (&self.kind, &self.namespace, &self.name) == (&other.kind, &other.namespace, &other.name)
            && group(self) == group(other)
    }

    /// Says that it is not there, because the cluster does not serve its kind.
    pub fn unknown_kind(&self) -> String {
        format!("{self} is not there: the cluster has no kind {} in {}", self.kind, self.api_version)
    }
}

impl Kube {
    /// Whether an object is there. One of a kind that the cluster does not serve is not.
    pub async fn exists(&self, object: &ObjectRef) -> Result<bool, Failure> {
        Ok(self.absence(object).await?.is_none())
    }

    /// Returns why an object is not there; `None` when it is. What is being deleted is as good as gone.
    pub async fn absence(&self, object: &ObjectRef) -> Result<Option<String>, Failure> {
        let Some(kind) = self.kind_of(&object.api_version, &object.kind).await? else {
            return Ok(Some(object.unknown_kind()));
        };
        if !kind.is_kept {
            return Ok(None);
        }
        let api = self.dynamic(&kind, &object.namespace);
        let what = format!("looking for {object}");
        let found = self.read(&what, || async { self.absent_without_kind(api.get_metadata_opt(&object.name).await) });
        let found = found.await?;
        let is_there = found.is_some_and(|found| found.metadata.deletion_timestamp.is_none());
        Ok((!is_there).then(|| format!("{object} is gone")))
    }
}

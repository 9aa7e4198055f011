//! What steps find out for each other: each of them would see the same for a moment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::helm::Chart;
use super::kubernetes::Purpose;
use super::{Memo, Tools, blocking};
use crate::error::Failure;
use crate::fingerprint::Digest;

impl Tools {
    /// The digests of a chart and of those that it names: see [`Chart::digests`]. A command that sees everything as it
    /// is at one moment reads each chart once.
    pub async fn digest_chart(&self, chart: Chart) -> Result<Arc<BTreeMap<String, Digest>>, Failure> {
        let path = chart.path().to_owned();
        let digests = blocking(move || chart.digests().map(Arc::new));
        match self.purpose {
            Purpose::Inspect => self.charts.get_or(path, digests).await,
            Purpose::Change => digests.await,
        }
    }

    /// Returns the id of the daemon's image `name`; `None` where there is none. An engine that keeps images in
    /// containerd takes 20 ms to inspect one, so checks share the result for a moment.
    pub async fn image_id(&self, name: &str) -> Result<Option<String>, Failure> {
        let find = Box::pin(async { Ok(self.docker().await?.image(name).await?.map(|image| image.id)) });
        self.image_ids.get_or(name.to_owned(), find).await
    }

    /// Whether somebody is deleting a namespace of the cluster. Of one that can't be read this is not known: the
    /// requests for what is in it say why.
    pub async fn is_leaving(&self, namespace: &str) -> bool {
        let find = Box::pin(async { self.kube().await?.is_leaving(namespace).await });
        self.leaving.get_or(namespace.to_owned(), find).await.unwrap_or(false)
    }

    /// The images of the cluster's node: full name and id of each. Listing them takes a process in the node, so steps
    /// share the list for a moment.
    pub fn node_images(&self) -> &Memo<Arc<BTreeMap<String, String>>> {
        &self.node_images
    }

    /// The files of the project, as [`super::git::project_files`] lists them; steps share the list for a moment.
    pub(super) fn project_files(&self) -> &Memo<Arc<[PathBuf]>> {
        &self.project_files
    }

    /// Forgets what steps have found out for each other: a step has changed something.
    pub async fn forget_shared(&self) {
        self.image_ids.forget();
        self.leaving.forget();
        self.node_images.forget().await;
        self.project_files.forget().await;
    }

    /// The context and the identity of the cluster that a user's program is handed, or why nobody knows them. Steps
    /// share a failure too: a hundred of them need not wait one after another for the same dead address.
    pub async fn handed_cluster(&self) -> Result<Result<String, String>, Failure> {
        let context = &self.declared_cluster()?.context;
        let find = async {
            let uid = self.cluster_uid().await;
            Ok(uid
                .map(|uid| format!("{context} {uid}"))
                .map_err(|failure| format!("which cluster the kube context `{context}` leads to: {failure}")))
        };
        self.handed_cluster.get_or(find).await
    }
}

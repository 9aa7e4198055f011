//! [`Form`]: a way to deploy the repository to a cluster.

use std::collections::BTreeSet;

use crate::init::facts::Facts;
use crate::init::render_chart::RenderedChart;
use crate::init::repository::shown;

/// What is deployed, and how.
#[derive(Debug)]
pub(in crate::init) enum FormKind {
    /// A chart.
    Chart(Box<RenderedChart>),
    /// A kustomization, with globs for the files that it reads.
    Kustomization(Vec<String>),
    /// Manifests, as `manifest-apply` has them.
    Manifests(Vec<String>),
}

/// A way to deploy.
#[derive(Debug)]
pub(in crate::init) struct Form {
    pub(in crate::init) kind: FormKind,
    /// The id of its steps; of a chart the release's name.
    pub(in crate::init) id: String,
    /// The folder.
    pub(in crate::init) path: String,
    /// What it consists of; `None` where that could not be seen.
    pub(in crate::init) facts: Option<Facts>,
    /// Why the pipeline has it only as a comment; `None` where it is used.
    pub(in crate::init) aside: Option<String>,
    /// What deploys it together with others: a Skaffold file, a Tiltfile.
    pub(in crate::init) groups: BTreeSet<String>,
    /// Whether it is a kustomization that renders, whatever the cluster makes of that.
    pub(in crate::init) is_rendered: bool,
}

impl Form {
    /// One that is used, and that nothing deploys together with others.
    #[cfg(test)]
    pub(in crate::init) fn of(kind: FormKind, id: &str, path: &str, facts: Option<Facts>) -> Self {
        let (id, path, groups) = (id.to_owned(), path.to_owned(), BTreeSet::new());
        Self { kind, id, path, facts, aside: None, groups, is_rendered: false }
    }

    pub(in crate::init) fn is_active(&self) -> bool {
        self.aside.is_none()
    }

    /// What people call it.
    pub(in crate::init) fn title(&self) -> String {
        let path = shown(&self.path);
        match self.kind {
            FormKind::Chart(_) => format!("the chart `{path}`"),
            FormKind::Kustomization(_) => format!("the kustomization `{path}`"),
            FormKind::Manifests(_) => format!("the manifests in `{path}`"),
        }
    }
}

//! minikube's addons: how they are turned on, and where their workloads are.

use std::path::Path;

use futures_util::future::BoxFuture;

use super::profile::Profile;
use super::settings::MinikubeCluster;
use super::start::minikube_of;
use crate::cluster::provider::{Addon, AddonPlace, Addons};
use crate::cluster::session::Session;
use crate::error::Failure;
use crate::tools::cluster::ClusterSpec;

/// The label with which most addons mark what they consist of; its value is the addon's name.
const LABEL: &str = "kubernetes.io/minikube-addons";

/// The namespace of the others that have none of their own.
const SYSTEM: &str = "kube-system";

/// The addons with a namespace of their own.
const OWN_NAMESPACE: &[(&str, &str)] = &[
    ("auto-pause", "auto-pause"),
    ("dashboard", "kubernetes-dashboard"),
    ("gcp-auth", "gcp-auth"),
    ("headlamp", "headlamp"),
    ("ingress", "ingress-nginx"),
    ("inspektor-gadget", "gadget"),
    ("kong", "kong"),
    ("kubeflow", "kubeflow"),
    ("metallb", "metallb-system"),
    ("olm", "olm"),
    ("portainer", "portainer"),
    ("storage-provisioner-rancher", "local-path-storage"),
    ("volcano", "volcano-system"),
    ("yakd", "yakd-dashboard"),
];

/// The addons in the system's namespace that are marked in another way.
const OTHER_LABEL: &[(&str, &str)] =
    &[("ingress-dns", "app=minikube-ingress-dns"), ("storage-provisioner", "integration-test=storage-provisioner")];

/// The addons that consist of objects without pods.
const WITHOUT_PODS: &[&str] = &["default-storageclass", "pod-security-policy"];

impl Addons for MinikubeCluster {
    fn is_enabled(&self, spec: &ClusterSpec, name: &str) -> Result<bool, Failure> {
        Ok(Profile::read(&spec.name)?.is_some_and(|profile| profile.has_addon(name)))
    }

    fn enable<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        addon: &'a Addon,
        program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let finding = minikube_of(cx.tools, spec, self, program);
            let (minikube, _) = cx.unless_cancelled("finding minikube", finding).await??;
            minikube.enable_addon(addon, cx.host).await
        })
    }

    fn place(&self, name: &str) -> Option<AddonPlace> {
        if WITHOUT_PODS.contains(&name) {
            return None;
        }
        let of =
            |table: &[(&str, &'static str)]| table.iter().find(|(addon, _)| *addon == name).map(|(_, place)| *place);
        let (namespace, selector) = match (of(OWN_NAMESPACE), of(OTHER_LABEL)) {
            (Some(namespace), _) => (namespace, String::new()),
            (None, Some(selector)) => (SYSTEM, selector.to_owned()),
            (None, None) => (SYSTEM, format!("{LABEL}={name}")),
        };
        Some(AddonPlace { namespace: namespace.to_owned(), selector })
    }

    fn disable_line(&self, spec: &ClusterSpec, name: &str) -> String {
        format!("minikube addons -p {} disable {name}", spec.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workloads_of_an_addon_are_found_by_namespace_or_label() {
        let place = |name: &str| MinikubeCluster::default().place(name).map(|place| (place.namespace, place.selector));
        let pair = |namespace: &str, selector: &str| Some((namespace.to_owned(), selector.to_owned()));
        assert_eq!(place("ingress"), pair("ingress-nginx", ""));
        assert_eq!(place("metrics-server"), pair("kube-system", "kubernetes.io/minikube-addons=metrics-server"));
        assert_eq!(place("storage-provisioner"), pair("kube-system", "integration-test=storage-provisioner"));
        assert_eq!(place("default-storageclass"), None);
    }
}

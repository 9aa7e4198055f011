//! The cluster of a pipeline: how it is brought up and checked. One file or folder a provider, one entry in
//! [`PROVIDERS`] each; what only one provider does is in its own file.

mod existing;
mod minikube;
mod provider;
mod session;

pub use provider::{
    Addon, AddonPlace, Addons, Demand, Provider, ProviderSettings, ProviderType, SettingsTable, provider,
};
pub use session::{Ready, Session};

/// Every provider there is, in the order in which errors list them.
pub static PROVIDERS: &[ProviderType] =
    &[ProviderType::of::<minikube::MinikubeCluster>(), ProviderType::of::<existing::ExistingCluster>()];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures_util::future::BoxFuture;
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::error::Failure;
    use crate::images::{Delivery, NodeContainerd};
    use crate::redact::Redactor;
    use crate::tools::cluster::ClusterSpec;
    use crate::tools::kubernetes::KubeSource;
    use crate::tools::{Tools, secrets::Secrets};

    /// A provider whose context and node have names of their own, as kind's have.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct OtherCluster {
        workers: Option<u32>,
    }

    impl ProviderSettings for OtherCluster {
        const NAME: &'static str = "other";
        const EXAMPLE: &'static str = "workers = 2";

        fn spec(&self, pipeline: &str) -> Result<ClusterSpec, String> {
            let owns_node = |cluster: &str, node: &str, _: &_| node.starts_with(&format!("{cluster}-"));
            let mut spec = ClusterSpec::managed(Self::NAME, pipeline, owns_node);
            spec.context = format!("other-{pipeline}");
            spec.node = format!("{pipeline}-control-plane");
            Ok(spec)
        }
    }

    impl Provider for OtherCluster {
        fn check<'a>(&'a self, _: &'a Tools) -> BoxFuture<'a, Result<Ready, Failure>> {
            Box::pin(async { Err(Failure::failed(format!("no cluster with {:?} workers", self.workers))) })
        }

        fn ensure_up<'a>(
            &'a self,
            cx: &'a Session<'a>,
            _: &'a ClusterSpec,
            _: Option<&'a Path>,
        ) -> BoxFuture<'a, Result<Ready, Failure>> {
            self.check(cx.tools)
        }

        fn deliveries(&self) -> &'static [&'static dyn Delivery] {
            &[&NodeContainerd]
        }
    }

    #[tokio::test]
    async fn a_provider_needs_its_settings_and_an_entry_and_nothing_else() {
        let entry = ProviderType::of::<OtherCluster>();
        let parse = |text: &'static str| (entry.parse)(toml::de::DeTable::parse(text).unwrap(), "shop");
        assert!(parse("worker = 2").unwrap_err().message().contains("unknown field `worker`"));
        let spec = parse(entry.example).unwrap();
        assert_eq!((spec.name.as_str(), spec.node.as_str()), ("shop", "shop-control-plane"));
        let kubectl = KubeSource::of(&spec, Path::new("/s")).kubectl();
        assert_eq!(kubectl, "kubectl --kubeconfig /s/kubeconfig --context other-shop");
        let other = provider(&spec).unwrap();
        assert_eq!(other.deliveries().len(), 1);
        let tools = Tools::new("/p".into(), "/s".into(), Secrets::default(), Some(spec.clone()), Redactor::new());
        assert_eq!(other.check(&tools).await.unwrap_err().message, "no cluster with Some(2) workers");
        assert_eq!(other.differences(&tools, &spec).await.unwrap(), Vec::<String>::new());
        assert!(other.removals(&tools, &spec).await.unwrap().is_empty());
    }

    #[test]
    fn a_cluster_without_a_provider_is_an_internal_error() {
        let failure = provider(&ClusterSpec::new("other", "shop")).unwrap_err();
        assert_eq!(failure.kind, crate::error::FailureKind::Bug);
    }

    #[test]
    fn every_example_parses_to_a_cluster_of_its_provider() {
        for entry in PROVIDERS {
            let table = toml::de::DeTable::parse(entry.example).unwrap();
            let spec = (entry.parse)(table, "shop").unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!(spec.provider, entry.name);
            provider(&spec).unwrap();
        }
    }

    #[test]
    fn every_setting_is_documented() {
        for entry in PROVIDERS {
            let schema = (entry.schema)().to_value();
            for (name, setting) in schema["properties"].as_object().unwrap() {
                assert!(setting["description"].is_string(), "`{name}` of the provider `{}`", entry.name);
            }
        }
    }
}

//! What a probe asks the pods of a Service by way of the API server: a fraction of what port-forwards cost.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{AT_ONCE, HttpCheck};
use crate::action::StepContext;
use crate::error::Failure;
use crate::tools::http::Response;
use crate::tools::kubernetes::{Kube, ServicePort};

/// How long the API server has: where its packets to the pods are dropped, it would wait for half a minute.
const LIMIT: Duration = Duration::from_secs(1);

impl HttpCheck {
    /// Whether each ready pod of the Service responds as expected, as far as the API server can show it. That it can't
    /// means nothing: it rewrites the links of pages, may not be let through to the pods, and none of the request's own
    /// headers and sessions go its way. Then port-forwards decide.
    pub(super) async fn holds_by_api_server(&self, cx: &StepContext) -> Result<bool, Failure> {
        let (Some(service), Some(port)) = (&self.service, &self.port) else { return Ok(false) };
        let is_plain = self.method.eq_ignore_ascii_case("GET")
            && self.login.is_none()
            && self.message().texts().is_empty()
            && self.json.is_none();
        if !is_plain {
            return Ok(false);
        }
        let kube = cx.tools().kube().await?;
        self.holds_for_each_pod(&kube, service, port).await
    }

    async fn holds_for_each_pod(&self, kube: &Kube, service: &str, port: &ServicePort) -> Result<bool, Failure> {
        let pods = kube.endpoints(&self.namespace, service, port).await?;
        if pods.is_empty() {
            return Ok(false);
        }
        let asked = pods.iter().map(|(pod, port)| kube.ask_pod(&self.namespace, pod, *port, &self.path));
        let asked: Vec<_> = asked.collect();
        let all = stream::iter(asked).buffered(AT_ONCE).try_collect();
        let Ok(responses) = tokio::time::timeout(LIMIT, all).await else { return Ok(false) };
        Ok(responses.is_ok_and(|responses: Vec<_>| {
            responses.into_iter().all(|(status, body)| {
                let response = Response { status: status.as_u16(), body, cookies: Vec::new(), took: Duration::ZERO };
                // From 400 on it may be the API server's own.
                response.status < 400 && self.judge(&response).is_ok()
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::tools::kubernetes::fake_api;

    /// Whether a check with `settings` holds by the API server, where a pod responds as `responses` has it, pod by pod.
    async fn holds(settings: &str, responses: &'static [(u16, &str)]) -> bool {
        let check = format!("service = \"web\"\nport = 80\nnamespace = \"n\"\npath = \"/health\"\n{settings}");
        let check: HttpCheck = toml::from_str(&check).unwrap();
        let pod = |n: usize| {
            json!({"metadata": {"name": format!("web-{n}")}, "spec": {"containers": []},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
        };
        let pods: Arc<Vec<_>> = Arc::new((0..responses.len()).map(pod).collect());
        let kube = fake_api::serve(move |request| match request.path.rsplit_once("/pods/web-") {
            Some((_, rest)) => {
                let (number, path) = rest.split_once(":8080/proxy").unwrap();
                assert_eq!(path, "/health");
                let (status, body) = responses[number.parse::<usize>().unwrap()];
                (status, serde_json::from_str(body).unwrap())
            }
            None if request.path.ends_with("/services/web") => {
                let port = json!({"port": 80, "targetPort": 8080, "protocol": "TCP"});
                (200, json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [port]}}))
            }
            None => (200, json!({"metadata": {}, "items": *pods})),
        });
        check.holds_for_each_pod(&kube.await, "web", check.port.as_ref().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_check_holds_where_each_pod_responds_as_expected_and_only_then() {
        const OK: (u16, &str) = (200, r#"{"status":"ok"}"#);
        const EXPECT: &str = "expect = { \"/status\" = \"ok\" }";
        assert!(holds(EXPECT, &[OK, OK]).await);
        assert!(holds("", &[OK]).await);
        assert!(!holds(EXPECT, &[OK, (200, r#"{"status":"down"}"#)]).await);
        assert!(!holds("", &[OK, (201, "{}")]).await);
        assert!(!holds("contains = \"absent\"", &[OK]).await);
        assert!(!holds("", &[]).await);
        // It may be the API server that says so.
        assert!(!holds("status = 503", &[(503, r#"{"kind":"Status"}"#)]).await);
    }
}

//! Requests to a pod that go through the API server.

use http_body_util::{BodyExt, Limited};
use kube::client::Body;

use super::client::Kube;
use crate::error::Failure;

/// Most bytes of a response that are read.
const MAX_BODY: usize = 4 << 20;

impl Kube {
    /// Returns status and body of a pod's response to `GET path`. The API server connects to the pod: that takes
    /// neither a kubelet nor a connection of its own, as a port-forward does. It rewrites links in pages, and where it
    /// can't reach the pod it responds itself, with a status from 400 on.
    pub async fn ask_pod(
        &self,
        namespace: &str,
        pod: &str,
        port: u16,
        path: &str,
    ) -> Result<(http::StatusCode, Vec<u8>), Failure> {
        let what = format!("requesting {path} of the pod `{pod}` through the API server");
        let uri = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}");
        let asked = async {
            let request = http::Request::get(uri).body(Body::empty()).map_err(kube::Error::HttpError)?;
            let (parts, body) = self.client.send(request).await?.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await.map_err(kube::Error::Service)?;
            Ok((parts.status, body.to_bytes().to_vec()))
        };
        self.once(&what, asked).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tools::kubernetes::fake_api;

    #[tokio::test]
    async fn a_pods_response_is_returned_whatever_its_status() {
        let kube = fake_api::serve(|request| {
            let known = request.path == "/api/v1/namespaces/n/pods/web-1:80/proxy/health" && request.query == "a=b";
            if known { (201, json!({"status": "ok"})) } else { (503, json!({"kind": "Status"})) }
        });
        let kube = kube.await;
        let (status, body) = kube.ask_pod("n", "web-1", 80, "/health?a=b").await.unwrap();
        assert_eq!((status.as_u16(), body.as_slice()), (201, br#"{"status":"ok"}"#.as_slice()));
        let (status, _) = kube.ask_pod("n", "web-2", 80, "/health").await.unwrap();
        assert_eq!(status.as_u16(), 503);
    }
}

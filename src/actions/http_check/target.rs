//! [`Target`]: where an `http-check` sends its requests.

use crate::error::Failure;
use crate::tools::kubernetes::{Forward, Kube};

/// What is requested.
pub(super) struct Target {
    /// Its name in messages.
    pub(super) name: String,
    /// Its name without the path.
    pub(super) place: String,
    /// Its address without the path: `http://127.0.0.1:8080`.
    pub(super) base: String,
    /// The path.
    pub(super) path: String,
    pub(super) forward: Option<(Forward, Kube, String, String)>,
}

impl Target {
    /// That of a whole URL.
    pub(super) fn of_url(url: &str) -> Self {
        let from = url.find("://").map_or(0, |at| at + "://".len());
        let end = url[from..].find(['/', '?', '#']).map_or(url.len(), |at| from + at);
        let (base, path) = url.split_at(end);
        Self {
            name: url.to_owned(),
            place: base.to_owned(),
            base: base.to_owned(),
            path: path.to_owned(),
            forward: None,
        }
    }

    /// The whole URL.
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.base, self.path)
    }

    /// `failure` with what is behind the Service.
    pub(super) async fn explain(&self, mut failure: Failure) -> Failure {
        let Some((forward, kube, namespace, service)) = &self.forward else {
            return failure;
        };
        if let Some(trouble) = forward.take_trouble() {
            failure = failure.cause(trouble);
        }
        match kube.pods_behind(namespace, service).await {
            Ok(pods) if pods.is_empty() => failure.detail(format!("no pod is behind the service `{service}`")),
            Ok(pods) => failure.details(pods),
            Err(_) => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_where_its_path_begins() {
        for (url, base, path) in [
            ("http://x:80/a/b?c=/d", "http://x:80", "/a/b?c=/d"),
            ("https://x", "https://x", ""),
            ("http://[::1]:1?q", "http://[::1]:1", "?q"),
        ] {
            let target = Target::of_url(url);
            assert_eq!((target.base.as_str(), target.path.as_str(), target.url().as_str()), (base, path, url));
        }
    }
}

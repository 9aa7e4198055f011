//! [`built_images`]: which of the images that a deployment names are those that are built here.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::image_name;
use super::images::ImageBuild;
use super::repository::name_of;

/// Images that everybody has from elsewhere.
const PUBLIC: &[&str] = &[
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "redis",
    "valkey",
    "mongo",
    "mongodb",
    "rabbitmq",
    "kafka",
    "zookeeper",
    "nats",
    "memcached",
    "elasticsearch",
    "opensearch",
    "kibana",
    "grafana",
    "prometheus",
    "alertmanager",
    "jaeger",
    "all-in-one",
    "zipkin",
    "minio",
    "mc",
    "traefik",
    "envoy",
    "nginx",
    "httpd",
    "caddy",
    "haproxy",
    "busybox",
    "alpine",
    "ubuntu",
    "debian",
    "curl",
    "wget",
    "python",
    "node",
    "golang",
    "ruby",
    "openjdk",
    "eclipse-temurin",
    "kubectl",
    "vault",
    "consul",
    "etcd",
    "keycloak",
    "adminer",
    "pgadmin4",
    "mailhog",
    "mailpit",
    "localstack",
    "otel-collector",
    "opentelemetry-collector",
    "opentelemetry-collector-contrib",
    "pause",
    "registry",
    "cassandra",
    "influxdb",
    "clickhouse-server",
    "qdrant",
    "weaviate",
    "ollama",
];

/// Returns for each image that is built here, as the deployment names it, which build makes it. Adds to `doubts` what
/// is only a guess.
pub(super) fn built_images(
    builds: &[ImageBuild],
    images: &BTreeSet<String>,
    doubts: &mut Vec<String>,
) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for image in images {
        let name = image_name(image);
        let exact = builds.iter().position(|build| build.names.iter().any(|known| known == name));
        let same_end =
            || builds.iter().position(|build| build.names.iter().any(|known| name_of(known) == name_of(name)));
        let by_exact = exact.or_else(same_end);
        if let Some(at) = by_exact.or_else(|| by_words(builds, name).filter(|_| !is_public(name))) {
            found.insert(image.clone(), at);
        }
    }
    let unused: Vec<usize> = (0..builds.len()).filter(|at| !found.values().any(|used| used == at)).collect();
    let unknown: Vec<&String> =
        images.iter().filter(|image| !found.contains_key(*image) && !is_public(image_name(image))).collect();
    if let ([at], [image]) = (unused.as_slice(), unknown.as_slice()) {
        doubts.push(format!(
            "the image `{image}` is taken to be the one that `{}` builds: no name says so",
            builds[*at].dockerfile
        ));
        found.insert((*image).clone(), *at);
    }
    found
}

fn is_public(name: &str) -> bool {
    let last = name_of(name);
    // Of the own registry it may be anything.
    let is_short = name.matches('/').count() < 2;
    PUBLIC.contains(&last) && is_short
}

/// The build whose word is in the name of the image, the longest word first.
fn by_words(builds: &[ImageBuild], name: &str) -> Option<usize> {
    let parts: Vec<String> = parts(name_of(name));
    let matching =
        builds.iter().enumerate().flat_map(|(at, build)| build.words.iter().map(move |word| (at, parts_of(word))));
    let matching = matching.filter(|(_, word)| !word.is_empty() && word.iter().all(|part| parts.contains(part)));
    let best = matching.max_by_key(|(at, word)| (word.concat().len(), usize::MAX - at))?;
    Some(best.0)
}

fn parts_of(word: &str) -> Vec<String> {
    parts(word)
}

/// The parts of a name; a plural and a singular are the same.
fn parts(text: &str) -> Vec<String> {
    text.to_lowercase().split(['-', '_', '.']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(names: &[&str], words: &[&str]) -> ImageBuild {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        ImageBuild { names: owned(names), words: owned(words).into_iter().collect(), ..ImageBuild::default() }
    }

    #[test]
    fn images_are_recognised_by_name_then_by_word() {
        let builds = [build(&["ghcr.io/acme/api"], &["api"]), build(&[], &["web"]), build(&[], &["web-admin"])];
        for (image, expected) in [
            ("ghcr.io/acme/api:1", Some(0)),
            ("registry.example.com/x/api", Some(0)),
            ("todo-web:latest", Some(1)),
            ("acme/todo-web-admin:2", Some(2)),
            ("nginx:1.25", None),
            ("acme/other:1", None),
        ] {
            // The last one would be chosen as the only build that is left, if it were the only one.
            let images = BTreeSet::from([image.to_owned(), "acme/unknown:1".to_owned()]);
            assert_eq!(built_images(&builds, &images, &mut Vec::new()).get(image).copied(), expected, "{image}");
        }
    }

    #[test]
    fn the_only_one_that_is_left_is_taken_and_said() {
        let mut doubts = Vec::new();
        let images = BTreeSet::from(["acme/shop:1".to_owned(), "postgres:15".to_owned()]);
        let found = built_images(&[build(&[], &["app"])], &images, &mut doubts);
        assert_eq!(found, BTreeMap::from([("acme/shop:1".to_owned(), 0)]));
        assert_eq!(doubts.len(), 1);
    }
}

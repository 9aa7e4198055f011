//! [`built_images`]: which of the images that a deployment names are those that are built here.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::image_name;
use super::images::ImageBuild;
use super::repository::{is_for_development, name_of};

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

/// Returns for each image that is built here, as the deployment in the folder `place` names it, which build makes it.
/// Adds to `doubts` what is only a guess.
pub(super) fn built_images(
    builds: &[ImageBuild],
    images: &BTreeSet<String>,
    place: &str,
    doubts: &mut Vec<String>,
) -> BTreeMap<String, usize> {
    let mut found = recognised_images(builds, images, place, doubts);
    add_last(builds, images, &mut found, doubts);
    found
}

/// The same, of those that a name or a word of it shows.
pub(super) fn recognised_images(
    builds: &[ImageBuild],
    images: &BTreeSet<String>,
    place: &str,
    doubts: &mut Vec<String>,
) -> BTreeMap<String, usize> {
    let named = |name: &str| {
        let by = |is_it: &dyn Fn(&String) -> bool| {
            let makers = (0..builds.len()).filter(|at| builds[*at].names.iter().any(is_it));
            makers.max_by_key(|at| (fitness(&builds[*at], place), std::cmp::Reverse(*at)))
        };
        by(&|known| known == name).or_else(|| by(&|known| same_end(known, name)))
    };
    let common = common_beginnings(images);
    let mut found: BTreeMap<String, usize> =
        images.iter().filter_map(|image| Some((image.clone(), named(image_name(image))?))).collect();
    // A tool that deploys knows the images by its own names: where it deploys these, no other name is one of them.
    let are_exact = found.values().any(|at| builds[*at].has_exact_names);
    for image in images.iter().filter(|image| !is_public(image_name(image))) {
        if found.contains_key(image) {
            continue;
        }
        let may_be = |build: &ImageBuild| !(is_another(build, image) || (are_exact && build.has_exact_names));
        let name = image_name(image);
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let (words, n_common) = (parts(last), common.get(folder).copied().unwrap_or(0));
        // What all images of one place begin with tells none of them from the others.
        let own = words.get(n_common..).filter(|own| !own.is_empty()).unwrap_or(&words);
        let found_at = by_words(builds, own, place, &may_be).or_else(|| by_words(builds, &words, place, &may_be));
        let Some(at) = found_at else { continue };
        found.insert(image.clone(), at);
        if let Some(other) = builds[at].names.first() {
            doubts.push(taken(image, &builds[at], &format!("elsewhere that one is called `{other}`")));
        }
    }
    found
}

fn same_end(known: &str, name: &str) -> bool {
    name_of(known) == name_of(name)
}

/// Whether a build makes another image for sure.
fn is_another(build: &ImageBuild, image: &str) -> bool {
    build.is_base || build.others.iter().any(|other| same_end(other, image_name(image)))
}

/// Adds the only image of which nobody knows where it comes from as that of the only build of which nobody knows what
/// it is for. Where others are known, it has to be from the same place as one of them.
fn add_last(
    builds: &[ImageBuild],
    images: &BTreeSet<String>,
    found: &mut BTreeMap<String, usize>,
    doubts: &mut Vec<String>,
) {
    let is_unused = |at: &usize| !builds[*at].is_base && !found.values().any(|used| used == at);
    let unused: Vec<usize> = (0..builds.len()).filter(is_unused).collect();
    let [at] = unused.as_slice() else { return };
    let build = &builds[*at];
    let place = |name: &str| name.rsplit_once('/').map(|(place, _)| place.to_owned()).unwrap_or_default();
    let own: BTreeSet<String> =
        found.keys().map(|image| image_name(image)).chain(build.names.iter().map(String::as_str)).map(place).collect();
    let is_from_here = |image: &str| found.is_empty() || own.contains(&place(image_name(image)));
    let is_unknown = |image: &&String| {
        !found.contains_key(*image) && !is_public(image_name(image)) && !is_another(build, image) && is_from_here(image)
    };
    let unknown: Vec<&String> = images.iter().filter(is_unknown).collect();
    if let ([image], true) = (unknown.as_slice(), !build.has_exact_names || build.names.is_empty()) {
        let why = match build.names.first() {
            Some(other) => format!("elsewhere that one is called `{other}`"),
            None => "no name says so".to_owned(),
        };
        doubts.push(taken(image, build, &why));
        found.insert((*image).clone(), *at);
    }
}

fn taken(image: &str, build: &ImageBuild, why: &str) -> String {
    format!("the image `{image}` is taken to be the one that `{}` builds: {why}", build.dockerfile)
}

/// Whether everybody has an image of this name from elsewhere.
pub(super) fn is_public(name: &str) -> bool {
    let last = name_of(name);
    // Of the own registry it may be anything.
    let is_short = name.matches('/').count() < 2;
    PUBLIC.contains(&last) && is_short
}

/// The build of which most words are in the name of an image, then the one whose word stands nearest to its end, as in
/// `gateway-worker`; of several that say the same the fittest one. Only of those that `may_be` it.
fn by_words(
    builds: &[ImageBuild],
    name: &[String],
    place: &str,
    may_be: &dyn Fn(&ImageBuild) -> bool,
) -> Option<usize> {
    let candidates = builds.iter().enumerate().filter(|(_, build)| may_be(build));
    let matching = candidates.flat_map(|(at, build)| build.words.iter().map(move |word| (at, parts(word))));
    let matching = matching.filter(|(_, word)| !word.is_empty() && word.iter().all(|part| name.contains(part)));
    let last = |word: &[String]| name.iter().rposition(|part| word.contains(part));
    let best = matching.max_by_key(|(at, word)| {
        (word.len(), last(word), word.concat().len(), fitness(&builds[*at], place), std::cmp::Reverse(*at))
    })?;
    Some(best.0)
}

/// What speaks for a build where several make an image of that name: that all of what it copies is there, then how
/// much of its path it has in common with `place`, where the image is deployed, then that it is not for development.
fn fitness(build: &ImageBuild, place: &str) -> (bool, usize, bool) {
    let common = build.dockerfile.split('/').zip(place.split('/')).take_while(|(one, other)| one == other).count();
    (build.missing.is_empty(), common, !is_for_development(&build.dockerfile))
}

/// For each place of images, with how many words the names of all images there begin alike.
fn common_beginnings(images: &BTreeSet<String>) -> BTreeMap<String, usize> {
    let mut known: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for name in images.iter().map(|image| image_name(image)).filter(|name| !is_public(name)) {
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let words = parts(last);
        let of_folder = known.entry(folder.to_owned()).or_default();
        if !of_folder.contains(&words) {
            of_folder.push(words);
        }
    }
    known.retain(|_, names| names.len() > 1);
    let count = |names: &[Vec<String>]| {
        let is_alike =
            |at: usize| names[0].get(at).is_some_and(|word| names.iter().all(|one| one.get(at) == Some(word)));
        (0..names[0].len()).take_while(|at| is_alike(*at)).count()
    };
    known.into_iter().map(|(folder, names)| (folder, count(&names))).collect()
}

/// The parts of a name; a plural and a singular are the same.
fn parts(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(['-', '_', '.']).filter(|part| !part.is_empty());
    words.map(|part| part.strip_suffix('s').filter(|word| word.len() > 2).unwrap_or(part).to_owned()).collect()
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
            ("acme/todo-webs-admins:2", Some(2)),
            ("nginx:1.25", None),
            ("acme/other:1", None),
        ] {
            // The last one would be chosen as the only build that is left, if it were the only one.
            let images = BTreeSet::from([image.to_owned(), "acme/unknown:1".to_owned()]);
            assert_eq!(built_images(&builds, &images, "", &mut Vec::new()).get(image).copied(), expected, "{image}");
        }
    }

    #[test]
    fn what_all_names_begin_with_tells_none_from_another() {
        let builds =
            [build(&[], &["booking"]), build(&[], &["hotel"]), build(&[], &["gateway"]), build(&[], &["worker"])];
        let image = |last: &str| format!("acme/booking-services-{last}:1");
        let names = ["booking", "hotel", "gateway-worker"];
        let mut images: BTreeSet<String> = names.iter().map(|last| image(last)).collect();
        images.extend(["acme/booking-services-booking:2".to_owned(), "postgres:15".to_owned()]);
        let found = built_images(&builds, &images, "", &mut Vec::new());
        assert_eq!(names.map(|last| found.get(&image(last)).copied()), [Some(0), Some(1), Some(3)]);
        // One alone has nothing in common with others.
        let alone = BTreeSet::from(["acme/booking-hotel:1".to_owned(), "booking:1".to_owned()]);
        let found = built_images(&builds, &alone, "", &mut Vec::new());
        assert_eq!(found.into_values().collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn of_several_that_may_be_it_the_nearest_whole_one_is_taken() {
        let at = |path: &str, missing: &[&str]| ImageBuild {
            dockerfile: path.to_owned(),
            missing: missing.iter().map(|one| (*one).to_owned()).collect(),
            ..build(&[], &["api"])
        };
        let images = BTreeSet::from(["shop-api:1".to_owned()]);
        let copies = ["one/api/Dockerfile", "two/api/Dockerfile", "two/api/dev.Dockerfile"];
        for (missing, names, place, expected) in [
            (["", "", ""], &[][..], "two/deploy/chart", 1),
            (["", "", ""], &["shop-api"], "two/deploy/chart", 1),
            (["", "", ""], &[], "deploy/chart", 0),
            (["", "x", ""], &[], "two/deploy/chart", 2),
            (["", "x", "y"], &["shop-api"], "two/deploy/chart", 0),
        ] {
            let missing = missing.map(|one| [one].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>());
            let mut builds: Vec<ImageBuild> =
                copies.iter().zip(&missing).map(|(path, missing)| at(path, missing)).collect();
            for build in &mut builds {
                build.names = names.iter().map(|name| (*name).to_owned()).collect();
            }
            let found = built_images(&builds, &images, place, &mut Vec::new());
            assert_eq!(found["shop-api:1"], expected, "{missing:?} {names:?} {place}");
        }
    }

    #[test]
    fn a_base_and_what_is_known_to_be_another_one_are_not_taken() {
        let images = BTreeSet::from(["acme/api:1".to_owned(), "acme/web:1".to_owned()]);
        let web = || ImageBuild { has_exact_names: true, ..build(&["acme/web"], &["web"]) };
        let base = ImageBuild { is_base: true, ..build(&[], &["api"]) };
        // Skaffold calls it otherwise, and deploys what is deployed here.
        let named = ImageBuild { has_exact_names: true, ..build(&["acme/base"], &["api"]) };
        // Another file says that the image is made from something else.
        let other = ImageBuild { others: vec!["api".into()], ..build(&[], &["api"]) };
        let left = ImageBuild { others: vec!["api".into()], ..build(&[], &["x"]) };
        for one in [base, named, other, left] {
            let mut doubts = Vec::new();
            let found = built_images(&[web(), one.clone()], &images, "", &mut doubts);
            assert_eq!(found, BTreeMap::from([("acme/web:1".to_owned(), 0)]), "{one:?}");
            assert!(doubts.is_empty(), "{doubts:?}");
        }
    }

    #[test]
    fn where_skaffold_deploys_something_else_a_word_still_counts_and_what_is_left_does_not() {
        let images = BTreeSet::from(["acme/todo-api:1".to_owned()]);
        for (words, expected) in [(&["api"], 1), (&["x"], 0)] {
            let named = ImageBuild { has_exact_names: true, ..build(&["backend"], words) };
            assert_eq!(built_images(&[named], &images, "", &mut Vec::new()).len(), expected, "{words:?}");
        }
    }

    #[test]
    fn one_that_another_file_names_otherwise_is_taken_with_both_names_said() {
        for words in [&["api"][..], &["app"]] {
            let mut doubts = Vec::new();
            let images = BTreeSet::from(["acme/todo-api:1".to_owned()]);
            let found = built_images(&[build(&["me/backend"], words)], &images, "", &mut doubts);
            assert_eq!(found.len(), 1, "{words:?}");
            assert!(doubts[0].contains("`acme/todo-api:1`") && doubts[0].contains("called `me/backend`"), "{doubts:?}");
        }
    }

    #[test]
    fn one_from_another_place_than_those_that_are_known_is_not_taken() {
        let builds = [build(&[], &["api"]), build(&[], &["worker"])];
        for (image, expected) in [("ghcr.io/acme/shop/jobs:1", 2), ("ghcr.io/documents/database:17", 1), ("jobs:1", 1)]
        {
            let images = BTreeSet::from(["ghcr.io/acme/shop/api:1".to_owned(), image.to_owned()]);
            let mut doubts = Vec::new();
            assert_eq!(built_images(&builds, &images, "", &mut doubts).len(), expected, "{image}");
            assert_eq!(doubts.len(), expected - 1, "{doubts:?}");
        }
    }

    #[test]
    fn the_only_one_that_is_left_is_taken_and_said() {
        let mut doubts = Vec::new();
        let images = BTreeSet::from(["acme/shop:1".to_owned(), "postgres:15".to_owned()]);
        let found = built_images(&[build(&[], &["app"])], &images, "", &mut doubts);
        assert_eq!(found, BTreeMap::from([("acme/shop:1".to_owned(), 0)]));
        assert_eq!(doubts.len(), 1);
    }
}

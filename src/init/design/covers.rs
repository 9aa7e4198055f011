//! Which items of the checklists a step proves: those that ask for nothing else.
//!
//! An item is covered only if each of its words is known: a word of the step's own vocabulary, a name of its subject,
//! or a word that adds nothing. One word that is none of these may ask for more than the step proves, and the item
//! stays open for a person to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::init::draft::{Draft, Proof, StepDraft};
use crate::init::findings::ChecklistFile;
use crate::init::names::{id_of, unique};
use crate::init::repository::{folder_of, name_of};

/// Words that add nothing to what an item asks for.
const PLAIN: &[&str] = &[
    "a",
    "an",
    "the",
    "is",
    "are",
    "be",
    "that",
    "and",
    "of",
    "for",
    "with",
    "using",
    "via",
    "in",
    "into",
    "on",
    "to",
    "from",
    "by",
    "it",
    "its",
    "this",
    "all",
    "each",
    "every",
    "your",
    "our",
    "local",
    "locally",
    "successfully",
    "correctly",
    "properly",
    "verify",
    "ensure",
    "check",
    "confirm",
    "validate",
    "make",
    "sure",
    "run",
    "application",
    "app",
    "project",
    "p",
    "us1",
    "us2",
    "us3",
    "us4",
    "us5",
    "us6",
];

/// What an item has to say, in one of several ways, and what it may say besides.
struct Vocabulary {
    /// Of each list one word has to be there.
    needed: &'static [&'static [&'static str]],
    allowed: &'static [&'static str],
}

const TOOL: Vocabulary = Vocabulary {
    needed: &[&["installed", "install", "available", "version", "present", "prerequisite"]],
    allowed: &["cli", "tool", "binary", "working", "path", "prerequisites"],
};
/// A tool that has a daemon, which is asked.
const TOOL_WITH_DAEMON: Vocabulary = Vocabulary {
    needed: &[&["installed", "install", "available", "running", "version", "answers", "present", "prerequisite"]],
    allowed: &["cli", "engine", "daemon", "tool", "binary", "working", "path", "prerequisites"],
};
const BUILD: Vocabulary = Vocabulary {
    needed: &[&["build", "builds", "built"], &["image", "images", "docker"]],
    allowed: &["container", "dockerfile", "t", "f", "service", "latest", "tag"],
};
const CLUSTER: Vocabulary = Vocabulary {
    needed: &[&["start", "started", "create", "running", "up"], &["minikube", "cluster"]],
    allowed: &["kubernetes", "status", "k8s", "driver", "docker"],
};
const LOAD: Vocabulary = Vocabulary {
    needed: &[&["load", "loaded", "deliver"], &["image", "images"]],
    allowed: &["minikube", "cluster", "node", "docker", "container", "built", "kubernetes"],
};
const SECRET: Vocabulary = Vocabulary {
    needed: &[&["create", "created", "apply", "exists"], &["secret", "secrets"]],
    allowed: &["kubernetes", "k8s", "cluster", "environment", "variables", "namespace", "kubectl", "generic"],
};
const LINT: Vocabulary = Vocabulary {
    needed: &[&["lint", "lints", "linting"]],
    allowed: &["helm", "chart", "passes", "errors", "no", "without"],
};
const INSTALL: Vocabulary = Vocabulary {
    needed: &[&["install", "installed", "deploy", "deployed"], &["helm", "chart", "charts", "release", "releases"]],
    allowed: &["minikube", "cluster", "kubernetes", "values", "upgrade", "namespace"],
};
const APPLY: Vocabulary = Vocabulary {
    needed: &[
        &["apply", "applied", "deploy", "deployed"],
        &["manifests", "manifest", "kubectl", "kustomize", "resources"],
    ],
    allowed: &["minikube", "cluster", "kubernetes", "k8s", "f", "k", "namespace"],
};
const COMPOSE: Vocabulary = Vocabulary {
    needed: &[&["compose"], &["up", "start", "started", "starts", "running"]],
    allowed: &["docker", "services", "containers", "stack", "d"],
};
const ROLLOUT: Vocabulary = Vocabulary {
    needed: &[&["pods", "deployments", "rollout"], &["running", "ready", "complete", "completes", "rolled"]],
    allowed: &[
        "kubectl",
        "get",
        "wait",
        "state",
        "out",
        "reach",
        "namespace",
        "status",
        "deployment",
        "deployments",
        "cluster",
    ],
};

/// Covers the items that steps prove, and lists the others.
pub(super) fn add(lists: &[ChecklistFile], draft: &mut Draft) {
    let names = list_names(lists);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in lists.iter().flat_map(|list| &list.items) {
        *counts.entry(item.id.clone()).or_default() += 1;
    }
    for (list, name) in lists.iter().zip(&names) {
        draft.checklists.push((name.clone(), list.path.clone()));
        let in_list = |id: &str| list.items.iter().filter(|item| item.id == id).count();
        for item in &list.items {
            let full = match name {
                Some(name) if counts.get(&item.id).is_some_and(|n| *n > 1) => format!("{name}:{}", item.id),
                _ => item.id.clone(),
            };
            // What has no name of its own can't be named.
            let is_clear = in_list(&item.id) == 1;
            let mut is_covered = false;
            let asked = Asked::of(&item.text);
            for step in draft.active_steps().filter(|step| is_clear && proves(step, &asked)) {
                step.covers.push(full.clone());
                is_covered = true;
            }
            if is_covered {
                draft.n_covered += 1;
            } else {
                let text = if item.has_id { format!("{full} {}", item.text) } else { item.text.clone() };
                draft.open_items.push(if is_clear { text } else { format!("{text} (several items have this id)") });
            }
        }
    }
}

/// The names of the lists: none for the only one, else that of the folder of each.
fn list_names(lists: &[ChecklistFile]) -> Vec<Option<String>> {
    if lists.len() < 2 {
        return vec![None; lists.len()];
    }
    let mut taken = BTreeSet::new();
    lists.iter().map(|list| Some(unique(&list_name(&list.path), &mut taken))).collect()
}

/// The name of a list: that of its feature, `catalog` for `specs/001-catalog/tasks.md`.
fn list_name(path: &str) -> String {
    let folder = name_of(folder_of(path));
    let feature = folder.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
    id_of(if feature.is_empty() { "tasks" } else { feature })
}

/// What an item asks for.
struct Asked {
    words: Vec<String>,
    /// The version of a tool that it may not be older than.
    at_least: Option<Version>,
}

/// A version's first three numbers.
type Version = [u64; 3];

/// How an item says that a version may be newer: before it, or behind it.
static AT_LEAST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let number = r"\(?(?:version\s+)?v?(\d+(?:\.(?:\d+|x))*)";
    let before = r"(?:>=|≥|\bat least\b|\bmin(?:imum|\.)?(?:\s+of)?)";
    let behind = r"(?:\+|(?:or|and)\s+(?:later|newer|higher|above|greater|up)\b|minimum\b)";
    Regex::new(&format!(r"(?i)(?:{before}\s*{number}\b\)?|\b{number}\s*{behind}\)?)")).ok()
});

impl Asked {
    fn of(text: &str) -> Self {
        let found = AT_LEAST.as_ref().and_then(|pattern| pattern.captures(text));
        let Some(found) = found else { return Self { words: words(text), at_least: None } };
        let number = found.get(1).or_else(|| found.get(2)).map_or("", |number| number.as_str());
        let rest = text.replace(&found[0], " ");
        Self { words: words(&rest), at_least: version(number) }
    }
}

/// The numbers of a version.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').take_while(|part| !part.eq_ignore_ascii_case("x")).map(str::parse::<u64>);
    let mut version = [0; 3];
    version[0] = numbers.next()?.ok()?;
    for (place, number) in version[1..].iter_mut().zip(numbers) {
        *place = number.ok()?;
    }
    Some(version)
}

/// The oldest version that a `tool-check` lets pass.
fn oldest(step: &StepDraft) -> Option<Version> {
    let wanted = step.settings.iter().find(|(name, _)| *name == "version")?.1.as_str()?;
    version(wanted.strip_prefix(">=")?)
}

/// Whether words about helm ask for the program, and not for what it installs: that is named, or done with it.
fn asks_for_helm(words: &[String]) -> bool {
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let follows = |first: &[&str], second: &[&str]| {
        words.windows(2).any(|pair| first.contains(&pair[0].as_str()) && second.contains(&pair[1].as_str()))
    };
    let is_used =
        follows(&["with", "using", "via", "by", "through"], &["helm"]) || follows(&["helm"], &["install", "upgrade"]);
    any(&["helm"]) && !any(&["chart", "charts", "release", "releases", "deploy", "deployed"]) && !is_used
}

/// The words of an item's text, in small letters, without punctuation and markers of stories.
fn words(text: &str) -> Vec<String> {
    let split = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '%' | '<' | '>' | '≥' | '≤'));
    let trimmed = text.split(split).map(|word| word.trim_matches(['.', '-', '/', '_']).to_lowercase());
    trimmed.filter(|word| !word.is_empty()).collect()
}

fn proves(step: &StepDraft, asked: &Asked) -> bool {
    let (proof, words) = (&step.proves, &asked.words);
    let (vocabulary, subject): (&Vocabulary, Vec<String>) = match proof {
        Proof::Nothing => return false,
        Proof::Install if asks_for_helm(words) => return false,
        Proof::Tool("docker") => (&TOOL_WITH_DAEMON, vec!["docker".to_owned()]),
        Proof::Tool(tool) => (&TOOL, vec![(*tool).to_owned()]),
        Proof::Build(subject) => (&BUILD, subject.clone()),
        Proof::Cluster => (&CLUSTER, Vec::new()),
        Proof::Load(subject) => (&LOAD, subject.clone()),
        Proof::Secret(name) => (&SECRET, vec![name.clone()]),
        Proof::Lint => (&LINT, Vec::new()),
        Proof::Install => (&INSTALL, Vec::new()),
        Proof::Apply => (&APPLY, Vec::new()),
        Proof::Compose => (&COMPOSE, Vec::new()),
        Proof::Rollout => (&ROLLOUT, Vec::new()),
    };
    // A version is that of a tool, and a step shows only what it asks for itself.
    let is_new_enough = asked
        .at_least
        .is_none_or(|wanted| matches!(proof, Proof::Tool(_)) && oldest(step).is_some_and(|oldest| oldest >= wanted));
    let subject: BTreeSet<String> = subject.iter().flat_map(|word| [word.to_lowercase(), id_of(word)]).collect();
    // A name of several words may be written with spaces or with dashes, and an image with its tag.
    let is_subject = |word: &str| {
        subject.iter().any(|name| {
            name == word
                || name.split('-').any(|part| part == word)
                || word.split(['-', '/', '.', '_']).all(|part| name.split('-').any(|own| own == part))
        })
    };
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let is_needed = vocabulary.needed.iter().all(|list| has(list));
    let names_subject = match proof {
        Proof::Tool(tool) => words.iter().any(|word| word == tool),
        Proof::Build(_) | Proof::Secret(_) => words.iter().any(|word| is_subject(word)),
        // One that names no image asks for all of them.
        _ => true,
    };
    let is_known = |word: &String| {
        let word = word.as_str();
        PLAIN.contains(&word)
            || vocabulary.allowed.contains(&word)
            || vocabulary.needed.iter().any(|list| list.contains(&word))
            || is_subject(word)
    };
    is_needed && is_new_enough && names_subject && words.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_covered_only_if_it_asks_for_nothing_else() {
        let api = || Proof::Build(vec!["api".into(), "todo-api".into()]);
        for (text, proof, expected) in [
            ("Verify Docker is installed and running", Proof::Tool("docker"), true),
            ("Verify Docker Desktop 4.53 is installed", Proof::Tool("docker"), false),
            ("Install helm", Proof::Tool("docker"), false),
            ("Build the API image: `docker build -t todo-api:latest ./api`", api(), true),
            ("Build the API image, below 300 MB", api(), false),
            ("Build the web image", api(), false),
            ("Build all images", api(), false),
            ("Start the minikube cluster", Proof::Cluster, true),
            ("Start minikube with 4 CPUs", Proof::Cluster, false),
            ("Load the api image into minikube", Proof::Load(vec!["api".into()]), true),
            ("Load images into minikube", Proof::Load(vec!["api".into()]), true),
            ("Push images to registry", Proof::Load(vec!["api".into()]), false),
            ("Create secret app-secrets in the cluster", Proof::Secret("app-secrets".into()), true),
            ("Create secret other", Proof::Secret("app-secrets".into()), false),
            ("`helm lint` passes", Proof::Lint, true),
            ("Deploy with helm install", Proof::Install, true),
            ("Deploy with helm and zero downtime", Proof::Install, false),
            ("Apply the manifests: kubectl apply -f k8s/", Proof::Apply, true),
            ("Verify all pods are running", Proof::Rollout, true),
            ("All pods survive a restart", Proof::Rollout, false),
            ("docker compose up starts all services", Proof::Compose, true),
        ] {
            let step = StepDraft::new("a", "x").proves(proof);
            assert_eq!(proves(&step, &Asked::of(text)), expected, "{text} {:?}", step.proves);
        }
    }

    #[test]
    fn an_item_about_a_program_is_proven_by_its_check_alone() {
        let installed = [
            "Verify helm is installed",
            "Verify Helm CLI is available",
            "Install helm",
            "Helm 3 or later is installed",
            "Ensure helm >= 3.10 is installed",
            "Verify Helm v3.8+ is installed",
            "Install helm (version 3.13 or newer)",
            "helm is installed (at least 3.x)",
        ];
        for text in installed {
            let tool = StepDraft::new("helm", "tool-check").set("version", ">=3.13").proves(Proof::Tool("helm"));
            let release = StepDraft::new("web", "helm-install").proves(Proof::Install);
            let asked = Asked::of(text);
            assert_eq!((proves(&tool, &asked), proves(&release, &asked)), (true, false), "{text}");
        }
        for text in
            ["Install with helm", "helm install the chart", "Install the helm release", "Run helm upgrade install"]
        {
            let release = StepDraft::new("web", "helm-install").proves(Proof::Install);
            assert!(proves(&release, &Asked::of(text)), "{text}");
        }
    }

    #[test]
    fn a_version_that_the_check_does_not_ask_for_stays_open() {
        let helm = StepDraft::new("helm", "tool-check").set("version", ">=3.13").proves(Proof::Tool("helm"));
        let minikube = StepDraft::new("m", "tool-check").set("version", ">=1.33").proves(Proof::Tool("minikube"));
        for text in [
            "Helm 3.14 or later is installed",
            "Verify helm 4+ is installed",
            "Helm 3 is installed",
            "helm 3.13.1+ is installed",
        ] {
            assert!(!proves(&helm, &Asked::of(text)), "{text}");
        }
        // That it is installed does not show that its cluster runs.
        assert!(!proves(&minikube, &Asked::of("Verify minikube is running")));
        assert!(proves(&StepDraft::new("s", "x").proves(Proof::Cluster), &Asked::of("Verify minikube is running")));
        assert!(!proves(&StepDraft::new("s", "x").proves(Proof::Cluster), &Asked::of("Start minikube 1.30+")));
    }
}

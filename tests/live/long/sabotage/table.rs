//! The sabotages, each with the items that are not true any more because of it. The items follow from what the pipeline
//! says: which step covers an item, what it probes, which outputs and files it uses.

use super::{PROFILE, Sabotage};

/// What rests on the release as it was released: its installation, a user's way through it, the rollback to it.
const RELEASE: &[&str] = &["T054", "T055", "T057", "T071", "T075", "T079", "G07"];

/// The upgrade of the release, which takes the chart and the Secret, and the next image of the backend.
const UPGRADE: &[&str] = &["T056"];

/// What was shown with the backend's Deployment, its images and its Service as they were.
const EXERCISES: &[&str] = &["T035", "T036", "T037", "T072", "T073", "T074"];

/// What was shown with the plain manifests.
const PLAIN: &[&str] = &["T030", "T031", "T032", "T033", "T053"];

/// What probes the cluster to see what the project's sources have become.
const LOOKS: &[&str] = &["T034", "T035", "T065", "T069", "T070", "T071"];

/// What reads every file of the example.
const TREE: &[&str] = &["T076", "T078", "G01"];

/// What reads every file of the project.
const PROJECT: &[&str] = &["T078", "G01"];

/// What reads every YAML file of the example.
const YAML: &[&str] = &["T077"];

/// The rules for the objects of manifests and chart.
const OBJECTS: &[&str] = &["G02", "G03", "G04", "G05", "G06", "T064"];

/// What renders the chart.
const CHART: &[&str] =
    &["T039", "T042", "T043", "T044", "T045", "T046", "T047", "T048", "T049", "G03", "G06", "T051", "T052"];

/// What was shown with the backend's image outside of the cluster: alone, in the composition, for advice.
const BACKEND_IMAGE: &[&str] = &["T001", "T009", "T015", "T017", "T020", "T021", "T063"];

/// What reads the specification.
const SPECIFICATION: &[&str] = &[
    "CHK001", "CHK002", "CHK003", "CHK004", "CHK005", "CHK006", "CHK007", "CHK008", "CHK009", "CHK010", "CHK011",
    "CHK012", "CHK013", "CHK016",
];

/// All of them, one done after the other.
pub(super) const SABOTAGES: &[Sabotage] = &[
    Sabotage {
        name: "the backend is scaled to one pod",
        breaks: |example| {
            example.sh("kubectl scale deployment todo-backend --replicas=1");
            example.until_pods("backend", 1);
        },
        voids: &[RELEASE, &["T069"]],
        by_hand: None,
    },
    Sabotage {
        name: "the database is stopped",
        breaks: |example| {
            example.sh("kubectl scale statefulset todo-postgres --replicas=0");
            example.until_pods("postgres", 0);
        },
        voids: &[RELEASE, &["T069"]],
        by_hand: None,
    },
    Sabotage {
        name: "a network policy cuts the database off",
        breaks: |example| example.cut_off_database(true),
        voids: &[&["T071"]],
        by_hand: Some(|example| example.cut_off_database(false)),
    },
    Sabotage {
        name: "the backend has no readiness probe",
        breaks: |example| {
            let remove = r#"{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"}"#;
            example.patch("backend", remove, 2);
        },
        voids: &[RELEASE, EXERCISES, &["T070"]],
        by_hand: None,
    },
    Sabotage {
        name: "a rollout may take a pod away first",
        breaks: |example| {
            let replace = r#"{"op": "replace", "path": "/spec/strategy/rollingUpdate/maxUnavailable", "value": 1}"#;
            example.patch("backend", replace, 2);
        },
        voids: &[RELEASE, EXERCISES, &["T034", "T035"]],
        by_hand: None,
    },
    Sabotage {
        name: "a container may write to its file system",
        breaks: |example| {
            let path = "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem";
            example.patch("frontend", &format!(r#"{{"op": "replace", "path": "{path}", "value": false}}"#), 1);
        },
        voids: &[RELEASE, &["T065"]],
        by_hand: None,
    },
    Sabotage {
        name: "a Deployment has lost the label of its release",
        breaks: |example| drop(example.sh("kubectl label deployment todo-frontend app.kubernetes.io/instance-")),
        voids: &[RELEASE, &["T034", "T035", "T065", "T069"]],
        by_hand: None,
    },
    Sabotage {
        name: "an image was set by hand that the node does not have",
        breaks: |example| {
            example.sh("kubectl set image deployment/todo-backend backend=todo-backend:nobodys");
            example.until_pods("backend", 3);
        },
        voids: &[RELEASE, EXERCISES, &["T069", "T070"]],
        by_hand: None,
    },
    Sabotage {
        name: "the ConfigMap is edited",
        breaks: |example| {
            drop(example.sh(r#"kubectl patch configmap todo-config -p '{"data": {"ENVIRONMENT": "development"}}'"#));
        },
        voids: &[RELEASE],
        by_hand: None,
    },
    Sabotage {
        name: "the backend's Service is deleted",
        breaks: |example| drop(example.sh("kubectl delete service todo-backend")),
        voids: &[RELEASE, &["T035", "T036", "T072", "T073", "T074"]],
        by_hand: None,
    },
    Sabotage {
        name: "somebody has upgraded the release",
        breaks: |example| {
            let chart = "examples/todo-chatbot/helm/todo-chatbot-chart";
            drop(example.sh(&format!("helm upgrade todo-chatbot {chart} --reuse-values")));
        },
        voids: &[RELEASE, &["T069"]],
        by_hand: None,
    },
    Sabotage {
        name: "the Secret is deleted",
        breaks: |example| drop(example.sh("kubectl delete secret todo-secrets")),
        voids: &[RELEASE, UPGRADE, &["T024"]],
        by_hand: None,
    },
    Sabotage {
        name: "another image has the backend's tag, in the Docker daemon",
        breaks: |example| {
            let (backend, frontend) = (example.image("backend"), example.image("frontend"));
            drop(example.sh(&format!("docker tag {frontend} {backend}")));
        },
        voids: &[BACKEND_IMAGE, PLAIN, RELEASE],
        by_hand: None,
    },
    Sabotage {
        name: "another image has the backend's tag, in the node",
        breaks: |example| {
            let (backend, frontend) = (example.image("backend"), example.image("frontend"));
            let tag = "ctr -n k8s.io images tag --force";
            drop(
                example.sh(&format!(
                    "docker exec {PROFILE} {tag} docker.io/library/{frontend} docker.io/library/{backend}"
                )),
            );
        },
        voids: &[PLAIN, RELEASE, &["T020", "T021", "T069"]],
        by_hand: None,
    },
    Sabotage {
        name: "what helm has said of the chart is deleted",
        breaks: |example| fs_err::remove_file(example.sandbox.path("target/example/lint.txt")).unwrap(),
        voids: &[&["T051"]],
        by_hand: None,
    },
    Sabotage {
        name: "what the journey has shown is edited",
        breaks: |example| drop(example.sh("echo and all is well >> target/example/journey.txt")),
        voids: &[&["T071", "T079", "G07"]],
        by_hand: None,
    },
    Sabotage {
        name: "a tool of the machine is another one",
        breaks: |example| {
            example.sandbox.tool("go", "exit 1");
        },
        // It stands in the project's folder, so the files there are others.
        voids: &[&["T006"], PROJECT],
        by_hand: Some(|example| fs_err::remove_file(example.sandbox.path("bin/go")).unwrap()),
    },
    Sabotage {
        name: "an item says something else",
        breaks: |example| {
            example.edit("specs/004-k8s-deployment/tasks.md", "Write `frontend/.dockerignore`", "Write it well");
        },
        voids: &[TREE, &["T010", "CHK014", "CHK015", "CHK016"]],
        by_hand: None,
    },
    Sabotage {
        name: "the compose file publishes another port",
        breaks: |example| {
            example.edit("docker-compose.yml", "${FRONTEND_PORT:-3000}:3000", "${FRONTEND_PORT:-3000}:3001");
        },
        voids: &[TREE, YAML, &["T001", "T016", "T017"]],
        by_hand: Some(|example| example.restore("docker-compose.yml")),
    },
    Sabotage {
        name: "a manifest lets a rollout take a pod away first",
        breaks: |example| example.edit("k8s/backend-deployment.yaml", "maxUnavailable: 0", "maxUnavailable: 1"),
        voids: &[TREE, YAML, OBJECTS, PLAIN, &["T025"]],
        by_hand: Some(|example| example.restore("k8s/backend-deployment.yaml")),
    },
    Sabotage {
        name: "the chart's notes are edited",
        breaks: |example| {
            example.edit("helm/todo-chatbot-chart/templates/NOTES.txt", "minikube service -n", "minikube service");
        },
        voids: &[TREE, OBJECTS, CHART, RELEASE, UPGRADE, LOOKS, &["T050"]],
        by_hand: Some(|example| example.restore("helm/todo-chatbot-chart/templates/NOTES.txt")),
    },
    Sabotage {
        name: "the backend's image would run as root",
        breaks: |example| example.edit("backend/Dockerfile", "USER appuser\n", ""),
        voids: &[TREE, BACKEND_IMAGE, PLAIN, RELEASE, LOOKS, &["T013", "G08"]],
        by_hand: Some(|example| example.restore("backend/Dockerfile")),
    },
    Sabotage {
        name: "the specification has lost a section",
        breaks: |example| example.edit("specs/004-k8s-deployment/spec.md", "## Out of scope", "Out of scope"),
        voids: &[TREE, SPECIFICATION, &["CHK014"]],
        by_hand: Some(|example| example.restore("specs/004-k8s-deployment/spec.md")),
    },
    Sabotage {
        name: "a command of the guide names no namespace",
        breaks: |example| {
            example.edit(
                "k8s/README.md",
                "kubectl -n todo-chatbot rollout status statefulset",
                "kubectl rollout status statefulset",
            );
        },
        voids: &[TREE, &["T066", "G09"]],
        by_hand: Some(|example| example.restore("k8s/README.md")),
    },
];

//! [`RULES`]: every rule, one entry each.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::objects::Object;
use super::rule::{Check, Rule};
use super::{leftovers, pods, services, tree_secrets, yaml_indent};
use crate::suggest::suggest;

/// A rule about objects.
const fn of_objects(applies: fn(&Object) -> bool, check: fn(&Object, &[Object]) -> Vec<String>) -> Check {
    Check::Objects { applies, check }
}

/// A rule about objects that make pods.
const fn of_pods(check: fn(&Object, &[Object]) -> Vec<String>) -> Check {
    of_objects(Object::has_pods, check)
}

/// Every rule, in the order in which documents show them.
pub static RULES: &[Rule] = &[
    Rule {
        id: "limits",
        asks: "every container has requests and limits for CPU and memory",
        why: "without a limit one container takes what the others on its node need",
        fix: "set `resources.requests` and `resources.limits` with `cpu` and `memory`",
        check: of_pods(pods::limits),
    },
    Rule {
        id: "probes",
        asks: "every container that is meant to run on has a liveness and a readiness probe",
        why: "without them Kubernetes sends requests to pods that can't serve them, and never restarts one that hangs",
        fix: "set `livenessProbe` and `readinessProbe`",
        check: of_objects(Object::runs_on, pods::probes),
    },
    Rule {
        id: "non-root",
        asks: "no container runs as root",
        why: "who breaks out of a container as root is root on the node",
        fix: "set `securityContext.runAsNonRoot: true`, or a `runAsUser` other than 0",
        check: of_pods(pods::non_root),
    },
    Rule {
        id: "no-privileged",
        asks: "no container is privileged or has capabilities that amount to it",
        why: "a privileged container can do to the node what root can",
        fix: "remove `privileged: true` and the capability",
        check: of_pods(pods::no_privileged),
    },
    Rule {
        id: "no-privilege-escalation",
        asks: "no process of a container gets more rights than it was started with",
        why: "a program with the setuid bit would make its caller root",
        fix: "set `securityContext.allowPrivilegeEscalation: false`",
        check: of_pods(pods::no_privilege_escalation),
    },
    Rule {
        id: "drop-capabilities",
        asks: "every container drops all capabilities, and adds those that it needs",
        why: "the runtime's default has more than a web application ever uses",
        fix: "set `securityContext.capabilities.drop: [ALL]`",
        check: of_pods(pods::drop_capabilities),
    },
    Rule {
        id: "read-only-root",
        asks: "no container writes to its own file system",
        why: "an attacker can't leave a program there, and what has to stay is in a volume",
        fix: "set `securityContext.readOnlyRootFilesystem: true`, and mount an `emptyDir` where files are written",
        check: of_pods(pods::read_only_root),
    },
    Rule {
        id: "seccomp",
        asks: "every container has a seccomp profile",
        why: "it keeps most of the kernel's calls, and their faults, out of reach",
        fix: "set `securityContext.seccompProfile.type: RuntimeDefault`",
        check: of_pods(pods::seccomp),
    },
    Rule {
        id: "no-host-paths",
        asks: "no pod mounts a folder of its node",
        why: "it works on one node alone, and gives the pod what belongs to others",
        fix: "use a PersistentVolumeClaim, a ConfigMap, a Secret or an `emptyDir`",
        check: of_objects(pods::has_volumes, pods::no_host_paths),
    },
    Rule {
        id: "no-host-namespaces",
        asks: "no pod shares its node's network, processes or ports",
        why: "it sees the traffic and the processes of others, and two such pods can't run on one node",
        fix: "remove `hostNetwork`, `hostPID`, `hostIPC` and `hostPort`; a Service makes a pod reachable",
        check: of_pods(pods::no_host_namespaces),
    },
    Rule {
        id: "no-api-token",
        asks: "no pod gets a token for the Kubernetes API",
        why: "who breaks into a pod would have it, and hardly an application uses it",
        fix: "set `automountServiceAccountToken: false`, and except those that use the API",
        check: of_pods(pods::no_api_token),
    },
    Rule {
        id: "no-latest",
        asks: "every image has a tag other than `latest`, or a digest",
        why: "two pods of one Deployment may run different programs, and a rollback changes nothing",
        fix: "use a tag that is never moved, such as the one that `docker-build` makes",
        check: of_pods(pods::no_latest),
    },
    Rule {
        id: "pull-policy-never",
        asks: "every container has `imagePullPolicy: Never`",
        why: "images that are only in the node can't be pulled, and with any other policy a registry may replace them",
        fix: "set `imagePullPolicy: Never`",
        check: of_pods(pods::pull_policy_never),
    },
    Rule {
        id: "pull-policy-explicit",
        asks: "every container says when its image is pulled",
        why: "the default depends on the tag: `Always` for `latest`, `IfNotPresent` for others",
        fix: "set `imagePullPolicy`",
        check: of_pods(pods::pull_policy_explicit),
    },
    Rule {
        id: "zero-downtime",
        asks: "a rollout of a Deployment takes no pod away before a new one is ready",
        why: "otherwise fewer pods serve the requests while a new version comes up, or none",
        fix: "set `strategy.rollingUpdate` to `maxUnavailable: 0` and `maxSurge: 1`",
        check: of_objects(services::is_deployment, services::zero_downtime),
    },
    Rule {
        id: "selectors",
        asks: "every Service selects pods of a workload and reaches a port of theirs, and every workload its own pods",
        why: "a selector that matches nothing is accepted, and no request ever arrives",
        fix: "give pods and selector the same labels, and name a port that a container has",
        check: of_objects(services::selects, services::selectors),
    },
    Rule {
        id: "labels",
        asks: "every object and every pod has a label `app.kubernetes.io/name` or `app`",
        why: "without one nobody can list what belongs to an application, or remove it",
        fix: "set `metadata.labels`, also of the pod's template",
        check: of_objects(services::any, services::labels),
    },
    Rule {
        id: "no-secret-values",
        asks: "no Secret, ConfigMap or variable of a container has the value of a secret written into it",
        why: "who reads the file has the secret, and a Secret made of it makes everybody's the same",
        fix: "make the Secret from the environment, with `secret-apply`, and take variables from it by `secretKeyRef`",
        check: of_objects(services::may_hold_secrets, services::no_secret_values),
    },
    Rule {
        id: "yaml-indent-2",
        asks: "YAML files are indented by two spaces",
        why: "a list under a key that is indented otherwise is easily put under the wrong one",
        fix: "indent by two spaces; items of a list may stand below their key",
        check: Check::Files { applies: yaml_indent::applies, check: yaml_indent::check },
    },
    Rule {
        id: "no-debug-leftovers",
        asks: "code has no calls that only serve to search for a fault",
        why: "they stop the program, or print what nobody reads or should read",
        fix: "remove the call, or use the program's logger",
        check: Check::Files { applies: leftovers::is_code, check: leftovers::no_debug_leftovers },
    },
    Rule {
        id: "no-open-work",
        asks: "no comment says that something is still to be done",
        why: "what is not done belongs where work is planned, not where nobody looks for it",
        fix: "do it, or plan it and remove the comment",
        check: Check::Files { applies: leftovers::has_comments, check: leftovers::no_open_work },
    },
    Rule {
        id: "no-conflict-marks",
        asks: "no file has the marks of a merge that git could not do",
        why: "such a file is neither the one version nor the other",
        fix: "choose a version and remove the marks",
        check: Check::Files { applies: tree_secrets::any, check: leftovers::no_conflict_marks },
    },
    Rule {
        id: "no-secret-in-tree",
        asks: "no file that git tracks, or would track, has the value of a declared secret, a key of a well-known form, or \
               in an env file a secret that is no placeholder",
        why: "what was committed once stays in the history of everybody who has cloned it",
        fix: "remove it from the file and from the history, and replace the secret: it is known now",
        check: Check::Files { applies: tree_secrets::any, check: tree_secrets::no_secret_in_tree },
    },
];

/// The rule with this id, or what to say where there is none.
pub fn rule(id: &str) -> Result<&'static Rule, String> {
    RULES.iter().find(|rule| rule.id == id).ok_or_else(|| {
        let hint = suggest(id, RULES.iter().map(|rule| rule.id));
        let hint = hint.unwrap_or_else(|| "docs/policy-rules.md has all rules".into());
        format!("there is no rule `{id}`: {hint}")
    })
}

/// The name of a rule in settings: only one that there is deserializes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct RuleName(pub &'static Rule);

impl TryFrom<String> for RuleName {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        rule(&id).map(Self)
    }
}

impl JsonSchema for RuleName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RuleName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": RULES.iter().map(|rule| rule.id).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests;

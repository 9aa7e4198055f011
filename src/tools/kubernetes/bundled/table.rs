//! What Kubernetes requires of the fields of its own kinds, and which values it takes: facts of its API reference, and
//! of what its API server refuses. Only what every cluster refuses stands here.

use serde_json::Value;

use super::demands::Demand::{self, Fields, Holds, Is, Keys, OneAmong, OneOf, Required, Within};
use super::demands::{Form, Rule, unselected};

/// Returns what the objects of a kind have to be; nothing for a kind that is not known.
pub(super) fn rules_of(kind: &str) -> &'static [Rule] {
    match kind {
        "ConfigMap" => &[META, NAME, ("data", &[Keys(Form::DataKey)]), ("binaryData", &[Keys(Form::DataKey)])],
        "Secret" => &[META, NAME, ("data", &[Keys(Form::DataKey)]), ("stringData", &[Keys(Form::DataKey)])],
        "Namespace" => &[META, ("metadata.name", &[Is(Form::Label)])],
        "ServiceAccount" => &[META, NAME],
        "LimitRange" => &[META, NAME, ("spec.limits[]", &[Fields(LIMIT)])],
        "ResourceQuota" => &[META, NAME, ("spec.hard.*", &[Is(Form::Quantity)])],
        "PersistentVolumeClaim" => &[META, NAME, ("spec", &[Required, Fields(CLAIM)])],
        "Pod" => &[META, NAME, ("spec", &[Required, Fields(POD)])],
        "Service" => &[META, ("metadata.name", &[Is(Form::Label1035)]), ("spec", &[Required, Fields(SERVICE)])],
        "DaemonSet" => &[META, NAME, ("spec", &[Required, Fields(CONTROLLER), Fields(DAEMON_SET)])],
        "Deployment" => &[META, NAME, ("spec", &[Required, Fields(CONTROLLER), Fields(DEPLOYMENT)])],
        "StatefulSet" => &[META, NAME, ("spec", &[Required, Fields(CONTROLLER), Fields(STATEFUL_SET)])],
        "Job" => &[META, NAME, ("spec", &[Required, Fields(JOB)])],
        "CronJob" => &[META, NAME, ("metadata.name", &[Holds(too_long)]), ("spec", &[Required, Fields(CRON_JOB)])],
        "HorizontalPodAutoscaler" => &[META, NAME, ("spec", &[Required, Fields(AUTOSCALER)])],
        "Ingress" => &[META, NAME, ("spec", &[Required, Fields(INGRESS)])],
        "NetworkPolicy" => &[META, NAME, ("spec", &[Fields(NETWORK_POLICY)])],
        "PodDisruptionBudget" => &[META, NAME, ("spec", &[Fields(BUDGET)])],
        "ClusterRole" | "Role" => &[META, RBAC_NAME, ("rules[].verbs", &[Required])],
        "RoleBinding" => &[META, RBAC_NAME, ROLE_REF, SUBJECTS],
        "ClusterRoleBinding" => &[META, RBAC_NAME, ROLE_REF, ("roleRef.kind", &[OneOf(&["ClusterRole"])]), SUBJECTS],
        _ => &[],
    }
}

const NOT_NEGATIVE: Demand = Within(0, i32::MAX as i64);
const POSITIVE: Demand = Within(1, i32::MAX as i64);
const PORT: Demand = Within(1, 65535);
/// 0 stands for none.
const PORT_OR_NONE: Demand = Within(0, 65535);
const PROTOCOL: Demand = OneOf(&["TCP", "UDP", "SCTP"]);

const META: Rule = ("metadata", &[Fields(LABELS)]);
const NAME: Rule = ("metadata.name", &[Is(Form::Subdomain)]);
const RBAC_NAME: Rule = ("metadata.name", &[Is(Form::PathSegment)]);

const LABELS: &[Rule] =
    &[("namespace", &[Is(Form::Label)]), ("labels", &[Keys(Form::LabelKey)]), ("labels.*", &[Is(Form::LabelValue)])];

const SELECTOR: &[Rule] = &[
    ("matchLabels", &[Keys(Form::LabelKey)]),
    ("matchLabels.*", &[Is(Form::LabelValue)]),
    ("matchExpressions[].key", &[Required, Is(Form::LabelKey)]),
    ("matchExpressions[].operator", &[Required, OneOf(&["In", "NotIn", "Exists", "DoesNotExist"])]),
];

/// What the kinds share that keep pods running.
const CONTROLLER: &[Rule] = &[
    ("selector", &[Required, Fields(SELECTOR)]),
    ("template", &[Required, Fields(TEMPLATE)]),
    ("template.spec.restartPolicy", &[OneOf(&["Always"])]),
    ("replicas", &[NOT_NEGATIVE]),
    ("minReadySeconds", &[NOT_NEGATIVE]),
    ("revisionHistoryLimit", &[NOT_NEGATIVE]),
    ("", &[Holds(unselected)]),
];

const DEPLOYMENT: &[Rule] = &[
    ("progressDeadlineSeconds", &[POSITIVE]),
    ("strategy.type", &[OneOf(&["RollingUpdate", "Recreate"])]),
    ("strategy.rollingUpdate.maxSurge", &[Is(Form::Share)]),
    ("strategy.rollingUpdate.maxUnavailable", &[Is(Form::Share)]),
    (
        "strategy",
        &[Holds(|strategy| {
            let recreates = strategy["type"] == "Recreate" && !strategy["rollingUpdate"].is_null();
            let stays = is_zero(&strategy["rollingUpdate"]["maxSurge"])
                && is_zero(&strategy["rollingUpdate"]["maxUnavailable"]);
            let stays = stays.then_some("`maxSurge` and `maxUnavailable` can't both be 0");
            recreates.then_some("`rollingUpdate` can't be set with `Recreate`").or(stays).map(str::to_owned)
        })],
    ),
];

const STATEFUL_SET: &[Rule] = &[
    ("updateStrategy.type", &[OneOf(&["RollingUpdate", "OnDelete"])]),
    ("podManagementPolicy", &[OneOf(&["OrderedReady", "Parallel"])]),
    ("persistentVolumeClaimRetentionPolicy.whenDeleted", &[OneOf(&["Retain", "Delete"])]),
    ("persistentVolumeClaimRetentionPolicy.whenScaled", &[OneOf(&["Retain", "Delete"])]),
    ("volumeClaimTemplates[].metadata.name", &[Required]),
    ("volumeClaimTemplates[].spec", &[Required, Fields(CLAIM)]),
];

const DAEMON_SET: &[Rule] = &[("updateStrategy.type", &[OneOf(&["RollingUpdate", "OnDelete"])])];

const JOB: &[Rule] = &[
    ("template", &[Required, Fields(TEMPLATE)]),
    ("template.spec.restartPolicy", &[Required, OneOf(&["OnFailure", "Never"])]),
    ("parallelism", &[NOT_NEGATIVE]),
    ("completions", &[NOT_NEGATIVE]),
    ("backoffLimit", &[NOT_NEGATIVE]),
    ("ttlSecondsAfterFinished", &[NOT_NEGATIVE]),
    ("completionMode", &[OneOf(&["NonIndexed", "Indexed"])]),
];

const CRON_JOB: &[Rule] = &[
    ("schedule", &[Required, Is(Form::Schedule)]),
    ("concurrencyPolicy", &[OneOf(&["Allow", "Forbid", "Replace"])]),
    ("startingDeadlineSeconds", &[Within(0, i64::MAX)]),
    ("successfulJobsHistoryLimit", &[NOT_NEGATIVE]),
    ("failedJobsHistoryLimit", &[NOT_NEGATIVE]),
    ("jobTemplate", &[Required]),
    ("jobTemplate.spec", &[Required, Fields(JOB)]),
];

const TEMPLATE: &[Rule] = &[("metadata", &[Fields(LABELS)]), ("spec", &[Required, Fields(POD)])];

const POD: &[Rule] = &[
    ("containers", &[Required]),
    ("containers[]", &[Fields(CONTAINER)]),
    ("initContainers[]", &[Fields(CONTAINER)]),
    ("restartPolicy", &[OneOf(&["Always", "OnFailure", "Never"])]),
    ("dnsPolicy", &[OneOf(&["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])]),
    ("preemptionPolicy", &[OneOf(&["PreemptLowerPriority", "Never"])]),
    ("serviceAccountName", &[Is(Form::Subdomain)]),
    ("priorityClassName", &[Is(Form::Subdomain)]),
    ("hostname", &[Is(Form::Label)]),
    ("activeDeadlineSeconds", &[POSITIVE]),
    ("securityContext.seccompProfile.type", &[Required, SECCOMP]),
    ("securityContext.fsGroupChangePolicy", &[OneOf(&["OnRootMismatch", "Always"])]),
    ("tolerations[].operator", &[OneOf(&["Exists", "Equal"])]),
    ("tolerations[].effect", &[OneOf(&["NoSchedule", "PreferNoSchedule", "NoExecute"])]),
    ("topologySpreadConstraints[].maxSkew", &[Required, POSITIVE]),
    ("topologySpreadConstraints[].topologyKey", &[Required]),
    ("topologySpreadConstraints[].whenUnsatisfiable", &[Required, OneOf(&["DoNotSchedule", "ScheduleAnyway"])]),
    ("volumes[].name", &[Required, Is(Form::Label)]),
    ("volumes[].emptyDir.sizeLimit", &[Is(Form::Quantity)]),
    ("volumes[].persistentVolumeClaim.claimName", &[Required]),
    ("volumes[].hostPath.path", &[Required]),
];

const SECCOMP: Demand = OneOf(&["Localhost", "RuntimeDefault", "Unconfined"]);

const CONTAINER: &[Rule] = &[
    ("name", &[Required, Is(Form::Label)]),
    ("image", &[Required]),
    ("imagePullPolicy", &[OneOf(&["Always", "IfNotPresent", "Never"])]),
    ("terminationMessagePolicy", &[OneOf(&["File", "FallbackToLogsOnError"])]),
    ("ports[].containerPort", &[Required, PORT]),
    ("ports[].hostPort", &[PORT_OR_NONE]),
    ("ports[].name", &[Is(Form::PortName)]),
    ("ports[].protocol", &[PROTOCOL]),
    ("env[].name", &[Required]),
    ("env[].valueFrom.secretKeyRef.key", &[Required, Is(Form::DataKey)]),
    ("env[].valueFrom.configMapKeyRef.key", &[Required, Is(Form::DataKey)]),
    ("env[].valueFrom.fieldRef.fieldPath", &[Required]),
    ("env[].valueFrom.resourceFieldRef.resource", &[Required]),
    ("envFrom[]", &[OneAmong(&["configMapRef", "secretRef"])]),
    ("volumeMounts[].name", &[Required]),
    ("volumeMounts[].mountPath", &[Required]),
    ("volumeMounts[].mountPropagation", &[OneOf(&["None", "HostToContainer", "Bidirectional"])]),
    ("resources.limits.*", &[Is(Form::Quantity)]),
    ("resources.requests.*", &[Is(Form::Quantity)]),
    ("livenessProbe", &[Fields(PROBE)]),
    ("readinessProbe", &[Fields(PROBE)]),
    ("startupProbe", &[Fields(PROBE)]),
    ("livenessProbe.successThreshold", &[Within(0, 1)]),
    ("startupProbe.successThreshold", &[Within(0, 1)]),
    ("lifecycle.postStart", &[OneAmong(HANDLERS)]),
    ("lifecycle.preStop", &[OneAmong(HANDLERS)]),
    ("securityContext.seccompProfile.type", &[Required, SECCOMP]),
    ("securityContext.procMount", &[OneOf(&["Default", "Unmasked"])]),
];

const HANDLERS: &[&str] = &["exec", "httpGet", "sleep", "tcpSocket"];

const PROBE: &[Rule] = &[
    ("", &[OneAmong(&["exec", "grpc", "httpGet", "tcpSocket"])]),
    ("exec.command", &[Required]),
    ("httpGet.port", &[Required, Is(Form::Port)]),
    ("httpGet.scheme", &[OneOf(&["HTTP", "HTTPS"])]),
    ("tcpSocket.port", &[Required, Is(Form::Port)]),
    ("grpc.port", &[Required, PORT]),
    ("initialDelaySeconds", &[NOT_NEGATIVE]),
    ("timeoutSeconds", &[NOT_NEGATIVE]),
    ("periodSeconds", &[NOT_NEGATIVE]),
    ("successThreshold", &[NOT_NEGATIVE]),
    ("failureThreshold", &[NOT_NEGATIVE]),
];

const SERVICE: &[Rule] = &[
    ("type", &[OneOf(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])]),
    ("ports[].port", &[Required, PORT]),
    ("ports[].targetPort", &[Is(Form::Port)]),
    ("ports[].nodePort", &[PORT_OR_NONE]),
    ("ports[].name", &[Is(Form::Label)]),
    ("ports[].protocol", &[PROTOCOL]),
    ("selector", &[Keys(Form::LabelKey)]),
    ("selector.*", &[Is(Form::LabelValue)]),
    ("sessionAffinity", &[OneOf(&["ClientIP", "None"])]),
    ("externalTrafficPolicy", &[OneOf(&["Cluster", "Local"])]),
    ("internalTrafficPolicy", &[OneOf(&["Cluster", "Local"])]),
    ("ipFamilyPolicy", &[OneOf(&["SingleStack", "PreferDualStack", "RequireDualStack"])]),
    (
        "",
        &[Holds(|spec| {
            let is_external = spec["type"] == "ExternalName";
            let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
            let needs_ports = !is_external && spec["clusterIP"] != "None" && ports.is_empty();
            let has_nameless =
                ports.len() > 1 && ports.iter().any(|port| port["name"].as_str().is_none_or(str::is_empty));
            let needs_name = is_external && spec["externalName"].as_str().is_none_or(str::is_empty);
            let why = needs_ports
                .then_some("`ports` is required")
                .or(has_nameless.then_some("each of several `ports` needs a `name`"));
            why.or(needs_name.then_some("`ExternalName` needs the `externalName`")).map(str::to_owned)
        })],
    ),
];

const INGRESS: &[Rule] = &[
    ("", &[OneAmong(&["rules", "defaultBackend"])]),
    ("defaultBackend", &[Fields(BACKEND)]),
    ("rules[].host", &[Is(Form::Host)]),
    ("rules[].http.paths", &[Required]),
    ("rules[].http.paths[].pathType", &[Required, OneOf(&["Exact", "Prefix", "ImplementationSpecific"])]),
    ("rules[].http.paths[].backend", &[Required, Fields(BACKEND)]),
    (
        "rules[].http.paths[]",
        &[Holds(|path| {
            let text = path["path"].as_str().unwrap_or_default();
            let may_lack = path["pathType"] == "ImplementationSpecific" && text.is_empty();
            (!text.starts_with('/') && !may_lack).then(|| format!("`path` is `{text}`, which does not begin with `/`"))
        })],
    ),
    ("tls[].hosts[]", &[Is(Form::Host)]),
];

const BACKEND: &[Rule] = &[
    ("", &[OneAmong(&["service", "resource"])]),
    ("service.name", &[Required, Is(Form::Label1035)]),
    ("service.port", &[Required, OneAmong(&["name", "number"])]),
    ("service.port.number", &[PORT_OR_NONE]),
    ("service.port.name", &[Is(Form::PortName)]),
];

const AUTOSCALER: &[Rule] = &[
    ("scaleTargetRef", &[Required]),
    ("scaleTargetRef.kind", &[Required]),
    ("scaleTargetRef.name", &[Required]),
    ("maxReplicas", &[Required, POSITIVE]),
    ("minReplicas", &[NOT_NEGATIVE]),
    ("metrics[].type", &[Required, OneOf(&["ContainerResource", "External", "Object", "Pods", "Resource"])]),
    ("metrics[].resource", &[Fields(METRIC)]),
    ("metrics[].containerResource", &[Fields(METRIC)]),
    (
        "",
        &[Holds(|spec| {
            let (min, max) = (spec["minReplicas"].as_i64()?, spec["maxReplicas"].as_i64()?);
            (min > max).then(|| format!("`minReplicas` is {min}, more than `maxReplicas` with {max}"))
        })],
    ),
];

const METRIC: &[Rule] = &[
    ("name", &[Required]),
    ("target", &[Required]),
    ("target.type", &[Required, OneOf(&["AverageValue", "Utilization", "Value"])]),
    ("target.averageUtilization", &[POSITIVE]),
];

const NETWORK_POLICY: &[Rule] = &[
    ("podSelector", &[Fields(SELECTOR)]),
    ("policyTypes[]", &[OneOf(&["Ingress", "Egress"])]),
    ("ingress[].ports[].port", &[Is(Form::Port)]),
    ("egress[].ports[].port", &[Is(Form::Port)]),
    ("ingress[].ports[].protocol", &[PROTOCOL]),
    ("egress[].ports[].protocol", &[PROTOCOL]),
    ("ingress[].from[]", &[OneAmong(&["ipBlock", "namespaceSelector", "podSelector"])]),
    ("egress[].to[]", &[OneAmong(&["ipBlock", "namespaceSelector", "podSelector"])]),
];

const BUDGET: &[Rule] = &[
    ("minAvailable", &[Is(Form::Share)]),
    ("maxUnavailable", &[Is(Form::Share)]),
    ("selector", &[Fields(SELECTOR)]),
    ("unhealthyPodEvictionPolicy", &[OneOf(&["AlwaysAllow", "IfHealthyBudget"])]),
    (
        "",
        &[Holds(|spec| {
            let has_both = !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null();
            has_both.then(|| "`minAvailable` and `maxUnavailable` can't both be set".to_owned())
        })],
    ),
];

const CLAIM: &[Rule] = &[
    ("accessModes", &[Required]),
    ("accessModes[]", &[OneOf(&["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"])]),
    ("resources", &[Required]),
    ("resources.requests", &[Required]),
    ("resources.requests.storage", &[Required, Is(Form::Quantity)]),
    ("storageClassName", &[Is(Form::Subdomain)]),
    ("volumeMode", &[OneOf(&["Block", "Filesystem"])]),
];

const LIMIT: &[Rule] = &[
    ("type", &[Required]),
    ("min.*", &[Is(Form::Quantity)]),
    ("max.*", &[Is(Form::Quantity)]),
    ("default.*", &[Is(Form::Quantity)]),
    ("defaultRequest.*", &[Is(Form::Quantity)]),
];

const ROLE_REF: Rule = (
    "roleRef",
    &[
        Required,
        Fields(&[("kind", &[Required, OneOf(&["Role", "ClusterRole"])]), ("name", &[Required, Is(Form::PathSegment)])]),
    ],
);

const SUBJECTS: Rule = (
    "subjects[]",
    &[Fields(&[("kind", &[Required, OneOf(&["Group", "ServiceAccount", "User"])]), ("name", &[Required])])],
);

fn is_zero(share: &Value) -> bool {
    *share == 0 || *share == "0%"
}

/// Its Jobs have names of 11 more letters.
fn too_long(name: &Value) -> Option<String> {
    let length = name.as_str()?.len();
    (length > 52).then(|| format!("a CronJob's name has at most 52 letters, this one {length}"))
}

//! A helm that is a script: it makes Helm's record of a release and the one object of its chart, and takes them away.

use crate::sandbox::Sandbox;
use crate::shared_cluster::SharedCluster;

/// Keeps the number of the revision in a file, and leaves for the cluster what it has changed. `MORE` runs first.
const HELM: &str = r#"
MORE
all=$* namespace=default
while [ $# -gt 0 ]; do
    case $1 in
    -n) namespace=$2; shift ;;
    upgrade) doing=upgrade release=$3; shift 2 ;;
    uninstall) doing=uninstall release=$2; shift ;;
    template | show | lint | version) exit 0 ;;
    --description) description=$2; shift ;;
    --labels=*) labels=${1#--labels=} ;;
    esac
    shift
done
echo "$all" >>FOLDER/calls
below=/api/v1/namespaces/$namespace
old=$(cat "FOLDER/revision" 2>/dev/null || echo 0)
record() { echo "$below/secrets/sh.helm.release.v1.$release.v$1"; }
if [ "$doing" = uninstall ]; then
    printf '{"%s":null,"%s/configmaps/app":null}' "$(record "$old")" "$below" >FOLDER/new
    rm FOLDER/revision
else
    n=$((old + 1))
    manifest='apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: app}\\ndata: {WORD: one}\\n'
    coded=$(printf '{"name":"%s","namespace":"%s","version":%d,"info":{"status":"deployed","description":"%s"},"chart":{"metadata":{"name":"app","version":"0.1.0","appVersion":"1"}},"manifest":"%b","hooks":[]}' \
        "$release" "$namespace" "$n" "$description" "$manifest" | base64 -w0 | base64 -w0)
    labels=$(echo "$labels" | sed 's/\([^=,]*\)=\([^,]*\)/"\1":"\2"/g')
    printf '{"%s":{"type":"helm.sh/release.v1","metadata":{"labels":{"owner":"helm","name":"%s","status":"deployed","version":"%d",%s}},"data":{"release":"%s"}},"%s/configmaps/app":{"data":{"WORD":"one"}}}' \
        "$(record "$n")" "$release" "$n" "$labels" "$coded" "$below" >FOLDER/new
    echo "$n" >FOLDER/revision
fi
mv FOLDER/new FOLDER/$$.json
"#;

/// Puts it on the sandbox's PATH with a chart `chart`; it works in this cluster. Its calls of `upgrade` and `uninstall`
/// are in `helm/calls`.
pub(crate) fn install(sandbox: &Sandbox, cluster: &SharedCluster, more: &str) {
    let folder = sandbox.path("helm");
    cluster.takes_from(folder.clone());
    sandbox.tool("helm", &HELM.replace("FOLDER", &folder.display().to_string()).replace("MORE", more));
    sandbox.file("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
    sandbox
        .file("chart/templates/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {WORD: one}\n");
}

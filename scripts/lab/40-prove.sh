#!/usr/bin/env bash
# Prove the cluster of 30-cluster.sh: docker build -> image load -> helm install -> reachable service, DNS,
# storage; prints how long each takes. Leaves the release installed unless CLEAN=1.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
export MINIKUBE_PROFILE=provision-lab KUBECONFIG="$PROVISION_LAB_CACHE/kubeconfig"
step() { # step NAME COMMAND...
  local name=$1 t
  shift
  t=$(date +%s%N)
  "$@" >"$LAB_LOGS/prove-${name// /-}.log" 2>&1 || { tail -30 "$LAB_LOGS/prove-${name// /-}.log"; echo "FAILED: $name"; exit 1; }
  t=$((($(date +%s%N) - t) / 100000000))
  printf '%-40s %4d.%d s\n' "$name" $((t / 10)) $((t % 10))
}
curl_ok() { curl -fsS --noproxy '*' --retry 15 --retry-delay 1 --retry-all-errors -m 5 "$1"; }

step "docker build" env DOCKER_BUILDKIT=0 docker build -t provision-lab/demo:1 --build-arg BASE="$DEBIAN_IMAGE" "$LAB_DIR/demo/app"
docker image ls provision-lab/demo --format '  image {{.Repository}}:{{.Tag}} {{.Size}}'
step "minikube image load" minikube image load provision-lab/demo:1
minikube image ls | grep provision-lab/demo:1 >/dev/null
step "helm upgrade --install --wait" helm upgrade --install demo "$LAB_DIR/demo/chart" --wait --timeout 3m --set greeting="hello-$RANDOM"
kubectl get deploy,pods,svc -l app=demo -o wide || true
kubectl get deploy,svc demo

node_ip=$(minikube ip)
port=$(kubectl get svc demo -o jsonpath='{.spec.ports[0].nodePort}')
step "curl NodePort" curl_ok "http://$node_ip:$port/"
cat "$LAB_LOGS/prove-curl-NodePort.log"
url=$(minikube service demo --url)
echo "  minikube service --url: $url"
step "curl minikube service url" curl_ok "$url"
kubectl port-forward svc/demo 18080:80 >"$LAB_LOGS/port-forward.log" 2>&1 &
pf=$!
trap 'kill $pf 2>/dev/null || true' EXIT
step "curl port-forward" curl_ok http://127.0.0.1:18080/
kill $pf; wait $pf 2>/dev/null || true
trap - EXIT
pod=$(kubectl get pod -l app=demo -o jsonpath='{.items[0].metadata.name}')
step "kubectl exec, DNS and ClusterIP" kubectl exec "$pod" -- python3 -c \
  'import urllib.request as u; print(u.urlopen("http://demo.default.svc.cluster.local/", timeout=10).read())'
cat "$LAB_LOGS/prove-kubectl-exec,-DNS-and-ClusterIP.log"
step "PersistentVolumeClaim bound" bash -c 'kubectl apply -f - <<PVC && kubectl wait --for=jsonpath={.status.phase}=Bound pvc/demo --timeout=60s
{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "demo"},
 "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}}
PVC'
kubectl delete pvc demo --wait=false >/dev/null
step "kubectl logs" kubectl logs "$pod"
step "rollout status" kubectl rollout status deployment/demo --timeout=60s
if [ "${CLEAN:-}" = 1 ]; then step "helm uninstall" helm uninstall demo --wait; fi

#!/usr/bin/env bash
# Start a cluster by hand, to try the lab itself: plain `minikube start`; env.sh sets what it needs.
# `provision` starts its own. This one has a profile and a kubeconfig of its own. Extra arguments go to minikube.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
export MINIKUBE_PROFILE=provision-lab KUBECONFIG="$PROVISION_LAB_CACHE/kubeconfig"
t=$SECONDS
minikube start "$@"
kubectl wait --for=condition=Ready node --all --timeout=120s
# After a restart, pods keep their old status for a while; only the new kubelet sets Ready.
# minikube scales CoreDNS from two pods to one. kubectl would wait for the deleted pod until its timeout, so it is called again.
for ((i = 0; i < 3; i++)); do kubectl -n kube-system wait --for=condition=Ready pod --all --timeout=60s && break; done
((i < 3)) || die "not all pods of kube-system are ready"
log "cluster is up after $((SECONDS - t)) s; remove it with: minikube delete -p $MINIKUBE_PROFILE"
kubectl get nodes -o wide
kubectl get pods -A

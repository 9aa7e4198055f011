#!/usr/bin/env bash
# Start a cluster by hand, to look at the lab itself: plain `minikube start`, everything it needs offline set by env.sh.
# `provision` starts its own. This one has a profile and a kubeconfig of its own. Extra arguments go to minikube.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
export MINIKUBE_PROFILE=provision-lab KUBECONFIG="$PROVISION_LAB_CACHE/kubeconfig"
t=$SECONDS
minikube start "$@"
kubectl wait --for=condition=Ready node --all --timeout=120s
# After a restart the pods' old status is there for a while; Ready is the new kubelet's word.
# minikube scales CoreDNS from two pods to one: for the one that goes, kubectl waits in vain, so it asks again.
for ((i = 0; i < 3; i++)); do kubectl -n kube-system wait --for=condition=Ready pod --all --timeout=60s && break; done
((i < 3))
log "cluster is up after $((SECONDS - t)) s; remove it with: minikube delete -p $MINIKUBE_PROFILE"
kubectl get nodes -o wide
kubectl get pods -A

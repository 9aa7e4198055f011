# shellcheck shell=bash
# shellcheck disable=SC2034  # several are used by the scripts that source this
# Settings of the lab. Source it (`. scripts/lab/env.sh`): in that shell plain `minikube start`, `kubectl` and `helm` then
# work without any download, against the lab's own images, and so do `provision`'s pipelines. What is
# set with := can be overridden from the environment. It changes nothing on disk.

LAB_DIR="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"

# Where built things go. Keeping (or shipping) this folder makes a second run take seconds.
: "${PROVISION_LAB_CACHE:=$HOME/.cache/provision-lab}"

# Versions. K8S_VERSION is the default of this minikube release, so no flag names it.
# A change here has to be matched in go/*/go.mod.
: "${K8S_VERSION:=v1.33.1}"
: "${MINIKUBE_VERSION:=v1.36.0}"
: "${STORAGE_PROVISIONER_VERSION:=v5}"   # minikube v1.36.0's
: "${PRELOAD_VERSION:=v18}"              # minikube v1.36.0's preload format
: "${DEBIAN_SUITE:=bookworm}"

LAB_BIN="$PROVISION_LAB_CACHE/bin"

KICBASE_IMAGE="provision-lab/kicbase:$MINIKUBE_VERSION"
DEBIAN_IMAGE="provision-lab/debian:$DEBIAN_SUITE"

case ":$PATH:" in
  *":$LAB_BIN:"*) ;;
  *) PATH="$LAB_BIN:$PATH" ;;
esac
export PATH

# minikube reads MINIKUBE_<FLAG> for every flag of `minikube start`.
export MINIKUBE_DRIVER=docker
export MINIKUBE_FORCE=true                       # docker driver as root
export MINIKUBE_CONTAINER_RUNTIME=containerd     # docker would need cri-dockerd
export MINIKUBE_CNI=bridge                       # needs no image, unlike kindnet
export MINIKUBE_BASE_IMAGE="$KICBASE_IMAGE"
export MINIKUBE_WANTUPDATENOTIFICATION=false
export MINIKUBE_IN_STYLE=false

# Each of the lab's two engines has its own minikube profiles; scripts/setup writes the file when it starts an engine. A
# MINIKUBE_HOME that the user has set is kept.
if [ "${MINIKUBE_HOME:-}" = "${PROVISION_LAB_MINIKUBE_HOME:-}" ]; then
  PROVISION_LAB_MINIKUBE_HOME=$(cat "$PROVISION_LAB_CACHE/minikube-home" 2>/dev/null || true)
  MINIKUBE_HOME=$PROVISION_LAB_MINIKUBE_HOME
  export MINIKUBE_HOME PROVISION_LAB_MINIKUBE_HOME
  [ -n "$MINIKUBE_HOME" ] || unset MINIKUBE_HOME
fi

# The base images that the examples build on, as variables of their pipelines (27-app-bases.sh makes them).
: "${PROVISION_VAR_python_image:=provision-lab/python:3.11}"
: "${PROVISION_VAR_node_image:=provision-lab/node:18}"
: "${PROVISION_VAR_postgres_image:=provision-lab/postgres:15}"
export PROVISION_VAR_python_image PROVISION_VAR_node_image PROVISION_VAR_postgres_image

# What the live tests start from.
: "${PROVISION_TEST_IMAGE:=$DEBIAN_IMAGE}"
export PROVISION_TEST_IMAGE

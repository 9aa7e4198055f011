# shellcheck shell=bash
# What a shell needs to use what scripts/up has set up: `. scripts/env.sh`. It sets PATH and, where Kubernetes comes from
# scripts/lab, also the variables with which plain `minikube start` and the pipeline use the lab's images.
# It changes nothing on disk and may be sourced more than once.

_provision_scripts="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"
: "${PROVISION_LAB_CACHE:=$HOME/.cache/provision-lab}"

case ":$PATH:" in
  *":$PROVISION_LAB_CACHE/tools:"*) ;;
  *) PATH="$PROVISION_LAB_CACHE/tools:${CARGO_TARGET_DIR:-$PROVISION_LAB_CACHE/target}/release:$PATH" ;;
esac
export PATH

if [ "$(cat "$PROVISION_LAB_CACHE/mode" 2>/dev/null)" = lab ]; then
  # shellcheck source=scripts/lab/env.sh
  . "$_provision_scripts/lab/env.sh"
elif [ "$(id -u)" = 0 ]; then
  # minikube's docker driver refuses root without it.
  export MINIKUBE_FORCE=true
fi
unset _provision_scripts

#!/usr/bin/env bash
# runc-fit, the front of runc (see go/runc-fit/main.go): for minikube's node image, and for the docker engine where
# scripts/setup finds that the machine needs it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need_go

print=$(fingerprint "$LAB_DIR/go/runc-fit" "$(go env GOVERSION)")
if ! fresh runc-fit "$print" "$LAB_BIN/runc-fit"; then
  t=$SECONDS
  (cd "$LAB_DIR/go/runc-fit" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$LAB_BIN/" .)
  done_stage runc-fit "$print" $((SECONDS - t))
fi

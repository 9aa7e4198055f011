#!/usr/bin/env bash
# Builds Docker Compose from its Go module (go.sum has the modules' sums), as the program docker-compose in the folder of the
# tools, which env.sh puts into the PATH. scripts/setup calls it where no compose can be installed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
GO_MIN=1.24.9
need_go
GO_DIR="$LAB_DIR/go/compose"
OUT="$PROVISION_LAB_CACHE/tools/docker-compose"

build_compose() {
  local module=github.com/docker/compose/v2 version
  cd "$GO_DIR"
  version=$(sed -n "s#^[[:space:]]*$module \(v[^ ]*\).*#\1#p" go.mod | sed -n 1p)
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X $module/internal.Version=$version" -o "$OUT.new" "$module/cmd" &&
    mv "$OUT.new" "$OUT"
}

print=$(fingerprint "$GO_DIR" "$(declare -f build_compose)" "$(go env GOVERSION)")
if ! fresh compose "$print" "$OUT"; then
  t=$SECONDS
  mkdir -p "$(dirname "$OUT")"
  log "building Docker Compose from its Go module: with empty caches 2 to 5 minutes on 2 cores"
  (watched "building Docker Compose" "$LAB_LOGS/compose.log" build_compose)
  done_stage compose "$print" $((SECONDS - t))
fi

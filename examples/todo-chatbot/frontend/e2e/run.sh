#!/usr/bin/env bash
# examples/todo-chatbot/frontend/e2e/run.sh [FOLDER]
# Runs the frontend's tests: those of its logic, then the built page in a headless Chromium, with the real backend and a
# Postgres of its own. Installs what is missing first. FOLDER: also puts pictures of all pages there.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../../../../scripts/lib.sh"
# A copy of the frontend, with what is installed and built for it: the checkout stays as it is, and a fresh clone finds
# what an earlier one has built.
WORK="$PROVISION_LAB_CACHE/todo-frontend"

# digest_of FILE...: one digest of their paths and contents.
digest_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

# fresh STAMP DIGEST: whether the last success recorded this digest.
fresh() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# install_packages FOLDER: what its package-lock.json names.
install_packages() {
  local stamp="$1/node_modules/.installed-for" digest
  digest="$(digest_of "$1/package-lock.json") $(node --version)"
  if fresh "$stamp" "$digest"; then return; fi
  watched "npm ci" "$LOGS/todo-frontend-npm.log" npm --prefix "$1" ci --prefer-offline --no-audit --no-fund
  echo "$digest" >"$stamp"
}

copy_sources() {
  mkdir -p "$WORK"
  find "$WORK" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name .next ! -name e2e -exec rm -rf {} +
  find "$WORK" -path "$WORK/e2e/*" -maxdepth 2 ! -name node_modules -exec rm -rf {} +
  tar -C "$HERE/.." --exclude node_modules --exclude .next --exclude .tests -c . | tar -C "$WORK" -x
}

build() {
  local stamp="$WORK/.next/built-from" digest sources
  mapfile -t sources < <(find . -type f ! -path '*/node_modules/*' ! -path './.next/*' ! -path './e2e/*' ! -path './tests/*' \
    ! -name next-env.d.ts ! -name '*.tsbuildinfo' | sort)
  digest="$(digest_of "${sources[@]}") $(node --version)"
  if fresh "$stamp" "$digest"; then return; fi
  rm -rf .next
  NEXT_TELEMETRY_DISABLED=1 watched "next build" "$LOGS/todo-frontend-build.log" npm run build
  cp -r .next/static .next/standalone/.next/static
  echo "$digest" >"$stamp"
}

free_port() {
  node -e 'const server = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(server.address().port); server.close(); })'
}

# with_backend: starts the page beside the backend at $BACKEND_URL, and tests it.
with_backend() {
  local port server status=0
  port=$(free_port)
  PORT=$port HOSTNAME=127.0.0.1 NODE_ENV=production node .next/standalone/server.js >"$LOGS/todo-frontend-server.log" 2>&1 &
  server=$!
  # shellcheck disable=SC2064  # this server
  trap "kill $server 2>/dev/null || true" EXIT
  timeout 60 bash -c "until curl -fs -o /dev/null http://127.0.0.1:$port/; do sleep 0.1; done" ||
    { cat "$LOGS/todo-frontend-server.log" >&2; die "the page has not come up"; }
  PAGE_URL="http://127.0.0.1:$port" CHROMIUM="$(command -v chromium)" node --test --test-reporter=spec e2e/*.test.js || status=$?
  [ "$status" = 0 ] || { log "the page's server:"; tail -n 30 "$LOGS/todo-frontend-server.log" >&2; }
  return "$status"
}

if [ "${1:-}" = --with-backend ]; then
  cd "$WORK"
  with_backend
  exit
fi

case "${1:-}" in
  -h | --help) sed -n '2,4s/^# //p' "$0"; exit ;;
  -*) die "unknown option $1; --help shows the usage" ;;
  ?*) E2E_PICTURES="$(mkdir -p "$1" && cd "$1" && pwd)"; export E2E_PICTURES ;;
esac

need_commands node:nodejs npm:npm chromium:chromium curl:curl flock:util-linux
version_ge "$(node --version | first_version)" 18.18.0 || die "the frontend needs Node.js 18.18 or later; found $(node --version)"
# One run at a time in the copy.
exec 9>"$WORK.lock"
flock -w 600 9 || die "another run of the frontend's tests does not end"
copy_sources
cd "$WORK"
install_packages .
install_packages e2e
npm test --silent
build
"$HERE/with-backend.sh" "$HERE/run.sh" --with-backend

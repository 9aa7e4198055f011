# Sourced by the scripts here: what a test in a headless Chromium needs. The browser is driven as in the tests of the example's page.

BROWSER_TESTS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib.sh
. "$BROWSER_TESTS/../../scripts/lib.sh"
# shellcheck source=scripts/env.sh
. "$BROWSER_TESTS/../../scripts/env.sh"

# arguments [FOLDER]: lets the tests put pictures of the pages into the folder. --help: shows the usage of the script.
arguments() {
  case "${1:-}" in
    -h | --help) sed -n '2,4s/^# //p' "$0"; exit ;;
    -*) die "unknown option $1; --help shows the usage" ;;
    ?*) E2E_PICTURES="$(mkdir -p "$1" && cd "$1" && pwd)"; export E2E_PICTURES ;;
  esac
}

# prepare WORK TEST: makes WORK a folder in which the test can run, installs what is missing, and waits for another run there.
prepare() {
  local e2e="$CHECKOUT/examples/todo-chatbot/frontend/e2e"
  need_commands node:nodejs npm:npm chromium:chromium flock:util-linux
  CHROMIUM="$(command -v chromium)"
  export CHROMIUM
  mkdir -p "$1"
  exec 9>"$1.lock"
  flock -w 600 9 || die "another run of $2 does not end"
  cp "$e2e/package.json" "$e2e/package-lock.json" "$e2e/browser.js" "$BROWSER_TESTS/$2" "$1/"
  watched "npm ci" "$LOGS/$2-npm.log" npm --prefix "$1" ci --prefer-offline --no-audit --no-fund
}

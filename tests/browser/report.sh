#!/usr/bin/env bash
# tests/browser/report.sh [FOLDER]
# Opens the page that `provision report --format html` writes in a headless Chromium: light and dark, on a desktop and on a
# phone. Installs what is missing first. FOLDER: also puts pictures of it there.
set -euo pipefail
# shellcheck source=tests/browser/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
WORK="$PROVISION_LAB_CACHE/report-page"

arguments "$@"
use_rust
cargo build --quiet --locked --manifest-path "$CHECKOUT/Cargo.toml"
provision="$CARGO_TARGET_DIR/debug/provision"
prepare "$WORK" report.test.js

# A run with a step that succeeds, one that fails, and an item that nothing proves.
project="$WORK/project"
rm -rf "$project"
mkdir "$project"
printf '# Tasks\n\n## Phase 1: begin\n\n- [ ] T001 The <first> & "only" part\n- [ ] T002 What fails\n\n## Phase 2: end\n\n- [ ] T003 Nobody has begun\n' \
  >"$project/tasks.md"
cat >"$project/pipeline.toml" <<'TOML'
[pipeline]
name = "page"
checklists = ["tasks.md"]
[[stage]]
id = "s"
[[stage.step]]
id = "good"
action = "command"
check = "echo unmistakable"
covers = ["T001"]
[[stage.step]]
id = "bad"
action = "command"
run = "echo a-very-long-line-without-a-space-$(printf 'x%.0s' $(seq 500)); exit 3"
covers = ["T002"]
TOML
status=0
"$provision" -C "$project" up --trust --keep-going -q >/dev/null 2>&1 || status=$?
[ "$status" = 1 ] || die "the run ended with exit code $status instead of 1"
"$provision" -C "$project" report --format html --output "$project/report.html"

cd "$WORK"
PAGE_URL="file://$project/report.html" node --test --test-reporter=spec report.test.js

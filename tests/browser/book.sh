#!/usr/bin/env bash
# tests/browser/book.sh [FOLDER]
# Makes the static pages of docs with mdBook and opens each of them in a headless Chromium: links that lead nowhere, errors, pages
# that are wider than a phone. Installs what is missing first. FOLDER: also puts pictures of some pages there.
set -euo pipefail
# shellcheck source=tests/browser/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
WORK="$PROVISION_LAB_CACHE/book-pages"
MDBOOK_VERSION=0.5.4

arguments "$@"
use_rust
prepare "$WORK" book.test.js
cargo_tool mdbook "$MDBOOK_VERSION" mdbook

book="$WORK/book"
rm -rf "$book"
mdbook build --dest-dir "$book" "$CHECKOUT/docs"

cd "$WORK"
PAGE_URL="file://$book" node --test --test-reporter=spec book.test.js

#!/usr/bin/env bash
# $DEBIAN_IMAGE, a small Debian made without any image registry: the base of the application images and of the control
# plane's. Also the pristine tree of the node image, which 20-node-image.sh goes on from.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

print=$(fingerprint debian-1 "$DEBIAN_SUITE")
archive=debian.tar.zst
if ! fresh debian "$print" "$LAB_ARTIFACTS/$archive"; then
  t=$SECONDS
  dir=$(rootfs debian "$BASE_PACKAGES")
  tar -C "$dir" --exclude=./var/lib/apt/lists/* -c . | docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'CMD ["bash"]' - "$DEBIAN_IMAGE" >/dev/null
  keep $archive "$DEBIAN_IMAGE"
  done_stage debian "$print" $((SECONDS - t))
else
  load $archive "$DEBIAN_IMAGE"
fi

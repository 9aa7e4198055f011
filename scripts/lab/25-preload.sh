#!/usr/bin/env bash
# Build the control-plane images, and from them the preload tarball that `minikube start`
# looks for in its cache: an unpacked containerd store with all images, and kubelet, kubeadm
# and kubectl. Needs 20-node-image.sh. The tarball is kept in $LAB_ARTIFACTS.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need_go

print=$(fingerprint "$LAB_DIR/25-preload.sh" "$LAB_DIR/images/pause" "$LAB_BIN/kubelab" "$LAB_BIN/coredns" "$LAB_BIN/storage-provisioner" "$DEBIAN_SUITE")
if ! fresh preload "$print" "$LAB_ARTIFACTS/$PRELOAD"; then
  t=$SECONDS
  have_image "$DEBIAN_IMAGE" || { echo "$DEBIAN_IMAGE is missing" >&2; exit 1; }
  ctx="$LAB_WORK/preload"
  rm -rf "$ctx" && mkdir -p "$ctx/kube/usr/local/bin" "$ctx/coredns" "$ctx/pause" "$ctx/sp"

  # The names under which kubeadm and minikube ask for the images, from kubeadm itself.
  names=$("$LAB_BIN/kubelab" kubeadm config images list --kubernetes-version "$K8S_VERSION" 2>/dev/null)
  name_of() { grep -E "/$1:" <<<"$names" | sed -n 1p; }

  log "building the control-plane images"
  cp "$LAB_BIN/kubelab" "$ctx/kube/usr/local/bin/"
  for c in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd; do
    ln -s kubelab "$ctx/kube/usr/local/bin/$c"
  done
  tar -C "$ctx/kube" -cf "$ctx/kube.tar" .
  rm -rf "$ctx/kube" && mkdir "$ctx/kube" && mv "$ctx/kube.tar" "$ctx/kube/"
  printf 'FROM %s\nADD kube.tar /\n' "$DEBIAN_IMAGE" >"$ctx/kube/Dockerfile"
  gcc -Os -static -s -o "$ctx/pause/pause" "$LAB_DIR/images/pause/pause.c"
  printf 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n' >"$ctx/pause/Dockerfile"
  cp "$LAB_BIN/storage-provisioner" "$ctx/sp/"
  printf 'FROM scratch\nCOPY storage-provisioner /storage-provisioner\nENTRYPOINT ["/storage-provisioner"]\n' >"$ctx/sp/Dockerfile"
  kube="provision-lab/kube:$K8S_VERSION"
  build_image -t "$kube" "$ctx/kube"
  cp "$LAB_BIN/coredns" "$ctx/coredns/"
  printf 'FROM scratch\nCOPY coredns /coredns\nENTRYPOINT ["/coredns"]\n' >"$ctx/coredns/Dockerfile"
  build_image -t "$(name_of coredns)" "$ctx/coredns"
  build_image -t "$(name_of pause)" "$ctx/pause"
  for c in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd; do
    docker tag "$kube" "$(name_of $c)"
  done
  # minikube's manifest names the storage provisioner; the name is in its module's source.
  images_go=$(minikube_module)/pkg/minikube/bootstrapper/images/images.go
  sp_repo=$(sed -n '/^func storageProvisioner/,/^}/s/.*mirror = "\(.*\)"/\1/p' "$images_go")
  sp="$sp_repo/k8s-minikube/storage-provisioner:$STORAGE_PROVISIONER_VERSION"
  build_image -t "$sp" "$ctx/sp"

  log "unpacking them into a containerd store for the preload tarball"
  # shellcheck disable=SC2086  # a list of names
  docker save $names "$sp" -o "$ctx/images.tar"
  mkdir -p "$ctx/bin" "$ctx/out"
  cp "$LAB_BIN/kubelab" "$ctx/bin/kubelab"
  for c in kubelet kubeadm kubectl; do ln -s kubelab "$ctx/bin/$c"; done
  docker volume rm -f provision-lab-preload >/dev/null
  docker run --rm --privileged --tmpfs /run --entrypoint /bin/bash \
    -v provision-lab-preload:/var -v "$ctx:/ctx" -e K8S_VERSION="$K8S_VERSION" \
    "$KICBASE_IMAGE" -euo pipefail -c '
      containerd >/ctx/containerd.log 2>&1 &
      pid=$!
      for _ in $(seq 50); do ctr version >/dev/null 2>&1 && break; sleep 0.2; done
      ctr -n k8s.io images import /ctx/images.tar >/dev/null
      CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock crictl images >/ctx/crictl.log
      kill $pid; wait $pid || true
      mkdir -p /var/lib/minikube/binaries/$K8S_VERSION
      cp -a /ctx/bin/. /var/lib/minikube/binaries/$K8S_VERSION/
      chown -R root:root /var/lib/minikube/binaries
      cd /var
      tar --xattrs --xattrs-include=security.capability -c ./lib/containerd ./lib/minikube/binaries |
        lz4 -q -f - /ctx/out/preload.tar.lz4
    '
  docker volume rm -f provision-lab-preload >/dev/null
  mv "$ctx/out/preload.tar.lz4" "$LAB_ARTIFACTS/$PRELOAD"
  rm -rf "$ctx"
  done_stage preload "$print" $((SECONDS - t))
fi

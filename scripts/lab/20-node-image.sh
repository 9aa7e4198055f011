#!/usr/bin/env bash
# Build $KICBASE_IMAGE, the node image for minikube's docker driver, without any image registry. Needs 10-binaries.sh.
# An archive of it is kept in $LAB_ARTIFACTS; with that present a new machine only loads it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need_go

print=$(fingerprint "$LAB_DIR/20-node-image.sh" "$MINIKUBE_VERSION" "$LAB_BIN/crictl" "$LAB_BIN/runc-fit" "$DEBIAN_SUITE")
archive=kicbase.tar.zst
if ! fresh kicbase "$print" "$LAB_ARTIFACTS/$archive"; then
  t=$SECONDS
  dir=$(rootfs node "$NODE_PACKAGES")
  # minikube's own kicbase files (entrypoint, containerd.toml, ...) come out of its Go module.
  kic=$(minikube_module)/deploy/kicbase
  log "turning it into the node image"
  # The tree below is a copy, so that a changed script starts from the pristine one.
  node="$LAB_WORK/node-image"
  rm -rf "$node" && cp -a "$dir" "$node"
  rm -rf "$node"/var/lib/apt/lists/*

  # As in minikube's kicbase Dockerfile, step for step where it applies.
  install -m 0644 "$kic/10-network-security.conf" "$kic/11-tcp-mtu-probing.conf" "$node/etc/sysctl.d/"
  install -D -m 0644 "$kic/containerd.toml" "$node/etc/containerd/config.toml"
  mkdir -p "$node/etc/containerd/certs.d" "$node/etc/kubernetes/manifests" "$node/kind" "$node/run/sshd"
  install -m 0755 "$kic/entrypoint" "$node/usr/local/bin/entrypoint"
  install -m 0755 "$LAB_BIN/crictl" "$node/usr/local/bin/crictl"
  # Found before /usr/sbin/runc in every PATH of the node.
  install -m 0755 "$LAB_BIN/runc-fit" "$node/usr/local/sbin/runc"
  install -m 0755 "$kic/automount/minikube-automount" "$node/usr/sbin/minikube-automount"
  install -m 0644 "$kic/automount/minikube-automount.service" "$node/usr/lib/systemd/system/"
  install -D -m 0755 "$kic/scheduled-stop/minikube-scheduled-stop" "$node/var/lib/minikube/scheduled-stop/minikube-scheduled-stop"
  install -m 0644 "$kic/scheduled-stop/minikube-scheduled-stop.service" "$node/usr/lib/systemd/system/"
  # Debian keeps the CNI plugins elsewhere.
  mkdir -p "$node/opt/cni" && mv "$node/usr/lib/cni" "$node/opt/cni/bin" && ln -s /opt/cni/bin "$node/usr/lib/cni"
  chroot "$node" bash -euo pipefail <<'CHROOT'
    find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
    rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
      /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
      /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/*
    echo "ReadKMsg=no" >>/etc/systemd/journald.conf
    # Names come from /etc/hosts first: minikube finds its control plane through it.
    sed -i -re 's#^(hosts:\s*).*#\1files dns#' /etc/nsswitch.conf
    sed -ri 's/UsePAM yes/#UsePAM yes/g' /etc/ssh/sshd_config
    # Without PAM nobody gives ssh sessions the sbin directories, where kubeadm looks for tools.
    echo 'SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' >>/etc/ssh/sshd_config
    groupadd docker
    useradd --create-home --shell /bin/bash --gid docker --groups sudo docker
    usermod -p '*' docker  # no password, but not locked: sshd without PAM turns locked accounts away
    install -d -o docker -g docker -m 0700 /home/docker/.ssh
    echo '%sudo ALL=(ALL) NOPASSWD:ALL' >>/etc/sudoers
    wants=/etc/systemd/system/multi-user.target.wants
    mkdir -p $wants
    ln -fs /usr/lib/systemd/system/minikube-automount.service $wants/
    ln -fs /usr/lib/systemd/system/ssh.service $wants/
    # minikube disables docker when it takes containerd; give it units to disable, or it complains.
    printf '[Unit]\nDescription=stand-in\n[Service]\nExecStart=/bin/false\n' >/usr/lib/systemd/system/docker.service
    printf '[Unit]\nDescription=stand-in\n[Socket]\nListenStream=/run/docker.sock\n[Install]\nWantedBy=sockets.target\n' >/usr/lib/systemd/system/docker.socket
    # containerd is started by minikube, after it has written its configuration.
    rm -f /etc/machine-id && touch /etc/machine-id
    ln -sf /lib/systemd/systemd /sbin/init
CHROOT
  echo "{\"iso_version\": \"$MINIKUBE_VERSION\", \"kicbase_version\": \"provision-lab\", \"minikube_version\": \"$MINIKUBE_VERSION\", \"commit\": \"provision-lab\"}" >"$node/version.json"
  tar -C "$node" -c . | docker import - provision-lab/kicbase-rootfs >/dev/null
  # systemd leaves on SIGRTMIN+3; `docker import --change` knows no STOPSIGNAL, a build does.
  build_image -t "$KICBASE_IMAGE" - <<'DOCKERFILE'
FROM provision-lab/kicbase-rootfs
ENV container=docker PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
STOPSIGNAL SIGRTMIN+3
EXPOSE 22
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
DOCKERFILE
  docker rmi provision-lab/kicbase-rootfs >/dev/null
  rm -rf "$node"
  keep $archive "$KICBASE_IMAGE"
  done_stage kicbase "$print" $((SECONDS - t))
else
  load $archive "$KICBASE_IMAGE"
fi

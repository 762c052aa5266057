#!/usr/bin/env bash
# Stand-ins under the public image names, made only when an image can't be
# pulled, from what the machine has: its Go, its busybox and our own build of
# nats-server. They carry the label stand-in=<what they were made of>, which an
# image built on them inherits: nothing that has it may be released.
#
# Needs docker, go and busybox (static). Argument: the folder with nats-server.
set -euo pipefail
bin=${1:?usage: images.sh FOLDER-WITH-NATS-SERVER}

# A pull that can't reach its registry fails at once; a slow line gets its time.
readonly pull_seconds=300

# want IMAGE MADE-OF: neither here, nor to be pulled, nor already made of this.
want() {
  local label
  if label=$(docker image inspect -f '{{index .Config.Labels "stand-in"}}' "$1" 2>/dev/null); then
    [ -n "$label" ] || return 1
  fi
  ! timeout "$pull_seconds" docker pull -q "$1" >/dev/null 2>&1 && [ "$label" != "$2" ]
}

# new_root: a file system with a busybox shell, certificates and users in $r.
new_root() {
  local applet
  r=$(mktemp -d)
  chmod 755 "$r"
  mkdir -p "$r"/{bin,etc/ssl/certs,tmp,run,root,usr/bin,usr/local/bin,var,home/nonroot}
  chmod 1777 "$r/tmp"
  ln -s /run "$r/var/run"
  cp "$(command -v busybox)" "$r/bin/busybox"
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$r/bin/$applet"
  done
  ln -s /bin/env "$r/usr/bin/env"
  # The machine's own bundle: without it the builder trusts nobody.
  cp -L /etc/ssl/certs/ca-certificates.crt "$r/etc/ssl/certs/"
  printf '%s\n' root:x:0:0::/root:/bin/sh nobody:x:65534:65534::/:/bin/false nonroot:x:65532:65532::/home/nonroot:/bin/false >"$r/etc/passwd"
  printf '%s\n' root:x:0: nobody:x:65534: nonroot:x:65532: >"$r/etc/group"
  chown 65532:65532 "$r/home/nonroot"
}

# pack IMAGE MADE-OF [docker import options]: $r becomes the image.
pack() {
  local image=$1 made_of=$2
  shift 2
  tar -C "$r" -c . | docker import -c 'ENV PATH=/usr/local/bin:/usr/local/go/bin:/bin:/usr/bin' \
    -c "LABEL stand-in=$made_of" "$@" - "$image" >/dev/null
  rm -rf "$r"
  echo "made a stand-in for $image of $made_of"
}

made_of=$(go env GOVERSION)
if want golang:1.26-alpine "$made_of"; then
  new_root
  mkdir -p "$r/usr/local/go" "$r/go"
  tar -C "$(go env GOROOT)" --exclude='./test' --exclude='./api' --exclude='./doc' --exclude='./misc' \
    --exclude='*_test.go' --exclude=testdata -c . | tar -C "$r/usr/local/go" -x
  pack golang:1.26-alpine "$made_of" -c 'ENV GOPATH=/go' -c 'ENV GOTOOLCHAIN=local' -c 'WORKDIR /go'
fi

if want gcr.io/distroless/static:nonroot certificates; then
  new_root
  rm -rf "${r:?}/bin" "${r:?}/usr"
  pack gcr.io/distroless/static:nonroot certificates -c 'USER 65532'
fi

made_of="nats-server-$("$bin/nats-server" --version | sed 's/.*v//')"
if want nats:2.15-alpine "$made_of"; then
  new_root
  cp "$bin/nats-server" "$r/usr/local/bin/"
  mkdir -p "$r/etc/nats"
  echo 'http: 8222' >"$r/etc/nats/nats-server.conf"
  printf '#!/bin/sh\n[ "${1#-}" = "$1" ] || set -- nats-server "$@"\nexec "$@"\n' >"$r/usr/local/bin/docker-entrypoint.sh"
  chmod 755 "$r"/usr/local/bin/*
  pack nats:2.15-alpine "$made_of" -c 'ENTRYPOINT ["docker-entrypoint.sh"]' \
    -c 'CMD ["nats-server","--config","/etc/nats/nats-server.conf"]' -c 'EXPOSE 4222 6222 8222'
fi

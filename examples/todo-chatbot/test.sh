#!/usr/bin/env bash
# ./test.sh [ARGUMENTS OF pytest...]
# The backend's tests, on a real Postgres: a server of their own that is gone afterwards, or that of TEST_DATABASE_URL
# (postgresql://…; they make databases of their own in it). Installs what is missing: Postgres and Python with apt, and the
# Python packages in an environment that is kept outside of the checkout. PYTHON names another Python than python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/backend"

apt_install() {
  command -v apt-get >/dev/null || { echo "error: needed, and no apt-get here to install it with: $*" >&2; exit 1; }
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300)
  "${apt[@]}" install --no-install-recommends "$@" >&2 ||
    { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; } >&2
}

# Debian's package starts a server of the machine's own where there is systemd; the tests do not use it.
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
[ -n "${TEST_DATABASE_URL:-}" ] || has_postgres || apt_install postgresql

python=${PYTHON:-python3}
is_new_enough() { "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
is_new_enough || apt_install python3 python3-venv
is_new_enough || { echo "error: $python is older than Python 3.11; PYTHON=… names another one" >&2; exit 1; }

# One environment for each set of requirements; it counts once it is whole.
print=$({ "$python" -VV; cat requirements.txt requirements-dev.txt; } | sha256sum | cut -c 1-16)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/todo-chatbot/venv-$print
if [ ! -e "$venv/whole" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r requirements-dev.txt
  touch "$venv/whole"
fi
exec env PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -p no:cacheprovider "$@"

#!/usr/bin/env bash
# ./test.sh [ARGUMENTS OF pytest...]
# The backend's tests, on a real Postgres: a server of their own that is gone afterwards, or that of TEST_DATABASE_URL
# (postgresql://…; they make databases of their own in it). Installs what is missing: Postgres with apt, and the Python
# packages in an environment that is kept outside of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/backend"

installed() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
if [ -z "${TEST_DATABASE_URL:-}" ] && ! installed; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
  # No server of the machine's own is wanted, only the programs.
  "${apt[@]}" install --no-install-recommends postgresql || { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends postgresql; }
fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $python is older than Python 3.11" >&2; exit 1; }

# One environment for each set of requirements; it counts once it is whole.
print=$({ "$python" -VV; cat requirements.txt requirements-dev.txt; } | sha256sum | cut -c 1-16)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/todo-chatbot/venv-$print
if [ ! -e "$venv/whole" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" 2>/dev/null || { echo "error: $python has no venv: apt-get install python3-venv" >&2; exit 1; }
  "$venv/bin/pip" install -q --disable-pip-version-check -r requirements-dev.txt
  touch "$venv/whole"
fi
exec env PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -p no:cacheprovider "$@"

#!/usr/bin/env bash
# examples/todo-chatbot/frontend/e2e/with-backend.sh COMMAND...
# Starts a Postgres of its own and the backend on it, both on free ports, runs COMMAND with BACKEND_URL and
# BETTER_AUTH_SECRET, and ends them again. What it has written is deleted.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../../../../scripts/lib.sh"
BACKEND="$HERE/../../backend"
VENV="$PROVISION_LAB_CACHE/todo-backend-venv"

need_commands python3:python3 curl:curl setpriv:util-linux
postgres=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
if [ -z "$postgres" ]; then
  apt_install postgresql
  postgres=$(find /usr/lib/postgresql -path '*/bin/initdb' | sort -V | tail -n 1)
fi
postgres=${postgres%/initdb}

install_backend() {
  local stamp="$VENV/.installed-for" digest
  digest="$(sha256sum <"$BACKEND/requirements.txt") $(python3 --version)"
  [ "$(cat "$stamp" 2>/dev/null)" != "$digest" ] || return 0
  rm -rf "$VENV"
  python3 -m venv "$VENV" || { apt_install python3-venv && python3 -m venv "$VENV"; }
  watched "pip install" "$LOGS/todo-backend-pip.log" "$VENV/bin/pip" install -q -r "$BACKEND/requirements.txt"
  echo "$digest" >"$stamp"
}
(exec 8>"$VENV.lock" && flock 8 && install_backend)

free_ports() {
  python3 -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]; print(*(x.getsockname()[1] for x in s))'
}
read -r database_port backend_port < <(free_ports)
folder=$(mktemp -d)
server='' database=''

finish() {
  # shellcheck disable=SC2086  # none, or a process id
  kill $server 2>/dev/null || true
  # shellcheck disable=SC2086
  wait $server 2>/dev/null || true
  # Postgres ends at once at SIGINT, whatever is still connected.
  # shellcheck disable=SC2086
  kill -INT $database 2>/dev/null || true
  # shellcheck disable=SC2086
  wait $database 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Postgres refuses to run as root.
as_user=()
if [ "$(id -u)" = 0 ]; then
  chown postgres:postgres "$folder"
  as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
cd "$folder"
"${as_user[@]}" "$postgres/initdb" -D "$folder/data" -U todo -A trust --no-sync -E UTF8 >"$LOGS/todo-postgres.log" 2>&1 ||
  { cat "$LOGS/todo-postgres.log" >&2; die "initdb has failed"; }
"${as_user[@]}" "$postgres/postgres" -D "$folder/data" -c listen_addresses=127.0.0.1 -c "port=$database_port" -c fsync=off \
  -c "unix_socket_directories=$folder" >>"$LOGS/todo-postgres.log" 2>&1 &
database=$!

BETTER_AUTH_SECRET=$(head -c 32 /dev/urandom | sha256sum | cut -d' ' -f1)
BACKEND_URL="http://127.0.0.1:$backend_port"
export BETTER_AUTH_SECRET BACKEND_URL
cd "$BACKEND"
# The backend waits for the database by itself. Without a key for the model, its built-in phrases answer.
env -u OPENAI_API_KEY -u RESEND_API_KEY DATABASE_URL="postgresql://todo@127.0.0.1:$database_port/postgres" PYTHONDONTWRITEBYTECODE=1 \
  "$VENV/bin/uvicorn" app.main:app --host 127.0.0.1 --port "$backend_port" >"$LOGS/todo-backend.log" 2>&1 &
server=$!
timeout 60 bash -c "until curl -fs -o /dev/null $BACKEND_URL/ready; do kill -0 $server || exit 1; sleep 0.1; done" ||
  { tail -n 30 "$LOGS/todo-backend.log" "$LOGS/todo-postgres.log" >&2; die "the backend has not come up"; }
cd "$folder"
status=0
"$@" || status=$?
[ "$status" = 0 ] || { log "the end of the backend's log:"; tail -n 20 "$LOGS/todo-backend.log" >&2; }
exit "$status"

#!/usr/bin/env bash
# Builds the image, starts all of compose.yaml, and uses it: the app over its websocket, the store on PostgreSQL, and a
# small but real search whose students are trained by two workers in containers of their own. The exit status tells.
#   tests/containers/smoke.sh
# Needs docker with its compose plugin, or podman with podman-compose. Whatever runs already is left alone: project,
# volumes and port are its own, and are removed at the end. From the environment, if the defaults do not suit:
#   ENGINE, COMPOSE  docker and "docker compose", or podman and podman-compose
#   BASE_IMAGE       what the image is built on
#   BUILD_OPTIONS    of the build, as `--volume ~/.config/pip/pip.conf:/etc/pip.conf:ro`
#   POSTGRES_IMAGE   the server's image; `debian`: built from Debian's package on BASE_IMAGE, where no registry is
#   RESOURCES        a folder as `fetch` makes it in ROSEARCH_HOME/resources; empty: the app's container fetches them
#   KEEP             1: leave everything running
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${ENGINE-}" ]; then
  if docker info >/dev/null 2>&1; then ENGINE=docker; else ENGINE=podman; fi
fi
if [ "$ENGINE" = docker ]; then COMPOSE=${COMPOSE:-docker compose}; else COMPOSE=${COMPOSE:-podman-compose}; fi
project=rosearch-smoke
export ROSEARCH_IMAGE=localhost/$project ROSEARCH_PORT=${ROSEARCH_PORT:-8601} BASE_IMAGE=${BASE_IMAGE:-python:3.11-slim}
export POSTGRES_PASSWORD RAY_AUTH_TOKEN ROSEARCH_MODE=demo RAY_CPUS=1
POSTGRES_PASSWORD=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
RAY_AUTH_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }
fail() { say "FAILED: $*"; exit 1; }
compose() { $COMPOSE --env-file /dev/null -f compose.yaml -p "$project" "$@"; }
inside() { local service=$1; shift; "$ENGINE" exec -i "$(container "$service")" "$@"; }
container() {
  "$ENGINE" ps --quiet --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.service=$1" | head -n 1
}

# Podman runs health checks by systemd's timers, which a container or a small machine may lack: here they are run by hand.
is_healthy() {
  local id
  id=$(container "$1")
  [ -n "$id" ] || return 1
  if [ "$ENGINE" = docker ]; then
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$id")" = healthy ]
  else
    podman healthcheck run "$id" >/dev/null 2>&1
  fi
}
wait_for() {
  local service=$1 until=$((SECONDS + $2))
  until is_healthy "$service"; do
    [ $SECONDS -lt $until ] || fail "$service is not healthy after $2 s"
    sleep 2
  done
  say "$service is healthy"
}

take_down() {
  compose down --volumes --timeout 10
  "$ENGINE" volume rm --force "${project}_data" "${project}_store"  # what was made before `up` may be left
} >/dev/null 2>&1

finish() {
  local status=$?
  if [ $status != 0 ]; then
    "$ENGINE" ps --all --filter "label=com.docker.compose.project=$project" || true
    compose logs --tail 30 2>&1 | sed "s/$POSTGRES_PASSWORD/***/g; s/$RAY_AUTH_TOKEN/***/g" || true
  fi
  [ "${KEEP-}" = 1 ] || take_down || true
  if [ $status = 0 ]; then say "1 passed, 0 failed"; else say "0 passed, 1 failed"; fi
}
trap finish EXIT

say "$ENGINE, $COMPOSE"
[ "$ENGINE" = docker ] || BUILD_OPTIONS="--format docker ${BUILD_OPTIONS-}"  # podman's own format has no health check
began=$SECONDS
# shellcheck disable=SC2086
"$ENGINE" build ${BUILD_OPTIONS-} --build-arg BASE_IMAGE="$BASE_IMAGE" --tag "$ROSEARCH_IMAGE" .
say "built in $((SECONDS - began)) s: $("$ENGINE" image inspect --format '{{.Size}}' "$ROSEARCH_IMAGE") bytes"
if [ "${POSTGRES_IMAGE-}" = debian ]; then
  export POSTGRES_IMAGE=localhost/$project-postgres
  # shellcheck disable=SC2086
  "$ENGINE" build ${BUILD_OPTIONS-} --build-arg BASE_IMAGE="$BASE_IMAGE" --tag "$POSTGRES_IMAGE" \
    --file tests/containers/postgres.Dockerfile tests/containers
fi

[ "$("$ENGINE" run --rm "$ROSEARCH_IMAGE" id -u)" = 1000 ] || fail "the image does not run as its own user"
"$ENGINE" run --rm "$ROSEARCH_IMAGE" sh -c '! touch /opt/rosearch/app/main.py /opt/venv/x 2>/dev/null && touch /data/x' ||
  fail "the image's user can write where it should not, or cannot where it should"

if (unset POSTGRES_PASSWORD; compose config) >/dev/null 2>&1; then fail "compose.yaml starts without a password"; fi
if (unset RAY_AUTH_TOKEN; compose config) >/dev/null 2>&1; then fail "compose.yaml starts without a token"; fi

take_down || true
if [ -n "${RESOURCES-}" ]; then
  "$ENGINE" volume create --label "com.docker.compose.project=$project" \
    --label com.docker.compose.volume=data "${project}_data" >/dev/null
  "$ENGINE" run --rm --user 0 --volume "${project}_data:/data" --volume "$RESOURCES:/from:ro" "$ROSEARCH_IMAGE" \
    sh -c 'cp -r /from /data/resources && chown -R rosearch:rosearch /data'
fi
compose up --detach --no-build
for service in postgres ray-head ray-worker-1 ray-worker-2; do wait_for "$service" 180; done
wait_for app 600

for service in app ray-head ray-worker-1 ray-worker-2 postgres; do
  user=$(inside "$service" stat -c %U /proc/1)
  [ "$user" != root ] || fail "$service runs as root"
  say "$service runs as $user"
done

address=http://127.0.0.1:$ROSEARCH_PORT
[ "$(curl -fsS --max-time 10 "$address/_stcore/health")" = ok ] || fail "the app does not answer"
curl -fsS --max-time 10 "$address/" | grep -q '<title>' || fail "the app has no page"
inside app sh -c 'cat > /tmp/wire.py' < tests/wire.py
inside app python - <<'PYTHON' || fail "the first page does not open"
import sys

sys.path.insert(0, "/tmp")
from wire import visiting

with visiting("http://127.0.0.1:8501") as visitor:
    page = visitor.run()
assert not page.exceptions, page.exceptions
assert any("Pareto" in text for text in page.texts), page.texts  # of the recorded run, which the store now has
PYTHON
say "the first page opens"

inside app python -m rosearch_engine status --json >/dev/null || fail "status"
tables="select count(*) from information_schema.tables where table_schema = 'public'"
sql() { inside postgres env PGPASSWORD="$POSTGRES_PASSWORD" psql -h 127.0.0.1 -U rosearch -d rosearch -Atc "$1"; }
[ "$(sql "$tables")" -gt 0 ] || fail "PostgreSQL has no tables"
if inside postgres env PGPASSWORD=wrong psql -h 127.0.0.1 -U rosearch -d rosearch -c 'select 1' >/dev/null 2>&1; then
  fail "PostgreSQL takes a wrong password"
fi
if inside app env RAY_AUTH_TOKEN=wrong-wrong-wrong-wrong ray status --address ray-head:6379 >/dev/null 2>&1; then
  fail "Ray takes a wrong token"
fi

say "a search by two workers"
settings=()
for setting in data.limit=600 data.validation=100 data.search_attack=30 data.held_out=30 teacher.epochs=1 \
  distil.epochs=1 space.max_nodes=2 'space.ranks=[8,16]' attack.sentences=8 search.chains=1 search.population=2 \
  search.candidates=6; do
  settings+=(--set "$setting")
done
began=$SECONDS
inside app timeout 1500 python -m rosearch_engine search --run smoke --json --executor ray --address ray-head:6379 \
  "${settings[@]}" >/dev/null || fail "the search"
say "searched in $((SECONDS - began)) s"

inside app python -m rosearch_engine status smoke --json | grep -q '"state": "finished"' || fail "it has not finished"
of_run="from candidate where run_id = (select id from run where name = 'smoke')"
students=$(sql "select count(*) $of_run and status = 'done'")
[ "$students" -ge 6 ] || fail "PostgreSQL has $students students"
nodes=$(sql "select text from event where text like '%ready on 2 nodes%'")
[ -n "$nodes" ] || fail "only one worker took part"
weights=0
for sha256 in $(sql "select sha256 from artifact where id in (select artifact_id $of_run)"); do
  inside ray-worker-1 sh -c "sha256sum /data/weights/$sha256.safetensors" | grep -q "^$sha256 " ||
    fail "the shared volume has not the weights $sha256"
  weights=$((weights + 1))
done
# Students whose weights are equal share a file, but none is without.
without=$(sql "select count(*) $of_run and status = 'done' and artifact_id is null")
[ "$weights" -ge 2 ] && [ "$without" = 0 ] || fail "$without of $students students are without weights"
say "$students students in PostgreSQL, $weights files of weights in the shared volume; workers: $nodes"

began=$SECONDS
compose stop --timeout 20 >/dev/null 2>&1 || fail "stopping"
[ -z "$(container app)$(container postgres)$(container ray-head)$(container ray-worker-1)" ] || fail "something still runs"
say "stopped in $((SECONDS - began)) s"

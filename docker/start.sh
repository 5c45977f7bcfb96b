#!/bin/sh
# What a container of the image does: `app`, `ray-head`, `ray-worker`, or any other command as it stands.
# ROSEARCH_RAY: HOST:PORT of a cluster's head. Where it is set, the app's container is a node of that cluster too, with
# nothing to give: a search is started on a node, and its students are trained on the others.
set -eu

# What workers of a node share lies in /dev/shm, which is to be larger; Ray would ask for a third of the memory.
shared="--object-store-memory 1500000000"

case ${1-app} in
  app)
    # Resources go to the volume: fetched by the first start, found there by every later one.
    python -m rosearch_engine fetch || echo "Going on without the resources that are missing."
    if [ -n "${ROSEARCH_RAY-}" ]; then
      while :; do
        ray start --address "$ROSEARCH_RAY" --num-cpus 0 --num-gpus 0 $shared --block || true
        sleep 5  # the head may be on its way again
      done >/dev/null 2>&1 &
    fi
    # Without a name of its own, Streamlit asks a server elsewhere for its address.
    exec streamlit run app/main.py --server.address=0.0.0.0 --server.port=8501 --server.headless=true \
      --browser.serverAddress=localhost --browser.gatherUsageStats=false
    ;;
  ray-head)
    exec ray start --head --port 6379 --num-cpus 0 --num-gpus 0 --include-dashboard false $shared --block
    ;;
  ray-worker)
    # Without RAY_CPUS, all that the container may use.
    exec ray start --address "$ROSEARCH_RAY" --node-manager-port 6380 ${RAY_CPUS:+--num-cpus "$RAY_CPUS"} $shared --block
    ;;
  *)
    exec "$@"
    ;;
esac

#!/usr/bin/env bash
# Every feature on a real Spark cluster: a standalone master, two workers and a Connect server on this machine's
# loopback, compared with DuckDB to 1e-9. Everything that is started is stopped at the end.
#
#   benchmarks/spark_cluster.sh HOME
#
# HOME is a study's home with tables. PYTHON is the Python with this project and its extra `spark` (default
# .venv/bin/python). SPARK_VENV is where Spark itself is installed, once, about 500 MB (default: a folder for
# temporary files). Java 17 or later must be on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
home=${1:?give the home of a study with tables: benchmarks/spark_cluster.sh HOME}
python=${PYTHON:-.venv/bin/python}
spark_venv=${SPARK_VENV:-${TMPDIR:-/tmp}/dunnhumby_spark}
wait_seconds=180
logs=$(mktemp -d)
started=()

stop() {
    status=$?
    trap - EXIT INT TERM
    # The Connect server first: its executors end with it.
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    rm -rf "$logs"
    exit "$status"
}
trap stop EXIT INT TERM

fail() {
    echo "$1" >&2
    tail -n 20 "$logs"/*.log >&2 || true
    exit 1
}

# wait_for LOG TEXT: until the log holds the text.
wait_for() {
    for ((i = 0; i < wait_seconds * 5; i++)); do
        grep -q "$2" "$logs/$1.log" && return
        sleep 0.2
    done
    fail "after $wait_seconds seconds $1 has not said: $2"
}

free_port() {
    "$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME COMMAND...: in the background, with its log.
start() {
    local name=$1
    shift
    "$@" >"$logs/$name.log" 2>&1 &
    started+=($!)
}

if ! java -version >/dev/null 2>&1; then
    fail "the cluster needs Java 17 or later (this project does not): apt-get install openjdk-17-jre-headless, or brew install openjdk@17"
fi
version=$("$python" -c 'import pyspark; print(pyspark.__version__)') ||
    fail "$python has no Spark client: pip install 'dunnhumby-pipeline[spark]'"
if [ ! -x "$spark_venv/bin/spark-submit" ]; then
    echo "Installing Spark $version into $spark_venv (once)"
    "$python" -m venv "$spark_venv"
    "$spark_venv/bin/python" -m pip install --quiet --disable-pip-version-check "pyspark==$version"
fi
SPARK_HOME=$("$spark_venv/bin/python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
export SPARK_HOME SPARK_LOCAL_IP=127.0.0.1 SPARK_NO_DAEMONIZE=1 PYSPARK_PYTHON="$spark_venv/bin/python"
export SPARK_WORKER_DIR="$logs/work" SPARK_LOCAL_DIRS="$logs/local"

began=$SECONDS
master_port=$(free_port)
connect_port=$(free_port)
class=("$SPARK_HOME/bin/spark-class")
start master "${class[@]}" org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "$master_port" --webui-port 0
wait_for master "I have been elected leader"
for worker in worker_1 worker_2; do
    start "$worker" "${class[@]}" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 \
        --cores 1 --memory 2g "spark://127.0.0.1:$master_port"
done
wait_for worker_1 "Successfully registered with master"
wait_for worker_2 "Successfully registered with master"
start connect "$SPARK_HOME/bin/spark-submit" --master "spark://127.0.0.1:$master_port" \
    --class org.apache.spark.sql.connect.service.SparkConnectServer --name features \
    --conf spark.connect.grpc.binding.port="$connect_port" --conf spark.connect.grpc.binding.address=127.0.0.1 \
    --conf spark.ui.enabled=false --conf spark.executor.memory=1500m --conf spark.sql.shuffle.partitions=4
wait_for connect "Spark Connect server started"
echo "Spark $version: a master, two workers and a Connect server after $((SECONDS - began)) seconds"
"$python" -m benchmarks.spark_parity "$home" "sc://127.0.0.1:$connect_port"

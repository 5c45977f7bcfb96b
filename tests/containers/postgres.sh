#!/bin/bash
# Makes the database at the first start, as the official image does, and serves it.
set -euo pipefail
if [ ! -e "$PGDATA/PG_VERSION" ]; then
  initdb --encoding UTF8 --locale C.UTF-8 --username "$POSTGRES_USER" --auth scram-sha-256 --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD")
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single postgres
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp

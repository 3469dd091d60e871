#!/bin/sh
# Records samples/database.flame: PostgreSQL 15 under pgbench; after 10 of 40 s a large UPDATE begins
# to fill the buffers, after 20 s a CHECKPOINT writes them out.
# As root, with Debian's postgresql and postgresql-contrib installed; the database lives in a
# temporary folder. Debian builds PostgreSQL with frame pointers.
set -eu
cd "$(dirname "$0")/.."
O=$(realpath "${O:-build}")
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
data=$(mktemp -d)
chown postgres "$data"
as() { (cd "$data" && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); }
cleanup() {
	as "$bin/pg_ctl" -D "$data/db" -m immediate stop > /dev/null 2>&1 || true
	rm -rf "$data"
}
trap cleanup EXIT

as "$bin/initdb" -D "$data/db" --data-checksums > /dev/null
as "$bin/pg_ctl" -D "$data/db" -w -o "-k $data -c listen_addresses= -c shared_buffers=1GB \
	-c max_wal_size=8GB -c checkpoint_timeout=1h -c checkpoint_completion_target=0.0 -c autovacuum=off" -l "$data/log" start > /dev/null
as "$bin/pgbench" -h "$data" -i -s 40 -q postgres > /dev/null 2>&1
as "$bin/psql" -h "$data" -qc CHECKPOINT postgres
as "$bin/pgbench" -h "$data" -c 2 -j 1 -T 45 -N postgres > "$data/bench" 2>&1 &
sleep 2
(
	sleep 10
	as "$bin/psql" -h "$data" -qc 'UPDATE pgbench_accounts SET abalance = 1 WHERE aid % 4 = 0' postgres &
	sleep 10
	as "$bin/psql" -h "$data" -qc CHECKPOINT postgres
) &
"$O/flamelapse" record 40 -F 99 -o samples/database.flame

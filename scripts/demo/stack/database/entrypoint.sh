#!/bin/sh
# Behaves like the entrypoint of the official PostgreSQL image: first start
# makes a cluster from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, every
# start runs the server as PID 1 and as the user postgres.
set -eu

main() {
    case "${1:-}" in -*) set -- postgres "$@" ;; esac
    if [ "${1:-}" != postgres ]; then
        exec "$@"
    fi
    install -d -o postgres -g postgres -m 700 "$PGDATA"
    install -d -o postgres -g postgres -m 2775 /var/run/postgresql
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        create_cluster
    fi
    shift
    exec setpriv --reuid=postgres --regid=postgres --init-groups \
        postgres -c listen_addresses='*' "$@"
}

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

create_cluster() {
    : "${POSTGRES_PASSWORD:?must be set for the first start}"
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    # Without fsync for this moment alone: what is lost here is only work.
    password_file=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password_file"
    chown postgres "$password_file"
    as_postgres initdb --no-sync --username="$user" --pwfile="$password_file" \
        --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 >/dev/null
    rm "$password_file"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        # Single-user mode: nothing listens yet, so nobody can take a
        # half-made cluster for a ready one.
        printf 'CREATE DATABASE "%s"\n' "$database" |
            as_postgres postgres --single -F -D "$PGDATA" postgres >/dev/null
    fi
}

main "$@"

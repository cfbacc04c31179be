#!/bin/sh
# Stands in for the start script of the postgres image: same variables, same order (initialise an empty data directory, run the
# scripts of DOCKER_ENTRYPOINT_INITDB_D over a socket, serve), for a machine where the programs run without a container.
# Two differences are meant: a first start that was killed begins anew (the image would go on with half a database), and
# there is no socket once it serves, only TCP.
set -eu

NOBODY=65534

fail() {
    printf 'postgres: %s\n' "$1" >&2
    exit 1
}

# PostgreSQL refuses to run as root. In a user namespace root is somebody else, and the files still belong to root outside.
leave_root() {
    if unshare --user --map-user=$NOBODY --map-group=$NOBODY true 2>/dev/null; then
        exec unshare --user --map-user=$NOBODY --map-group=$NOBODY "$0" "$@"
    fi
    chown -R $NOBODY:$NOBODY "$PGDATA"
    as_nobody="setpriv --reuid=$NOBODY --regid=$NOBODY --clear-groups"
    if $as_nobody test -w "$PGDATA" 2>/dev/null && $as_nobody test -x "$(command -v initdb)"; then
        exec $as_nobody "$0" "$@"
    fi
    fail "refuses to run as root, and this machine allows neither user namespaces nor user $NOBODY to reach $PGDATA and \
$(command -v initdb). Run the stack as an ordinary user."
}

initialise() {
    [ -n "${POSTGRES_PASSWORD:-}" ] || fail "POSTGRES_PASSWORD is empty. Set it in .env."
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    fresh=$PGDATA.unfinished
    rm -rf "$fresh"
    # A socket's path may have about 100 bytes; a checkout's path may be longer.
    socket=$(mktemp -d /tmp/postgres-XXXXXX)
    trap 'rm -rf "$socket"' EXIT
    printf '%s\n' "$POSTGRES_PASSWORD" >"$socket/password"
    # Nobody else reads this directory before it is renamed, so it need not be on disk at every step.
    # shellcheck disable=SC2086 # POSTGRES_INITDB_ARGS is a list of words, as in the image
    initdb --pgdata="$fresh" --username="$user" --pwfile="$socket/password" --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions ${POSTGRES_INITDB_ARGS:-} >"$socket/log" 2>&1 ||
        fail "initdb failed: $(cat "$socket/log")"
    # As the image's script does: initdb itself lets in nobody from another container.
    printf '\nhost all all all scram-sha-256\n' >>"$fresh/pg_hba.conf"
    pg_ctl --pgdata="$fresh" --wait --silent --log="$socket/log" \
        --options="-c listen_addresses= -c unix_socket_directories=$socket -c fsync=off" start ||
        fail "the server for the first start failed: $(cat "$socket/log")"
    (PGHOST=$socket PGUSER=$user PGDATABASE=$database && export PGHOST PGUSER PGDATABASE && fill "$user" "$database") || {
        pg_ctl --pgdata="$fresh" --wait --silent --mode=fast stop
        fail "a script of the first start failed; the next start begins anew. Server log: $(cat "$socket/log")"
    }
    pg_ctl --pgdata="$fresh" --wait --silent --mode=fast stop
    rmdir "$PGDATA" 2>/dev/null || true
    mv "$fresh" "$PGDATA"
    rm -rf "$socket"
    trap - EXIT
}

fill() (
    # `set -e` means nothing in a function whose status is tested, so each step says itself that it ends the rest.
    sql() { psql --no-psqlrc --no-password --quiet --set ON_ERROR_STOP=1 "$@"; }
    if [ "$2" != postgres ]; then
        echo 'CREATE DATABASE :"name";' | sql --dbname postgres --set name="$2" || exit 1
    fi
    for script in "${DOCKER_ENTRYPOINT_INITDB_D:-/docker-entrypoint-initdb.d}"/*; do
        case $script in
            *.sh) if [ -x "$script" ]; then "$script" || exit 1; else sh -eu "$script" || exit 1; fi ;;
            *.sql) sql --file "$script" || exit 1 ;;
            *) continue ;;
        esac
        printf 'postgres: first start ran %s\n' "${script##*/}" >&2
    done
)

case ${1:-postgres} in
    -*) set -- postgres "$@" ;;
    postgres) ;;
    *) exec "$@" ;;
esac
case " $* " in
    *" --version "* | *" --help "*) exec "$@" ;;
esac
: "${PGDATA:?say where the database lives}"
umask 077
mkdir -p "$PGDATA"
[ "$(id -u)" != 0 ] || leave_root "$@"
[ -s "$PGDATA/PG_VERSION" ] || initialise
shift
exec postgres -D "$PGDATA" -c unix_socket_directories= "$@"

#!/bin/sh
# Runs once, on an empty data directory: one database and one role per service that stores something, of the same name.
# A service's role owns its database and can reach no other.
set -eu

create() {
    name=$1 password=$2
    psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --no-psqlrc --quiet \
        --set ON_ERROR_STOP=1 --set name="$name" --set password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
}

create auth "${AUTH_DATABASE_PASSWORD:?set it in .env}"
create payments "${PAYMENTS_DATABASE_PASSWORD:?set it in .env}"

#!/bin/sh
# Runs once, on an empty data directory. Creates one database and one role of the same name for each service that stores data.
# A role owns its database and cannot connect to another.
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

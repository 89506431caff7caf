# Creates the replicas' user in KurrentDB and says what it may do. Needs sh and curl. Can be run again at any time: the user's
# password becomes what the secret says then, and the rights are written again as they are here.
#
#     SERVER          https://host:2113
#     AUTHORITY       the file of the authority that signed the server's certificate
#     ADMIN_PASSWORD  the password of the user `admin`
#     REPLICA_USER, REPLICA_PASSWORD   the user that the replicas are
#     PREFIX          what the names of their streams begin with
set -eu

plain() { # refuses what would have to be escaped in JSON or for curl
    case "$2" in
        '' | *[!A-Za-z0-9_-]*) echo "$1 must be letters, digits, - and _ alone, and not empty" >&2; exit 1 ;;
    esac
}
plain ADMIN_PASSWORD "$ADMIN_PASSWORD"
plain REPLICA_USER "$REPLICA_USER"
plain REPLICA_PASSWORD "$REPLICA_PASSWORD"

# Sends a body and prints the status. The password goes to curl by its standard input, so that no list of processes shows it. A follower
# sends us on to the leader, which is another name under the same authority: the password goes along.
post() { # path, content type, body
    printf 'user = "admin:%s"\n' "$ADMIN_PASSWORD" | curl --config - --silent --show-error --output /dev/null --write-out '%{http_code}' \
        --max-time 20 --location-trusted --max-redirs 3 --cacert "$AUTHORITY" --header "Content-Type: $2" --data-binary "$3" "$SERVER$1"
}

expect() { # what, status, statuses that are in order
    case " $3 " in
        *" $2 "*) echo "$1: done" ;;
        *) echo "$1: the server answered $2" >&2; exit 1 ;;
    esac
}

events() { # type, data
    printf '[{"eventId": "%s", "eventType": "%s", "data": %s}]' "$(cat /proc/sys/kernel/random/uuid)" "$1" "$2"
}

attempts=0
until curl --silent --fail --output /dev/null --max-time 5 --cacert "$AUTHORITY" "$SERVER/health/live"; do
    attempts=$((attempts + 1))
    [ "$attempts" -lt 60 ] || { echo "$SERVER does not answer" >&2; exit 1; }
    sleep 2
done

status=$(post /users/ application/json \
    "{\"loginName\": \"$REPLICA_USER\", \"fullName\": \"Parvandeh replicas\", \"groups\": [], \"password\": \"$REPLICA_PASSWORD\"}")
if [ "$status" = 409 ]; then
    status=$(post "/users/$REPLICA_USER/command/reset-password" application/json "{\"newPassword\": \"$REPLICA_PASSWORD\"}")
fi
expect "the user $REPLICA_USER" "$status" "200 201"

# Streams are the replicas' to read, to append to and, for the keys of the erased, to delete. Nobody but administrators may change what
# is said about a stream: who may write metadata can hide events. Everybody else sees nothing.
acl="{\"\$userStreamAcl\": {\"\$r\": [\"$REPLICA_USER\"], \"\$w\": [\"$REPLICA_USER\"], \"\$d\": [\"$REPLICA_USER\"],
    \"\$mr\": [\"$REPLICA_USER\"], \"\$mw\": [\"\$admins\"]},
  \"\$systemStreamAcl\": {\"\$r\": [\"\$admins\"], \"\$w\": [\"\$admins\"], \"\$d\": [\"\$admins\"], \"\$mr\": [\"\$admins\"], \"\$mw\": [\"\$admins\"]}}"
status=$(post '/streams/%24settings' application/vnd.kurrent.events+json "$(events update-default-acl "$acl")")
expect "the rights on streams" "$status" "200 201"

# Replicas follow the log through $all, filtered by their prefix.
acl="{\"\$acl\": {\"\$r\": [\"\$admins\", \"$REPLICA_USER\"], \"\$mr\": [\"\$admins\", \"$REPLICA_USER\"]}}"
status=$(post '/streams/%24all/metadata' application/vnd.kurrent.events+json "$(events all-acl "$acl")")
expect 'the right to read $all' "$status" "200 201"

# The one stream that may forget: signs of life, of which the last thousand are enough. Replicas would set this themselves, but may not.
retention='{"$maxCount": 1000}'
status=$(post "/streams/$PREFIX.replicas-heartbeat/metadata" application/vnd.kurrent.events+json "$(events heartbeat-retention "$retention")")
expect "the retention of heartbeats" "$status" "200 201"

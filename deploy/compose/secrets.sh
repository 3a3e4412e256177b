#!/bin/sh
# The keys of one installation, as lines for .env: `sh secrets.sh >> .env`. Made once and kept: with another VAULT_KEYS
# no connection to Xero can be read any more.
set -eu
if grep -qs '^VAULT_KEYS=' .env; then
	echo "This folder's .env has its keys already." >&2
	exit 1
fi
echo "CALLER_KEY=$(openssl rand -hex 32)"
echo "AUTH_LINK_SERVICE_KEY=$(openssl rand -hex 32)"
echo "VAULT_KEYS=$(openssl rand -base64 32 | tr '+/' '-_')"
# One line: its ends are written out.
key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
printf 'SIGN_IN_KEY=%s\n' "$(echo "$key" | awk '{printf "%s\\n", $0}')"

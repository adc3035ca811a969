#!/usr/bin/env bash
# Makes the generated files: the deep copies of the API's types, the CRDs, and what
# of them goes into the charts. With --check it fails if that changed any, and leaves
# the right ones. Roles are not generated: config/rbac explains each right that it gives.
set -euo pipefail
cd "$(dirname "$0")/.."

controller_gen() { go tool -modfile=hack/tools/go.mod controller-gen "$@"; }
digests() { find api config/crd/bases charts -type f \( -name 'zz_generated.*.go' -o -name '*.yaml' -o -name values.schema.json \) -exec cksum {} + | LC_ALL=C sort -k 3; }

before=$(digests)
controller_gen object paths=./api/...
rm -f config/crd/bases/*.yaml # those of kinds that are gone go too
controller_gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
hack/charts.sh
hack/charts.sh
after=$(digests)

if [ "${1:-}" = --check ] && [ "$before" != "$after" ]; then
	echo "These generated files were not up to date. They are now; commit them:" >&2
	diff <(echo "$before") <(echo "$after") | sed -n 's/^[<>] [0-9]* [0-9]* /  /p' | sort -u >&2
	exit 1
fi

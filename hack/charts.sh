#!/bin/sh
# Brings what is generated from the CRDs into the charts: the CRDs themselves
# into charts/kontor, and the rules for values into charts/tenant.
set -eu
cd "$(dirname "$0")/.."
exec go run hack/charts.go

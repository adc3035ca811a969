#!/usr/bin/env bash
# Sees to it that this machine has what `make dev` and `make test` need: Go, the
# programs of a PostgreSQL server, Node for the page, and for its tests a browser
# and a font with Chinese. On Debian and its kin it installs all but Go; elsewhere
# it says what is missing and how to get it. Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest_postgres=15
oldest_node=20.19
oldest_go=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)

missing() {
	echo "setup: $*" >&2
	exit 1
}

# at_least A B: whether version A is B or newer.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

check_go() {
	command -v go >/dev/null || missing "Go $oldest_go or newer is needed and was not found: see https://go.dev/doc/install"
	local version
	# An older Go cannot always read go.mod, so it is asked outside the module.
	version=$(cd / && go env GOVERSION | sed 's/^go//; s/[^0-9.].*//')
	at_least "$version" "$oldest_go" && return
	# From 1.21 on, Go fetches the release that go.mod asks for by itself.
	version=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || true
	at_least "${version:-0}" "$oldest_go" || missing "Go $oldest_go or newer is needed, this is ${version:-an older one}: see https://go.dev/doc/install"
}

terminal=no
[ -t 0 ] && terminal=yes

# postgres_major FOLDER: the major version of a whole installation in it, else 0.
# Where to look is kept in step with internal/local.
postgres_major() {
	if [ -x "$1/initdb" ] && [ -x "$1/postgres" ]; then
		"$1/postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p'
	else
		echo 0
	fi
}

newest_postgres() {
	local folder major newest=0 on_path
	on_path=$(command -v postgres || true)
	for folder in "${KONTOR_PG_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
		/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /usr/libexec/postgresql* \
		"${on_path:+$(dirname "$(realpath "$on_path")")}"; do
		[ -n "$folder" ] || continue
		major=$(postgres_major "$folder")
		[ "${major:-0}" -gt "$newest" ] && newest=$major
	done
	echo "$newest"
}

# as_root COMMAND...: by sudo where we are not root. Without a terminal nobody can
# type a password, so sudo must do without or fail.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif [ "$terminal" = yes ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

install_postgres() {
	local how="install it with: apt-get install postgresql"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null || missing "PostgreSQL $oldest_postgres or newer is needed; as root, $how"
	echo "setup: installing PostgreSQL with apt-get, once; its programs alone are used, no system cluster is made"
	apt update || missing "the list of packages could not be read; $how"
	local offered
	offered=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	if [ "${offered:-0}" -lt "$oldest_postgres" ]; then
		missing "this release offers PostgreSQL ${offered:-(none)}, $oldest_postgres or newer is needed: see https://www.postgresql.org/download/"
	fi
	# Debian makes and starts a cluster at the first installation unless a setting
	# forbids it. It is there for this installation alone.
	local setting=/etc/postgresql-common/createcluster.d/kontor-setup.conf
	as_root mkdir -p "$(dirname "$setting")"
	echo "create_main_cluster = false" | as_root tee "$setting" >/dev/null
	local installed=yes
	apt install -y --no-install-recommends postgresql || installed=no
	as_root rm -f "$setting"
	[ "$installed" = yes ] || missing "apt-get could not install PostgreSQL; $how"
}

check_postgres() {
	[ "$(newest_postgres)" -lt "$oldest_postgres" ] || return 0
	if command -v apt-get >/dev/null; then
		install_postgres
		[ "$(newest_postgres)" -lt "$oldest_postgres" ] || return 0
	fi
	missing "PostgreSQL $oldest_postgres or newer is needed, with initdb, and was not found. Debian, Ubuntu: apt-get install postgresql." \
		"Fedora: dnf install postgresql-server. macOS: brew install postgresql@17." \
		"Elsewhere: name the folder of its programs in KONTOR_PG_BIN."
}

# node_version is that of Node, if npm is there too, else 0.
node_version() {
	if command -v node >/dev/null && command -v npm >/dev/null; then
		node --version | sed 's/^v//'
	else
		echo 0
	fi
}

check_node() {
	at_least "$(node_version)" "$oldest_node" && return
	local how="Node $oldest_node or newer is needed, with npm, and was not found: see https://nodejs.org/en/download"
	if command -v apt-get >/dev/null && ! command -v node >/dev/null; then
		[ "$(id -u)" = 0 ] || command -v sudo >/dev/null || missing "$how"
		echo "setup: installing Node with apt-get, once"
		apt update && apt install -y --no-install-recommends nodejs npm || missing "$how"
	fi
	at_least "$(node_version)" "$oldest_node" || missing "$how"
}

# The tests of the page look for the browser in the same places.
browser() {
	[ -n "${KONTOR_BROWSER:-}" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null
}

chinese_font() {
	! command -v fc-list >/dev/null || [ -n "$(fc-list :lang=zh family 2>/dev/null)" ]
}

# Without a browser all but the tests in it works, so that it is asked for and not demanded.
check_browser() {
	if browser && chinese_font; then
		return
	fi
	if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
		echo "setup: installing Chromium and a Chinese font with apt-get, once: the tests of the page use them"
		apt update && apt install -y --no-install-recommends chromium fonts-noto-cjk || true
	fi
	browser || echo "setup: no Chromium was found, which make test needs for the page; install it, or name it in KONTOR_BROWSER" >&2
}

check_go
check_postgres
check_node
check_browser

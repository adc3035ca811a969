package local

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// nobody is the user without rights of Linux systems.
const nobody = 65534

// unprivilegedUser is the user as whom root starts PostgreSQL: the owner of kept
// data, else postgres, else nobody.
func unprivilegedUser(data string) (*account, error) {
	if info, err := os.Stat(data); err == nil {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
			return &account{uid: int(owner.Uid), gid: int(owner.Gid), name: "#" + strconv.FormatUint(uint64(owner.Uid), 10)}, nil
		}
	}
	known, err := user.Lookup(postgresSuperuser)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return &account{uid: nobody, gid: nobody, name: "nobody"}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for user %s: %w", postgresSuperuser, err)
	}
	uid, err := strconv.Atoi(known.Uid)
	if err != nil {
		return nil, fmt.Errorf("reading the id of user %s: %w", known.Username, err)
	}
	gid, err := strconv.Atoi(known.Gid)
	if err != nil {
		return nil, fmt.Errorf("reading the group of user %s: %w", known.Username, err)
	}
	return &account{uid: uid, gid: gid, name: known.Username}, nil
}

// openWay lets the server's user walk to dir. Temporary directories are made for
// their maker alone, so those on the way (below temporary), and the one around dir,
// get the right to pass (not to list, not to read). No other directory is changed:
// that root's home is closed is somebody's decision.
func openWay(dir string, user *account, temporary string) error {
	parent := filepath.Dir(dir)
	for way := parent; ; way = filepath.Dir(way) {
		info, err := os.Stat(way)
		if err != nil {
			return fmt.Errorf("looking at the way to PostgreSQL's directory: %w", err)
		}
		if !mayPass(info, user) {
			if way != parent && !strings.HasPrefix(way, filepath.Clean(temporary)+string(filepath.Separator)) {
				return fmt.Errorf("PostgreSQL cannot keep its data in %q: it runs as user %s, who may not pass through %q; "+
					"choose a directory elsewhere, or run this as an ordinary user", dir, user.name, way)
			}
			const passing = 0o011
			if err := os.Chmod(way, info.Mode().Perm()|passing); err != nil {
				return fmt.Errorf("letting user %s pass through %q: %w", user.name, way, err)
			}
		}
		if way == filepath.Dir(way) {
			return nil
		}
	}
}

func mayPass(info os.FileInfo, user *account) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case int(owner.Uid) == user.uid:
		return mode&0o100 != 0
	case int(owner.Gid) == user.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

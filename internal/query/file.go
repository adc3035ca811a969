package query

import (
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
)

// A file's row is read as one JSON object with the columns' names.
const fileColumn = `to_jsonb(f)::text`

// InsertFile begins a file that is still to be written, and that goes after a while.
func InsertFile(id, name, mediaType, by string, at time.Time, keep time.Duration) Statement {
	var args expr.Args
	return Statement{
		SQL: `INSERT INTO kontor.file (id, name, media_type, created_by, created_at, expires_at) VALUES (` + args.Add(id) + `::uuid, ` + args.Add(name) + `, ` +
			args.Add(mediaType) + `, ` + args.Add(orNull(by)) + `::uuid, ` + args.Add(moment(at)) + `::timestamptz, now() + ` + seconds(keep, &args) + `)`,
		Args: args.Values(),
	}
}

// AppendFile writes bytes behind those that the file has.
func AppendFile(id string, bytes []byte) Statement {
	var args expr.Args
	place, content := args.Add(id), args.Add(bytes)
	return Statement{
		SQL: `WITH grown AS (UPDATE kontor.file SET size = size + octet_length(` + content + `::bytea) WHERE id = ` + place + `::uuid
				RETURNING id, size - octet_length(` + content + `::bytea) AS place)
			INSERT INTO kontor.file_chunk (file_id, place, bytes) SELECT id, place, ` + content + `::bytea FROM grown`,
		Args: args.Values(),
	}
}

// CloseFile ends the writing of a file, and returns its row.
func CloseFile(id, sha256 string) Statement {
	var args expr.Args
	return Statement{
		SQL:  `UPDATE kontor.file AS f SET sha256 = ` + args.Add(sha256) + ` WHERE id = ` + args.Add(id) + `::uuid RETURNING ` + fileColumn,
		Args: args.Values(),
	}
}

// File is the row of one file; with an owner only when it is that user's.
func File(id, owner string) Statement {
	var args expr.Args
	return Statement{
		SQL:  `SELECT ` + fileColumn + ` FROM kontor.file AS f WHERE id = ` + args.Add(id) + `::uuid` + ownedBy(owner, &args),
		Args: args.Values(),
	}
}

// UsableFiles are the rows of those of the files that are written to their end; with an owner only that user's.
func UsableFiles(ids []string, owner string) Statement {
	var args expr.Args
	return Statement{
		SQL: `SELECT ` + fileColumn + ` FROM kontor.file AS f WHERE id = ANY (` + args.Add(ids) + `::text[]::uuid[]) AND sha256 IS NOT NULL` +
			ownedBy(owner, &args),
		Args: args.Values(),
	}
}

// FileChunk is the part of a file that holds the byte at the place: where it begins, and its bytes.
func FileChunk(id string, at int64) Statement {
	var args expr.Args
	return Statement{
		SQL: `SELECT place, bytes FROM kontor.file_chunk WHERE file_id = ` + args.Add(id) + `::uuid AND place <= ` + args.Add(at) +
			`::bigint ORDER BY place DESC LIMIT 1`,
		Args: args.Values(),
	}
}

// DeleteFile removes a file with its bytes.
func DeleteFile(id string) Statement {
	return Statement{SQL: `DELETE FROM kontor.file WHERE id = $1::uuid`, Args: []any{id}}
}

// KeepFile moves the end of a file's time.
func KeepFile(id string, keep time.Duration) Statement {
	var args expr.Args
	return Statement{
		SQL:  `UPDATE kontor.file SET expires_at = now() + ` + seconds(keep, &args) + ` WHERE id = ` + args.Add(id) + `::uuid`,
		Args: args.Values(),
	}
}

// ExpiredFiles are the ids of some files whose time is over and that no job needs.
func ExpiredFiles(limit int) Statement {
	var args expr.Args
	return Statement{
		SQL: `SELECT id::text FROM kontor.file AS f WHERE expires_at < now() AND NOT EXISTS (SELECT FROM kontor.job WHERE input = f.id OR output = f.id)
			ORDER BY expires_at LIMIT ` + args.Add(limit) + `::bigint`,
		Args: args.Values(),
	}
}

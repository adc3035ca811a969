package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// The waits before the system database is tried again.
const (
	firstWait = 200 * time.Millisecond
	longWait  = 10 * time.Second
)

// follow listens to the changes, and begins anew whenever the connection ends.
func (d *Directory) follow(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		began, err := d.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if began {
			wait = firstWait
		}
		d.options.Log.WarnContext(ctx, "The system database is away; the known tenants are served on", "error", err, "retryAfter", wait)
		pause(ctx, wait+rand.N(wait/2)) //nolint:gosec // jitter needs no secrecy
		wait = min(2*wait, longWait)
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// listen reads all entries, and then each that is told to have changed. began
// says that it came that far.
func (d *Directory) listen(ctx context.Context) (began bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	connection, err := pgx.ConnectConfig(connecting, d.pool.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // it is given up in any case
	// Listening comes first, so that no change falls between.
	if _, err := connection.Exec(connecting, "LISTEN kontor_directory; LISTEN "+workChannel); err != nil {
		return false, fmt.Errorf("listening to the directory: %w", err)
	}
	if err := d.readAll(connecting, connection); err != nil {
		return false, err
	}
	d.wake() // there may have been words that nobody heard
	for {
		key, err := d.nextChange(ctx, connection)
		if err != nil {
			return true, err
		}
		if key == "" {
			continue
		}
		if err := d.readOne(ctx, connection, key); err != nil {
			return true, err
		}
	}
}

// quiet is how long nothing is heard before the connection is tried: a dead one says nothing either.
const quiet = 30 * time.Second

// nextChange is the key of the next changed entry; empty when there was none and the connection lives.
func (d *Directory) nextChange(ctx context.Context, connection *pgx.Conn) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	notification, err := connection.WaitForNotification(waiting)
	if err == nil && notification.Channel == workChannel {
		d.wake()
		return "", nil
	}
	if err == nil {
		return notification.Payload, nil
	}
	if ctx.Err() != nil || !errors.Is(waiting.Err(), context.DeadlineExceeded) || connection.IsClosed() {
		return "", fmt.Errorf("listening to the directory: %w", err)
	}
	pinging, cancelPing := context.WithTimeout(ctx, callTimeout)
	defer cancelPing()
	return "", connection.Ping(pinging)
}

const selectEntries = `SELECT key, hosts, host, port, database, username, ssl_mode, root_ca, sealed, revision
	FROM directory WHERE (shard = '' OR shard = $1)`

// readAll takes the table for the truth, and tells what differs from before.
func (d *Directory) readAll(ctx context.Context, connection *pgx.Conn) error {
	rows, err := connection.Query(ctx, selectEntries+" ORDER BY key", d.options.Shard)
	if err != nil {
		return fmt.Errorf("reading the directory: %w", err)
	}
	entries, err := d.scan(ctx, rows)
	if err != nil {
		return err
	}
	d.mu.Lock()
	var changed []string
	for key := range d.entries {
		if _, ok := entries[key]; !ok {
			d.acks.forget(key)
			changed = append(changed, key)
		}
	}
	for key, entry := range entries {
		if !same(d.entries[key], entry) {
			changed = append(changed, key)
		}
	}
	d.entries, d.synced = entries, true
	d.indexHosts()
	d.mu.Unlock()
	slices.Sort(changed)
	for _, key := range changed {
		d.changed(key)
	}
	return nil
}

// readOne reads the entry that was told to have changed.
func (d *Directory) readOne(ctx context.Context, connection *pgx.Conn, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, err := connection.Query(ctx, selectEntries+" AND key = $2", d.options.Shard, key)
	if err != nil {
		return fmt.Errorf("reading %s in the directory: %w", key, err)
	}
	entries, err := d.scan(ctx, rows)
	if err != nil {
		return err
	}
	d.mu.Lock()
	before, known := d.entries[key]
	entry, found := entries[key]
	if found {
		d.entries[key] = entry
	} else {
		delete(d.entries, key)
		d.acks.forget(key)
	}
	d.indexHosts()
	d.mu.Unlock()
	if known != found || !same(before, entry) {
		d.changed(key)
	}
	return nil
}

func same(a, b tenancy.Entry) bool {
	return a.Key == b.Key && a.Connection == b.Connection && a.Revision == b.Revision && slices.Equal(a.Hosts, b.Hosts)
}

// indexHosts is called with the lock held.
func (d *Directory) indexHosts() {
	clear(d.hosts)
	for key, entry := range d.entries {
		for _, host := range entry.Hosts {
			d.hosts[host] = key
		}
	}
}

// scan reads entries. One whose password cannot be opened is told and left out.
func (d *Directory) scan(ctx context.Context, rows pgx.Rows) (map[string]tenancy.Entry, error) {
	defer rows.Close()
	entries := map[string]tenancy.Entry{}
	for rows.Next() {
		var entry tenancy.Entry
		var sealed []byte
		c := &entry.Connection
		err := rows.Scan(&entry.Key, &entry.Hosts, &c.Host, &c.Port, &c.Database, &c.User, &c.SSLMode, &c.RootCA, &sealed, &entry.Revision)
		if err != nil {
			return nil, fmt.Errorf("reading the directory: %w", err)
		}
		password, err := d.options.Sealer.Open(sealed, entry.Key)
		if err != nil {
			d.options.Log.ErrorContext(ctx, "A tenant's credentials cannot be opened; it is not served", "tenant", entry.Key, "error", err)
			continue
		}
		c.Password = string(password)
		entries[entry.Key] = entry
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	return entries, nil
}

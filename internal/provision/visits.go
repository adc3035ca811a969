package provision

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/secret"
)

// keepTimeout is how long a connection to a tenant's database is kept after its use.
// A reconcile comes back to its database several times, and connecting costs more than
// most of its statements; but there are too many databases to keep connections to each.
const keepTimeout = 2 * time.Second

// session says how a short-lived connection is made.
type session struct {
	// role is what the session acts as; empty is who logs in.
	role string
	// lockTimeout and timeout are for one statement and everything; 0 are the usual ones.
	// A connection with others is not kept.
	lockTimeout, timeout time.Duration
}

func (how session) usual() bool { return how.lockTimeout == 0 && how.timeout == 0 }

func (how session) parameters() map[string]string {
	parameters := map[string]string{}
	if how.role != "" {
		parameters["role"] = how.role
	}
	if how.lockTimeout != 0 {
		parameters["lock_timeout"] = milliseconds(how.lockTimeout)
	}
	if how.timeout != 0 {
		parameters["statement_timeout"] = milliseconds(how.timeout)
	}
	return parameters
}

// visit runs work on a connection that nobody else uses meanwhile.
func (s *Servers) visit(ctx context.Context, conn secret.Connection, how session, work func(ctx context.Context, c *pgx.Conn) error) error {
	timeout := how.timeout
	if timeout == 0 {
		timeout = callTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	srv := s.server(conn)
	if err := srv.breaker.admit(srv.name); err != nil {
		return err
	}
	srv.mu.Lock()
	visits := srv.visits
	srv.mu.Unlock()
	v, err := visits.enter(ctx, conn, how.usual())
	if err != nil {
		srv.breaker.pass()
		return fault.Wrap(fault.Unavailable, err, "all connections to %s are in use", srv.name)
	}
	defer func() { visits.leave(ctx, v, how.usual()) }()
	if v.prepare(ctx, how.role) {
		_ = srv.breaker.report(ctx, nil)
		return work(ctx, v.conn)
	}
	config, err := configure(conn, s.options.Tracer, how.parameters())
	if err != nil {
		return err
	}
	v.conn, err = pgx.ConnectConfig(ctx, config)
	if err = srv.breaker.report(ctx, err); err != nil {
		return unreachable(err, conn)
	}
	v.role = how.role
	return work(ctx, v.conn)
}

// visits are the connections to the tenants' databases of one server: those in
// use, and those that are kept for a moment.
type visits struct {
	limit int

	mu      sync.Mutex
	places  int      // taken: by connections that are in use, opened or kept
	kept    []*visit // the one that was used last comes last
	waiting []chan struct{}
	closed  bool
}

// visit is one place under the limit, and the connection that has it.
type visit struct {
	at   secret.Connection
	conn *pgx.Conn // nil: there is none yet
	role string
	end  *time.Timer // while it is kept
	// close closes a kept connection.
	close func()
}

// enter takes a place, with the connection that was kept for that database if there is one.
func (vs *visits) enter(ctx context.Context, at secret.Connection, usual bool) (*visit, error) {
	vs.mu.Lock()
	if i := slices.IndexFunc(vs.kept, func(v *visit) bool { return usual && v.at == at }); i >= 0 {
		defer vs.mu.Unlock()
		return vs.take(i), nil
	}
	if len(vs.kept) > 0 && vs.places >= vs.limit {
		oldest := vs.take(0)
		vs.mu.Unlock()
		oldest.close()
		return &visit{at: at}, nil
	}
	if vs.places < vs.limit {
		defer vs.mu.Unlock()
		vs.places++
		return &visit{at: at}, nil
	}
	place := make(chan struct{})
	vs.waiting = append(vs.waiting, place)
	vs.mu.Unlock()
	select {
	case <-place:
		return &visit{at: at}, nil
	case <-ctx.Done():
	}
	vs.mu.Lock()
	if i := slices.Index(vs.waiting, place); i >= 0 {
		vs.waiting = slices.Delete(vs.waiting, i, i+1)
		vs.mu.Unlock()
		return nil, ctx.Err()
	}
	vs.mu.Unlock()
	vs.leave(ctx, &visit{at: at}, false) // it was given to us at the same moment
	return nil, ctx.Err()
}

// take takes a kept connection into use; the lock is held.
func (vs *visits) take(i int) *visit {
	v := vs.kept[i]
	vs.kept = slices.Delete(vs.kept, i, i+1)
	v.end.Stop()
	return v
}

// leave gives the place to who waits for one, or else keeps the connection for a moment.
func (vs *visits) leave(ctx context.Context, v *visit, usual bool) {
	healthy := usual && v.conn != nil && !v.conn.IsClosed() && v.conn.PgConn().TxStatus() == 'I'
	vs.mu.Lock()
	if healthy && len(vs.waiting) == 0 && !vs.closed {
		defer vs.mu.Unlock()
		ctx = context.WithoutCancel(ctx)
		v.close = func() { closeConn(ctx, v.conn) }
		v.end = time.AfterFunc(keepTimeout, func() { vs.expire(v) })
		vs.kept = append(vs.kept, v)
		return
	}
	vs.mu.Unlock()
	if v.conn != nil {
		closeConn(ctx, v.conn)
	}
	vs.free()
}

// free gives a place back, once its connection is closed.
func (vs *visits) free() {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if len(vs.waiting) == 0 {
		vs.places--
		return
	}
	close(vs.waiting[0])
	vs.waiting = vs.waiting[1:]
}

func (vs *visits) expire(v *visit) {
	vs.mu.Lock()
	i := slices.Index(vs.kept, v)
	if i < 0 {
		vs.mu.Unlock()
		return
	}
	vs.take(i)
	vs.mu.Unlock()
	v.close()
	vs.free()
}

// shut closes what is kept, and keeps nothing from now on.
func (vs *visits) shut() {
	vs.mu.Lock()
	vs.closed = true
	kept := slices.Clone(vs.kept)
	vs.mu.Unlock()
	for _, v := range kept {
		vs.expire(v)
	}
}

// prepare says whether the kept connection is alive and acts as the role now.
func (v *visit) prepare(ctx context.Context, role string) bool {
	if v.conn == nil {
		return false
	}
	var err error
	switch {
	case v.role == role:
		err = v.conn.PgConn().Ping(ctx)
	case role == "":
		_, err = v.conn.Exec(ctx, "SET ROLE NONE")
	default:
		_, err = v.conn.Exec(ctx, "SET ROLE "+ident(role))
	}
	if err != nil {
		closeConn(ctx, v.conn)
		v.conn = nil
		return false
	}
	v.role = role
	return true
}

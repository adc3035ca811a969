package auth

import (
	"container/list"
	"sync"
)

// recent keeps values by key, so many at most: over it the one is forgotten that
// was asked for longest ago.
type recent[K comparable, V any] struct {
	most int

	mu    sync.Mutex
	keys  map[K]*list.Element
	order *list.List // of *keyed[K, V], the newest in front
}

type keyed[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, keys: map[K]*list.Element{}, order: list.New()}
}

// get is the value of a key.
func (r *recent[K, V]) get(key K) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, ok := r.keys[key]
	if !ok {
		return value, false
	}
	r.order.MoveToFront(element)
	return r.at(element).value, true
}

// put keeps a value in place of the one that the key has.
func (r *recent[K, V]) put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(key, value)
}

// getOrPut is the value of a key, which is made when there is none.
func (r *recent[K, V]) getOrPut(key K, fresh func() V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	if element, ok := r.keys[key]; ok {
		r.order.MoveToFront(element)
		return r.at(element).value
	}
	value := fresh()
	r.set(key, value)
	return value
}

// forget leaves nothing of a key.
func (r *recent[K, V]) forget(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if element, ok := r.keys[key]; ok {
		r.order.Remove(element)
		delete(r.keys, key)
	}
}

// set is called with the lock held.
func (r *recent[K, V]) set(key K, value V) {
	if element, ok := r.keys[key]; ok {
		r.order.Remove(element)
	}
	r.keys[key] = r.order.PushFront(&keyed[K, V]{key, value})
	for len(r.keys) > r.most {
		oldest := r.order.Back()
		r.order.Remove(oldest)
		delete(r.keys, r.at(oldest).key)
	}
}

func (r *recent[K, V]) at(element *list.Element) *keyed[K, V] {
	return element.Value.(*keyed[K, V]) //nolint:forcetypeassert // only this type is pushed
}

package jobs

// Kinds are the kinds of jobs that a worker does, by their names.
func Kinds() map[string]Kind {
	return map[string]Kind{}
}

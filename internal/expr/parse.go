package expr

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"

	"github.com/kontor-crm/kontor/internal/fault"
)

// maxProblems is the most that is said about one text.
const maxProblems = 10

// celParser knows no macros: has is one of our functions, and comprehensions
// have no translation into SQL.
var celParser = sync.OnceValues(func() (*parser.Parser, error) {
	return parser.NewParser(
		parser.EnablePrattParser(true),
		parser.MaxRecursionDepth(MaxDepth),
		parser.ExpressionSizeCodePointLimit(MaxLength),
		parser.ErrorRecoveryLimit(maxProblems),
		parser.ErrorReportingLimit(maxProblems),
	)
})

// parse reads a text as CEL, within the bounds.
func parse(text string) (*ast.AST, []fault.Violation) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, problem(1, 1, "the expression is empty")
	case len(text) > MaxLength:
		return nil, problem(1, 1, "the expression is longer than %d bytes", MaxLength)
	case !utf8.ValidString(text):
		return nil, problem(1, 1, "the expression is not valid UTF-8")
	}
	p, err := celParser()
	if err != nil {
		return nil, problem(1, 1, "the parser of expressions is not to be had: %v", err)
	}
	parsed, failures := p.Parse(common.NewTextSource(text))
	if failed := failures.GetErrors(); len(failed) > 0 {
		var problems []fault.Violation
		for _, f := range failed {
			// The parser counts columns from 0, and knows no place for what concerns the whole.
			problems = append(problems, problem(max(f.Location.Line(), 1), max(f.Location.Column(), 0)+1, "%s", inOurWords(f.Message))...)
		}
		return nil, problems
	}
	if ast.ExceedsDepth(parsed, MaxDepth) {
		return nil, problem(1, 1, "the expression is nested deeper than %d levels", MaxDepth)
	}
	if ast.NodeCount(parsed) > MaxNodes {
		return nil, problem(1, 1, "the expression has more than %d parts", MaxNodes)
	}
	return parsed, nil
}

// inOurWords says a parser's message in the words of the rest.
func inOurWords(message string) string {
	switch {
	case strings.Contains(message, "recursion limit"):
		return fmt.Sprintf("the expression is nested deeper than %d levels", MaxDepth)
	case strings.Contains(message, "<EOF>"):
		return "the expression ends too early"
	case strings.Contains(message, "invalid int literal"), strings.Contains(message, "invalid uint literal"):
		return "the whole number is too large; write it with a point, as in 10000000000000000000.0"
	case strings.Contains(message, "invalid double literal"):
		return "the number is too large"
	}
	return strings.TrimPrefix(message, "Syntax error: ")
}

func problem(line, column int, format string, args ...any) []fault.Violation {
	return []fault.Violation{{Message: fmt.Sprintf("%d:%d: ", line, column) + fmt.Sprintf(format, args...)}}
}

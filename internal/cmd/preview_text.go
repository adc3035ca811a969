package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// onlyLive says what a plan that asked no database does not know.
const onlyLive = "asks the records: only a live database can tell how many do not bear it"

// title says in a line what the plan comes to.
func (p *preview) title() string {
	if p.exitCode() == nil {
		return fmt.Sprintf("Tenant %s: no change", p.Tenant)
	}
	text := fmt.Sprintf("Tenant %s: %s", p.Tenant, counted(p.TotalChanges, "change"))
	if dangerous := p.dangerous(); dangerous > 0 {
		text += fmt.Sprintf(", %d dangerous", dangerous)
	}
	if len(p.Retained) > 0 {
		text += ", " + counted(len(p.Retained), "deleted resource") + " in use"
	}
	return text
}

func (p *preview) dangerous() int {
	found := 0
	for _, change := range p.Changes {
		if change.Class == crmv1.ChangeDangerous {
			found++
		}
	}
	return found
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// describe prints the plan for people.
func (p *preview) describe(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintln(&text, p.title())
	for _, change := range p.Changes {
		fmt.Fprintf(&text, "\n  %-9s  %s (%s)\n", change.Class, change.Summary, change.Resource)
		for _, note := range change.notes() {
			fmt.Fprintf(&text, "             %s\n", note)
		}
	}
	if len(p.Retained) > 0 {
		fmt.Fprint(&text, "\nDeleted, and kept in the applied schema because others need them:\n")
		for _, one := range p.Retained {
			fmt.Fprintf(&text, "  %s\n", one)
		}
	}
	return written(out, text.String())
}

// notes are what there is to say of a change beside its summary.
func (c *previewChange) notes() []string {
	var notes []string
	if c.Refused != "" {
		notes = append(notes, "refused: "+c.Refused)
	}
	switch impact := c.Impact; {
	case impact != nil && impact.Failing > 0:
		notes = append(notes, fmt.Sprintf("%s, %d with a value, %d failing: %s", counted(int(impact.Records), "record"), impact.Filled, impact.Failing,
			strings.Join(impact.FailingRecords, ", ")))
	case impact != nil:
		notes = append(notes, fmt.Sprintf("%s, %d with a value, none failing", counted(int(impact.Records), "record"), impact.Filled))
	case c.AsksRecords:
		notes = append(notes, onlyLive)
	}
	if c.Waits != "" {
		notes = append(notes, "would wait: "+c.Waits)
	}
	if c.Rewrites && c.Refused == "" {
		notes = append(notes, "rewrites the table")
	}
	return append(notes, aboutChange(&c.PlannedChange)...)
}

// aboutChange is what there is to say of a change's time, of what needs it, and of the
// way back, where that is worth a word.
func aboutChange(c *crmv1.PlannedChange) []string {
	var notes []string
	if c.Estimate != nil && c.Estimate.Duration > time.Second {
		notes = append(notes, "takes about "+c.Estimate.Duration.String()+" (an estimate)")
	}
	if len(c.Dependents) > 0 {
		notes = append(notes, "needed by "+strings.Join(c.Dependents, ", "))
	}
	switch {
	case c.Undo == crmv1.UndoNo:
		notes = append(notes, "cannot be undone")
	case c.Undo == crmv1.UndoKeptData && c.UndoFor != nil:
		notes = append(notes, "what it alters is kept for "+c.UndoFor.Duration.String())
	}
	return notes
}

// maxMarkdown bounds the details, so that the text fits into a comment: GitHub takes 65,536 characters.
const maxMarkdown = 48_000

// markdown prints the plan for a pull request: a table, then what it does in SQL in a fold.
func (p *preview) markdown(out io.Writer) error {
	var text, details strings.Builder
	fmt.Fprintf(&text, "### %s\n", escaped(p.title()))
	if len(p.Changes) > 0 {
		text.WriteString("\n| | Class | Resource | Change |\n|--:|---|---|---|\n")
	}
	for i, change := range p.Changes {
		class := string(change.Class)
		if change.Class == crmv1.ChangeDangerous {
			class = "**" + class + "**"
		}
		row := fmt.Sprintf("| %d | %s | %s | %s |\n", i+1, class, escaped(change.Resource),
			escaped(strings.Join(append([]string{change.Summary}, change.notes()...), "; ")))
		detail := change.detail(i + 1)
		if text.Len()+details.Len()+len(row)+len(detail) > maxMarkdown {
			fmt.Fprintf(&text, "| | | | and %d more, which `-o json` prints |\n", len(p.Changes)-i)
			break
		}
		text.WriteString(row)
		details.WriteString(detail)
	}
	if len(p.Retained) > 0 {
		text.WriteString("\nDeleted, and kept in the applied schema because others need them:\n\n")
		for _, one := range p.Retained {
			fmt.Fprintf(&text, "- %s\n", escaped(one))
		}
	}
	if details.Len() > 0 {
		fmt.Fprintf(&text, "\n<details>\n<summary>SQL</summary>\n%s\n</details>\n", details.String())
	}
	return written(out, text.String())
}

// detail is the SQL of a change and its lock; empty when it has none.
func (c *previewChange) detail(number int) string {
	if c.SQL == "" {
		return ""
	}
	lock := ""
	if c.Lock != "" {
		lock = ", lock " + c.Lock
	}
	fence := "```"
	for strings.Contains(c.SQL, fence) {
		fence += "`"
	}
	return fmt.Sprintf("\n%d\\. %s%s\n\n%ssql\n%s\n%s\n", number, escaped(c.Summary), lock, fence, c.SQL, fence)
}

// marks are what Markdown, or the HTML in it, would take for its own.
var marks = strings.NewReplacer(
	"\r", " ", "\n", " ", "&", "&amp;", "<", "&lt;", ">", "&gt;",
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`, "!", `\!`, "$", `\$`,
	"@", "@\u2060", // nobody is called by a label: a word joiner, which is not seen, stands between
)

// escaped is a text that Markdown prints as it is, on one line.
func escaped(text string) string { return marks.Replace(text) }

func written(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// Package search is what makes texts findable: it takes values apart into the
// tokens that an index holds, takes what people type apart in the same way, and
// says how well a value fits. It knows no database.
//
// Every part of a word of at least two Chinese or three other characters can be
// found, whatever its case, accents and width; shorter words find what begins
// with them. Chinese is found by pinyin and by the first letters of its pinyin
// as well.
package search

import (
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/schema"
)

// word is a run of Chinese, or of other letters and digits, in the form that is compared.
type word struct {
	class class
	runes []rune
	// at are the places of the characters in the text, in bytes: where each begins.
	at []int
	// end is where the word ends in the text, in bytes.
	end int
}

// wordsOf takes a text apart. What is no valid UTF-8 separates.
func wordsOf(text string) []word {
	var words []word
	var current *word
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		current = add(&words, current, r, at, at+size)
		at += size
	}
	return words
}

// Letters are the letters and digits of a text, without their case, accents and width:
// the same for what people take for the same name.
func Letters(text string) string {
	var letters []rune
	for _, w := range wordsOf(text) {
		letters = append(letters, w.runes...)
	}
	return string(letters)
}

// add puts a character into the word that it goes on with, or into a new one. It
// returns that word, or nil behind a separator. A mark of its own, such as an accent,
// neither counts nor separates.
func add(words *[]word, current *word, r rune, at, end int) *word {
	var buffer [18]rune
	for _, folded := range appendFolded(buffer[:0], r) {
		c := classOf(folded)
		if c == separator {
			current = nil
			continue
		}
		if current == nil || current.class != c {
			*words = append(*words, word{class: c})
			current = &(*words)[len(*words)-1]
		}
		current.runes = append(current.runes, folded)
		current.at = append(current.at, at)
		current.end = end
	}
	return current
}

// digitsOf is a phone number as one word, whatever stands between its digits.
func digitsOf(text string) []word {
	w := word{class: other}
	for _, part := range wordsOf(text) {
		for i, r := range part.runes {
			if r >= '0' && r <= '9' {
				w.runes, w.at, w.end = append(w.runes, r), append(w.at, part.at[i]), part.endOf(i)
			}
		}
	}
	if len(w.runes) == 0 {
		return nil
	}
	return []word{w}
}

// endOf is where the character ends in the text, in bytes.
func (w *word) endOf(i int) int {
	for _, at := range w.at[i:] {
		if at > w.at[i] {
			return at
		}
	}
	return w.end
}

// wordsIn takes the value of a field apart.
func wordsIn(f *schema.Field, text string) []word {
	if f.Type == schema.TypePhone {
		return digitsOf(text)
	}
	return wordsOf(text)
}

// lengthOf is the number of characters of all words.
func lengthOf(words []word) int {
	n := 0
	for i := range words {
		n += len(words[i].runes)
	}
	return n
}

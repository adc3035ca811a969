package search

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mozillazg/go-pinyin"
)

// The Chinese characters that have a reading here: the unified ones of Unicode's first block.
const (
	firstUnified = 0x4e00
	lastUnified  = 0x9fff
)

// The bounds of readings.
const (
	// maxReadings is the number of readings of one character that count, the usual ones
	// first. Each makes tokens; the rare ones are in old books.
	maxReadings = 2
	// maxSplits is the number of ways to take a word apart into syllables that count.
	maxSplits = 3
	// maxSyllable is the length of the longest syllable: zhuang.
	maxSyllable = 6
)

// dictionary is how characters are read.
type dictionary struct {
	// readings are the syllables of a character without tones, ü written v; initials their first letters.
	readings [lastUnified - firstUnified + 1][]string
	initials [lastUnified - firstUnified + 1][]rune
	// syllables are all that there are.
	syllables map[string]bool
}

// readings is made when the first Chinese text comes: many tenants have none.
var readings = sync.OnceValue(func() *dictionary {
	d := &dictionary{syllables: map[string]bool{}}
	for r := rune(firstUnified); r <= lastUnified; r++ {
		written, ok := pinyin.PinyinDict[int(r)]
		if !ok {
			continue
		}
		var of []string
		var initials []rune
		for reading := range strings.SplitSeq(written, ",") {
			syllable := toneless(reading)
			if !strings.ContainsAny(syllable, "aeiouv") || len(of) == maxReadings || slices.Contains(of, syllable) {
				continue
			}
			of = append(of, syllable)
			d.syllables[syllable] = true
			if first := rune(syllable[0]); !slices.Contains(initials, first) {
				initials = append(initials, first)
			}
		}
		d.readings[r-firstUnified], d.initials[r-firstUnified] = of, initials
	}
	return d
})

// toneless is a syllable as it is typed: zhōng is zhong, lǜ is lv.
func toneless(reading string) string {
	var letters []rune
	for _, r := range reading {
		if strings.ContainsRune("üǖǘǚǜ", r) {
			letters = append(letters, 'v')
			continue
		}
		letters = appendFolded(letters, r)
	}
	return strings.TrimFunc(string(letters), func(r rune) bool { return r < 'a' || r > 'z' })
}

// readingsOf are the syllables of a character, none when nobody knows how it is read.
func readingsOf(r rune) []string {
	if r < firstUnified || r > lastUnified {
		return nil
	}
	return readings().readings[r-firstUnified]
}

// initialsOf are the first letters of the readings of a character.
func initialsOf(r rune) []rune {
	if r < firstUnified || r > lastUnified {
		return nil
	}
	return readings().initials[r-firstUnified]
}

// isSpelling says whether a word can be pinyin: it holds the letters that people type for it.
func isSpelling(word []rune) bool {
	return !slices.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' })
}

// splits are the ways to take a word apart into syllables, those with the longest
// first. The last syllable may be unfinished, and is left out then; a way of whole
// syllables alone is better than any that is not.
func splits(word []rune) [][]string {
	if !isSpelling(word) || len(word) < 2 {
		return nil
	}
	s := splitter{text: string(word), known: readings().syllables, dead: map[int]bool{}}
	s.from(0, nil)
	if len(s.whole) > 0 {
		return s.whole
	}
	return s.begun
}

// splitter goes through the ways to split a word.
type splitter struct {
	text  string
	known map[string]bool
	// dead are the places from which nothing leads to the end.
	dead         map[int]bool
	whole, begun [][]string
}

// from splits the rest of the word; it says whether some way leads to the end.
func (s *splitter) from(at int, before []string) bool {
	if at == len(s.text) {
		s.whole = append(s.whole, slices.Clone(before))
		return true
	}
	if s.dead[at] {
		return false
	}
	found := false
	for length := min(maxSyllable, len(s.text)-at); length > 0 && len(s.whole) < maxSplits; length-- {
		if s.known[s.text[at:at+length]] && s.from(at+length, append(before, s.text[at:at+length])) {
			found = true
		}
	}
	if !found {
		s.dead[at] = true
		if len(before) > 0 && len(s.begun) < maxSplits && s.begins(s.text[at:]) {
			s.begun = append(s.begun, slices.Clone(before))
		}
	}
	return found
}

// begins says whether some syllable begins so.
func (s *splitter) begins(letters string) bool {
	if len(letters) >= maxSyllable {
		return false
	}
	for syllable := range maps.Keys(s.known) {
		if strings.HasPrefix(syllable, letters) {
			return true
		}
	}
	return false
}

package search

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// class is what kind of character one is, for the parts of a text.
type class byte

const (
	// separator is a space, a sign, punctuation: it ends a word and is not searched for.
	separator class = iota
	// han is a Chinese character. Chinese has no spaces, so a run of them is one word.
	han
	// other is any other letter or digit.
	other
)

func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return other
		}
		return separator
	case unicode.Is(unicode.Han, r):
		return han
	case unicode.IsLetter(r) || unicode.IsNumber(r):
		return other
	}
	return separator
}

// plain are letters that Unicode takes for letters of their own, and most people for these.
var plain = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'ø': "o", 'Ø': "o", 'ł': "l", 'Ł': "l",
	'đ': "d", 'Đ': "d", 'ð': "d", 'Ð': "d", 'þ': "th", 'Þ': "th", 'ħ': "h", 'Ħ': "h", 'ı': "i",
}

// appendFolded appends a character without its case, accents and width. What it
// gives for a character does not depend on those beside it, so that the form of a
// part of a text is a part of the form of the text.
func appendFolded(dst []rune, r rune) []rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return append(dst, r)
	}
	if firstUnified <= r && r <= lastUnified {
		return append(dst, r)
	}
	if text, ok := plain[r]; ok {
		return append(dst, []rune(text)...)
	}
	var buffer [32]byte
	decomposed := norm.NFKD.AppendString(buffer[:0], string(r))
	for len(decomposed) > 0 {
		d, size := utf8.DecodeRune(decomposed)
		isMark := unicode.In(d, unicode.Mn, unicode.Cf) || norm.NFKD.Properties(decomposed).CCC() != 0
		decomposed = decomposed[size:]
		if isMark || classOf(d) == separator && classOf(r) != separator {
			continue // ŀ is l and a dot, and one word all the same
		}
		if text, ok := plain[d]; ok {
			dst = append(dst, []rune(text)...)
			continue
		}
		dst = append(dst, unicode.ToLower(unicode.ToUpper(d))) // twice, for letters of two small forms: σ and ς
	}
	return dst
}

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	rowsMax    = 100_000
	columnsMax = 1_000
	sampleRows = 20
	byteOrder  = "\ufeff"
)

// Candidates for a delimiter, in the order in which they win where two fit equally well.
var candidates = []rune{',', ';', '\t', '|'}

// source is what every request about a table in text has.
type source struct {
	Text      string `json:"text"`
	Delimiter string `json:"delimiter"`
	Header    *bool  `json:"header"`
}

// table is one that was read; lines tells where each row begins in the text.
type table struct {
	columns   []string
	rows      [][]string
	lines     []int
	delimiter rune
}

// read returns the table of a text, where every row has as many fields as there are columns.
func (from source) read() (*table, error) {
	found, err := from.scan()
	if err != nil {
		return nil, err
	}
	for index, row := range found.rows {
		if len(row) != len(found.columns) {
			return nil, bad("line %d has %d fields and the first one has %d; Csv.Check lists all such lines",
				found.lines[index], len(row), len(found.columns))
		}
	}
	return found, nil
}

// scan returns the table of a text as it is, whatever its rows' lengths.
func (from source) scan() (*table, error) {
	text, delimiter, err := from.opened()
	if err != nil {
		return nil, err
	}
	found := &table{delimiter: delimiter, rows: [][]string{}}
	reader := reader(text, delimiter)
	for {
		row, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if len(row) > columnsMax {
			return nil, bad("a row has %d fields; at most %d are read", len(row), columnsMax)
		}
		line, _ := reader.FieldPos(0)
		found.rows, found.lines = append(found.rows, row), append(found.lines, line)
		if len(found.rows) > rowsMax {
			return nil, bad("there are more than %d rows: send them in parts", rowsMax)
		}
	}
	if len(found.rows) == 0 {
		return nil, bad("text: there is no row in it")
	}
	if from.Header == nil || *from.Header {
		found.columns, found.rows, found.lines = named(found.rows[0]), found.rows[1:], found.lines[1:]
		return found, nil
	}
	found.columns = named(make([]string, len(found.rows[0])))
	return found, nil
}

// opened returns the text without a byte order mark, and its delimiter.
func (from source) opened() (string, rune, error) {
	if len(from.Text) > textBytesMax {
		return "", 0, bad("text: %d bytes are too many, at most %d are read", len(from.Text), textBytesMax)
	}
	if strings.ContainsRune(from.Text, 0) {
		return "", 0, bad("text: it holds a zero byte, so it is no CSV")
	}
	text := strings.TrimPrefix(from.Text, byteOrder)
	if from.Delimiter == "" {
		return text, sniffed(text), nil
	}
	delimiter, err := delimiterOf(from.Delimiter)
	return text, delimiter, err
}

func delimiterOf(said string) (rune, error) {
	if said == "tab" {
		return '\t', nil
	}
	one, size := utf8.DecodeRuneInString(said)
	if size != len(said) || strings.ContainsRune("\"\r\n\u0000\ufffd", one) {
		return 0, bad("delimiter: expected one character such as , or ; or the word tab, and it is %q", short(said))
	}
	return one, nil
}

func reader(text string, delimiter rune) *csv.Reader {
	found := csv.NewReader(strings.NewReader(text))
	found.Comma, found.FieldsPerRecord = delimiter, -1
	return found
}

// sniffed returns the delimiter that makes the first rows longest and equally long.
func sniffed(text string) rune {
	best, most := ',', 1
	for _, candidate := range candidates {
		reader, width := reader(text, candidate), 0
		for count := 0; count < sampleRows; count++ {
			row, err := reader.Read()
			if err != nil {
				if err != io.EOF {
					width = 0
				}
				break
			}
			if count > 0 && len(row) != width {
				width = min(width, len(row)) / 2 // of those that fit badly the better one, for the message's sake
				break
			}
			width = len(row)
		}
		if width > most {
			best, most = candidate, width
		}
	}
	return best
}

// named returns names that differ: an empty one becomes column_3, the second "a" becomes a_2.
func named(header []string) []string {
	names, taken := make([]string, len(header)), map[string]bool{}
	for index, said := range header {
		name := strings.TrimSpace(said)
		if name == "" {
			name = fmt.Sprintf("column_%d", index+1)
		}
		for count, first := 2, name; taken[name]; count++ {
			name = fmt.Sprintf("%s_%d", first, count)
		}
		names[index], taken[name] = name, true
	}
	return names
}

func unreadable(err error) error {
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return bad("line %d, column %d: %s", wrong.Line, wrong.Column, said(wrong.Err))
	}
	return bad("the text cannot be read: %v", err)
}

func said(err error) string {
	switch err {
	case csv.ErrQuote:
		return "after or before a quotation mark stands something that does not belong there; write \"\" for one in a quoted field"
	case csv.ErrBareQuote:
		return "a quotation mark stands in a field that is not quoted"
	}
	return err.Error()
}

// column returns where a column is.
func (of *table) column(name string) (int, error) {
	for index, each := range of.columns {
		if each == name {
			return index, nil
		}
	}
	return 0, bad("there is no column %q; there are %s", short(name), short(strings.Join(of.columns, ", ")))
}

// rowObject is a row whose fields keep the columns' order.
type rowObject struct {
	columns []string
	values  []any
}

func (of rowObject) MarshalJSON() ([]byte, error) {
	var to bytes.Buffer
	for index, name := range of.columns {
		to.WriteByte("{,"[min(index, 1)])
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(of.values[index])
		if err != nil {
			return nil, err
		}
		to.Write(key)
		to.WriteByte(':')
		to.Write(value)
	}
	to.WriteByte('}')
	return to.Bytes(), nil
}

func short(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}

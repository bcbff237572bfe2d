package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const distinctMax = 10_000

var number = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// isNumber tells whether a text is one as JSON writes it; 007 is none, for who reads it back wants its zeros.
func isNumber(text string) bool {
	if len(text) > 40 || !number.MatchString(text) {
		return false
	}
	value, err := strconv.ParseFloat(text, 64)
	return err == nil && !math.IsInf(value, 0)
}

func isTruth(text string) bool {
	return strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
}

func isDate(text string) bool {
	if len(text) < len(time.DateOnly) || len(text) > 40 {
		return false
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// typed returns a field as the JSON value it spells; an empty one is null.
func typed(text string) any {
	switch {
	case text == "":
		return nil
	case isTruth(text):
		return strings.EqualFold(text, "true")
	case isNumber(text):
		return json.RawMessage(strings.TrimPrefix(text, "+"))
	}
	return text
}

// less orders two fields: numbers by their value, before texts; texts by their letters.
func less(one, other string) bool {
	first, second := isNumber(one), isNumber(other)
	if first && second {
		a, _ := strconv.ParseFloat(one, 64)
		b, _ := strconv.ParseFloat(other, 64)
		return a < b
	}
	if first != second {
		return first
	}
	return one < other
}

type summary struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Filled   int      `json:"filled"`
	Empty    int      `json:"empty"`
	Distinct int      `json:"distinct"`
	Least    string   `json:"least"`
	Greatest string   `json:"greatest"`
	Mean     *float64 `json:"mean,omitempty"`
}

func describe(body []byte) (any, error) {
	var asked source
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	found, err := asked.read()
	if err != nil {
		return nil, err
	}
	columns := make([]summary, len(found.columns))
	for at, name := range found.columns {
		columns[at] = found.summary(at, name)
	}
	return map[string]any{"rows": len(found.rows), "columns": columns, "delimiter": spelled(found.delimiter)}, nil
}

func (of *table) summary(at int, name string) summary {
	about, seen, sum := summary{Name: name}, map[string]bool{}, 0.0
	whole, numbers, truths, dates := true, true, true, true
	for _, row := range of.rows {
		text := row[at]
		if text == "" {
			about.Empty++
			continue
		}
		about.Filled++
		if len(seen) < distinctMax {
			seen[text] = true
		}
		if numbers = numbers && isNumber(text); numbers {
			value, _ := strconv.ParseFloat(text, 64)
			sum += value
			whole = whole && !strings.ContainsAny(text, ".eE")
		}
		truths = truths && isTruth(text)
		dates = dates && isDate(text)
		if about.Filled == 1 || less(text, about.Least) {
			about.Least = text
		}
		if about.Filled == 1 || less(about.Greatest, text) {
			about.Greatest = text
		}
	}
	about.Distinct, about.Type = len(seen), "text"
	about.Least, about.Greatest = short(about.Least), short(about.Greatest)
	switch {
	case about.Filled == 0:
		about.Type = "empty"
	case numbers && whole:
		about.Type = "integer"
	case numbers:
		about.Type = "number"
	case truths:
		about.Type = "boolean"
	case dates:
		about.Type = "date"
	}
	if mean := sum / float64(max(about.Filled, 1)); numbers && about.Filled > 0 && !math.IsInf(mean, 0) {
		about.Mean = &mean
	}
	return about
}

// rowsOf returns the header and the rows of a table that came as JSON: objects, or lists after `columns`.
func rowsOf(given []json.RawMessage, columns []string) ([][]string, error) {
	first := bytes.TrimSpace(given[0])
	objects := len(first) > 0 && first[0] == '{'
	if objects && len(columns) == 0 {
		var err error
		if columns, err = keysOf(first); err != nil {
			return nil, err
		}
	}
	if len(columns) > columnsMax {
		return nil, bad("columns: at most %d", columnsMax)
	}
	rows := [][]string{}
	if len(columns) > 0 {
		rows = append(rows, columns)
	}
	for index, one := range given {
		row, err := rowOf(one, columns, objects)
		if err != nil {
			return nil, bad("rows[%d]: %s", index, err.(*Fault).Detail)
		}
		if len(rows) > 0 && len(row) != len(rows[0]) {
			return nil, bad("rows[%d]: %s instead of %s", index, counted(len(row), "field"), counted(len(rows[0]), "field"))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func rowOf(one json.RawMessage, columns []string, objects bool) ([]string, error) {
	if !objects {
		var list []json.RawMessage
		if json.Unmarshal(one, &list) != nil || len(list) == 0 || len(list) > columnsMax {
			return nil, bad("expected a list of 1 to %d values, as the first row is one", columnsMax)
		}
		row := make([]string, len(list))
		for at, value := range list {
			row[at] = fieldOf(value)
		}
		return row, nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(one, &object) != nil || object == nil {
		return nil, bad("expected an object, as the first row is one")
	}
	row := make([]string, len(columns))
	known := 0
	for at, name := range columns {
		if value, there := object[name]; there {
			row[at] = fieldOf(value)
			known++
		}
	}
	if known < len(object) {
		for name := range object {
			if !contains(columns, name) {
				return nil, bad("there is no column %q: name every column in `columns`", short(name))
			}
		}
	}
	return row, nil
}

// fieldOf returns a JSON value as a field: a text as it is, null as nothing, anything else as JSON writes it.
func fieldOf(value json.RawMessage) string {
	var text *string
	if json.Unmarshal(value, &text) == nil {
		if text == nil {
			return ""
		}
		return *text
	}
	return string(value)
}

// keysOf returns an object's keys in their order.
func keysOf(object []byte) ([]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return nil, bad("rows[0]: %v", err)
	}
	keys := []string{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, bad("rows[0]: %v", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, bad("rows[0]: %v", err)
		}
		if name, ok := key.(string); ok && !contains(keys, name) {
			keys = append(keys, name)
		}
		if len(keys) > columnsMax {
			return nil, bad("rows[0]: at most %d columns", columnsMax)
		}
	}
	if len(keys) == 0 {
		return nil, bad("rows[0]: an object without members has no columns")
	}
	return keys, nil
}

func contains(names []string, name string) bool {
	for _, each := range names {
		if each == name {
			return true
		}
	}
	return false
}

func counted(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"sort"
	"strings"
)

const (
	rowsDefault  = 1_000
	rowsAtOnce   = 10_000
	problemsMax  = 100
	formulaStart = "=+-@\t\r"
)

// page is the part of the rows that is asked for.
type page struct {
	Offset int  `json:"offset"`
	Limit  *int `json:"limit"`
}

func (of page) cut(rows [][]string) ([][]string, error) {
	limit := rowsDefault
	if of.Limit != nil {
		limit = *of.Limit
	}
	if limit < 1 || limit > rowsAtOnce {
		return nil, bad("limit: expected 1 to %d, and it is %d", rowsAtOnce, limit)
	}
	if of.Offset < 0 {
		return nil, bad("offset: expected 0 or more, and it is %d", of.Offset)
	}
	from := min(of.Offset, len(rows))
	return rows[from : from+min(limit, len(rows)-from)], nil
}

func spelled(delimiter rune) string {
	if delimiter == '\t' {
		return "tab"
	}
	return string(delimiter)
}

func parse(body []byte) (any, error) {
	var asked struct {
		source
		page
		Types bool `json:"types"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	found, err := asked.read()
	if err != nil {
		return nil, err
	}
	shown, err := asked.cut(found.rows)
	if err != nil {
		return nil, err
	}
	rows := make([]rowObject, len(shown))
	for index, row := range shown {
		values := make([]any, len(row))
		for at, text := range row {
			values[at] = text
			if asked.Types {
				values[at] = typed(text)
			}
		}
		rows[index] = rowObject{found.columns, values}
	}
	return map[string]any{
		"columns": found.columns, "rows": rows, "count": len(found.rows), "delimiter": spelled(found.delimiter),
	}, nil
}

func check(body []byte) (any, error) {
	var asked source
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	type problem struct {
		Line   int    `json:"line"`
		Detail string `json:"detail"`
	}
	text, delimiter, err := asked.opened()
	if err != nil {
		return nil, err
	}
	found, err := asked.scan()
	if fault, ok := err.(*Fault); ok {
		problems := []problem{{brokenLine(text, delimiter), fault.Detail}}
		return map[string]any{"valid": false, "rows": 0, "columns": 0, "problems": problems}, nil
	}
	problems := []problem{}
	wrong := 0
	for index, row := range found.rows {
		if len(row) == len(found.columns) {
			continue
		}
		wrong++
		if wrong <= problemsMax {
			detail := counted(len(row), "field") + " instead of " + counted(len(found.columns), "field")
			problems = append(problems, problem{found.lines[index], detail})
		}
	}
	return map[string]any{
		"valid": wrong == 0, "rows": len(found.rows), "columns": len(found.columns), "problems": problems,
		"delimiter": spelled(found.delimiter),
	}, nil
}

// brokenLine returns the line from which a text cannot be read on, 0 where it can.
func brokenLine(text string, delimiter rune) int {
	reader := reader(text, delimiter)
	for {
		_, err := reader.Read()
		if wrong, ok := err.(*csv.ParseError); ok {
			return wrong.Line
		}
		if err != nil {
			return 0
		}
	}
}

func choose(body []byte) (any, error) {
	var asked struct {
		source
		page
		Columns    []string          `json:"columns"`
		Where      map[string]string `json:"where"`
		Sort       string            `json:"sort"`
		Descending bool              `json:"descending"`
		To         string            `json:"to"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	found, err := asked.read()
	if err != nil {
		return nil, err
	}
	rows, err := found.where(asked.Where)
	if err != nil {
		return nil, err
	}
	if asked.Sort != "" {
		at, err := found.column(asked.Sort)
		if err != nil {
			return nil, err
		}
		sort.SliceStable(rows, func(one, other int) bool {
			if asked.Descending {
				one, other = other, one
			}
			return less(rows[one][at], rows[other][at])
		})
	}
	matched := len(rows)
	if rows, err = asked.cut(rows); err != nil {
		return nil, err
	}
	columns := asked.Columns
	if len(columns) == 0 {
		columns = found.columns
	}
	if len(columns) > columnsMax {
		return nil, bad("columns: at most %d", columnsMax)
	}
	places := make([]int, len(columns))
	for index, name := range columns {
		if places[index], err = found.column(name); err != nil {
			return nil, err
		}
	}
	chosen := [][]string{columns}
	for _, row := range rows {
		fields := make([]string, len(places))
		for index, place := range places {
			fields[index] = row[place]
		}
		chosen = append(chosen, fields)
	}
	delimiter := found.delimiter
	if asked.To != "" {
		if delimiter, err = delimiterOf(asked.To); err != nil {
			return nil, err
		}
	}
	text, err := written(chosen, delimiter)
	return map[string]any{"text": text, "rows": len(rows), "count": matched}, err
}

// where returns the rows in which each of these columns holds this text.
func (of *table) where(wanted map[string]string) ([][]string, error) {
	places := map[int]string{}
	for name, text := range wanted {
		at, err := of.column(name)
		if err != nil {
			return nil, err
		}
		places[at] = text
	}
	rows := make([][]string, 0, len(of.rows))
next:
	for _, row := range of.rows {
		for at, text := range places {
			if row[at] != text {
				continue next
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func write(body []byte) (any, error) {
	var asked struct {
		Rows      []json.RawMessage `json:"rows"`
		Columns   []string          `json:"columns"`
		Delimiter string            `json:"delimiter"`
		Guard     bool              `json:"guard"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	if len(asked.Rows) == 0 || len(asked.Rows) > rowsMax {
		return nil, bad("rows: expected 1 to %d of them, and there are %d", rowsMax, len(asked.Rows))
	}
	delimiter := ','
	if asked.Delimiter != "" {
		var err error
		if delimiter, err = delimiterOf(asked.Delimiter); err != nil {
			return nil, err
		}
	}
	rows, err := rowsOf(asked.Rows, asked.Columns)
	if err != nil {
		return nil, err
	}
	if asked.Guard {
		for _, row := range rows {
			for at, text := range row {
				if text != "" && strings.ContainsRune(formulaStart, rune(text[0])) && !isNumber(text) {
					row[at] = "'" + text
				}
			}
		}
	}
	text, err := written(rows, delimiter)
	return map[string]any{"text": text, "rows": len(asked.Rows)}, err
}

func written(rows [][]string, delimiter rune) (string, error) {
	var to bytes.Buffer
	writer := csv.NewWriter(&to)
	writer.Comma = delimiter
	if err := writer.WriteAll(rows); err != nil {
		return "", bad("the table cannot be written: %v", err)
	}
	return to.String(), nil
}

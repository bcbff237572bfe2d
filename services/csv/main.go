// Csv reads, checks, describes, selects and writes tables in CSV. It keeps nothing: each request holds its table.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

//go:embed describe.json
var description string

// textBytesMax bounds a table that comes in, answerBytesMax an answer: a message takes 4 MiB.
const (
	textBytesMax   = 1_000_000
	answerBytesMax = 3_500_000
)

var endpoints = map[string]func(body []byte) (any, error){
	"Csv.Parse":    parse,
	"Csv.Write":    write,
	"Csv.Describe": describe,
	"Csv.Select":   choose,
	"Csv.Check":    check,
}

func init() {
	Describe = description
	OnCall = call
}

func call(request Message) (answer []byte, err error) {
	defer func() {
		if found := recover(); found != nil {
			answer, err = nil, &Fault{Code: 500, Detail: fmt.Sprintf("csv has a fault of its own: %v", found)}
		}
	}()
	name := request.Header["Micro-Endpoint"]
	endpoint, known := endpoints[name]
	if !known {
		return nil, &Fault{Code: 404, Detail: "csv has no endpoint " + name}
	}
	found, err := endpoint(request.Body)
	if err != nil {
		return nil, err
	}
	if answer, err = json.Marshal(found); err != nil {
		return nil, err
	}
	if len(answer) > answerBytesMax {
		return nil, &Fault{Code: 413, Detail: "the answer would be too large: ask for fewer rows, with offset and limit"}
	}
	return answer, nil
}

// read fills a request's fields, and refuses what is none of them.
func read(body []byte, into any) error {
	if len(body) == 0 {
		body = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	err := decoder.Decode(into)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("something follows the value")
		}
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return bad("%s: expected %s, and it is a %s", wrong.Field, shape(wrong), wrong.Value)
	}
	if err != nil {
		return bad("the request is no JSON object of this endpoint's fields: %v", err)
	}
	return nil
}

func shape(wrong *json.UnmarshalTypeError) string {
	switch wrong.Type.Kind().String() {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "int", "float64":
		return "a whole number"
	case "slice":
		return "a list"
	}
	return "an object"
}

func bad(format string, given ...any) error {
	return &Fault{Code: 400, Detail: fmt.Sprintf(format, given...)}
}

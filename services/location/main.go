// Location measures between places on the earth, and finds cities near them. It knows a table of cities and no map.
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

var endpoints = map[string]func(body []byte) (any, error){
	"Location.Distance":    distance,
	"Location.Destination": destination,
	"Location.Nearest":     nearest,
	"Location.Find":        find,
	"Location.Geohash":     encodeHash,
	"Location.Locate":      locate,
}

func init() {
	Describe = description
	OnCall = call
}

func call(request Message) (answer []byte, err error) {
	defer func() {
		if found := recover(); found != nil {
			answer, err = nil, &Fault{Code: 500, Detail: fmt.Sprintf("location has a fault of its own: %v", found)}
		}
	}()
	name := request.Header["Micro-Endpoint"]
	endpoint, known := endpoints[name]
	if !known {
		return nil, &Fault{Code: 404, Detail: "location has no endpoint " + name}
	}
	found, err := endpoint(request.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(found)
}

// read fills a request's fields, and refuses what is none of them.
func read(body []byte, into any) error {
	if len(body) == 0 {
		body = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("something follows the value")
		}
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return bad("%s: expected a %s, and it is a %s", wrong.Field, kinds[wrong.Type.Kind().String()], wrong.Value)
	}
	if err != nil {
		return bad("the request is no JSON object of this endpoint's fields: %v", err)
	}
	return nil
}

var kinds = map[string]string{"string": "text", "int": "whole number", "float64": "number", "struct": "JSON object"}

func bad(format string, given ...any) error {
	return &Fault{Code: 400, Detail: fmt.Sprintf(format, given...)}
}

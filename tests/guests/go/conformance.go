package main

func init() {
	Describe = `{"name":"conformance","instances":"pooled","endpoints":[
		{"name":"Test.Echo"},{"name":"Test.Relay"},{"name":"Test.Keep"},{"name":"Test.Setting"},
		{"name":"Test.Fail"},{"name":"Test.Count","kind":"stream"}],
		"subscriptions":[{"topic":"test.asked","queue":"conformance"}]}`
	OnCall = call
	OnServe = serve
	OnEvent = func(event Message) error {
		_, err := Publish("test.handled", event.Body)
		return err
	}
}

func call(request Message) ([]byte, error) {
	switch request.Header["Micro-Endpoint"] {
	case "Test.Echo":
		Log(1, "asked to echo")
		return request.Body, nil
	case "Test.Relay":
		return Call("other", "Test.Echo", request.Body)
	case "Test.Keep":
		if err := Write("kept", request.Body, 0); err != nil {
			return nil, err
		}
		return Read("kept")
	case "Test.Setting":
		found, err := Config("greeting")
		if err == nil && found == nil {
			err = &Fault{Code: 404, Detail: "nothing is there"}
		}
		return found, err
	}
	return nil, &Fault{Code: 422, Detail: "as was asked"}
}

func serve(request Message) error {
	for {
		body, more, err := Receive(0)
		if err != nil || !more {
			return err
		}
		if err := Send(0, body); err != nil {
			return err
		}
	}
}

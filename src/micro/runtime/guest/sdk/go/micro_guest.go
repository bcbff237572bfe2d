// micro-core-1 for Go: docs/reference/guest-abi.md explains every word. The build puts this file beside the sources.
//
// A guest's main package sets Describe, OnCall and, where it has streams or subscriptions, OnServe and OnEvent in an
// init function.
package main

import (
	"encoding/json"
	"unsafe"
)

// Message is a request or an event.
type Message struct {
	Header map[string]string
	Body   []byte
}

// Fault is an error that travels.
type Fault struct {
	Id     string `json:"id"`
	Code   int    `json:"code"`
	Detail string `json:"detail"`
	Status string `json:"status"`
}

func (fault *Fault) Error() string { return fault.Detail }

var (
	// Describe is what the service says about itself, in JSON.
	Describe string
	// OnCall answers a call.
	OnCall func(request Message) ([]byte, error)
	// OnServe serves a stream, which has the number 0.
	OnServe func(request Message) error
	// OnEvent handles an event.
	OnEvent func(event Message) error
)

//go:wasmimport micro take
func rawTake(place unsafe.Pointer)

//go:wasmimport micro waiting
func rawWaiting() int32

//go:wasmimport micro answer
func rawAnswer(body unsafe.Pointer, length uint32)

//go:wasmimport micro fail
func rawFail(code int32, detail unsafe.Pointer, length uint32)

//go:wasmimport micro log
func rawLog(level int32, line unsafe.Pointer, length uint32)

//go:wasmimport micro call
func rawCall(message unsafe.Pointer, length uint32) int32

//go:wasmimport micro publish
func rawPublish(message unsafe.Pointer, length uint32) int32

//go:wasmimport micro config
func rawConfig(path unsafe.Pointer, length uint32) int32

//go:wasmimport micro store_read
func rawStoreRead(key unsafe.Pointer, length uint32) int32

//go:wasmimport micro store_write
func rawStoreWrite(key unsafe.Pointer, keyLength uint32, value unsafe.Pointer, length uint32, expirySeconds int32) int32

//go:wasmimport micro store_delete
func rawStoreDelete(key unsafe.Pointer, length uint32) int32

//go:wasmimport micro store_list
func rawStoreList(prefix unsafe.Pointer, length uint32, limit int32) int32

//go:wasmimport micro stream_open
func rawStreamOpen(message unsafe.Pointer, length uint32) int32

//go:wasmimport micro stream_send
func rawStreamSend(number int32, body unsafe.Pointer, length uint32) int32

//go:wasmimport micro stream_receive
func rawStreamReceive(number int32) int32

//go:wasmimport micro stream_end
func rawStreamEnd(number int32) int32

//go:wasmimport micro stream_close
func rawStreamClose(number int32) int32

func at(data []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(data)), uint32(len(data))
}

// taken returns what an outcome stands for; nothing at all is nil, and no error.
func taken(outcome int32) ([]byte, error) {
	if outcome == -1 {
		return nil, nil
	}
	length := max(rawWaiting(), 0)
	data := make([]byte, length+1)
	if length > 0 || rawWaiting() == 0 {
		rawTake(unsafe.Pointer(unsafe.SliceData(data)))
	}
	data = data[:length]
	if outcome < 0 {
		fault := &Fault{Code: int(-outcome)}
		_ = json.Unmarshal(data, fault)
		return nil, fault
	}
	return data, nil
}

func done(outcome int32) error {
	if outcome >= -1 {
		return nil
	}
	_, err := taken(outcome)
	return err
}

func varint(data []byte) (int, []byte) {
	number := 0
	for index := 0; index < len(data) && index < 5; index++ {
		number |= int(data[index]&127) << (7 * index)
		if data[index] < 128 {
			return number, data[index+1:]
		}
	}
	return 0, nil
}

func fields(data []byte, each func(tag byte, content []byte)) {
	for len(data) > 0 {
		tag := data[0]
		size, rest := varint(data[1:])
		if size > len(rest) {
			return
		}
		each(tag, rest[:size])
		data = rest[size:]
	}
}

func decode(data []byte) Message {
	found := Message{Header: map[string]string{}}
	fields(data, func(tag byte, content []byte) {
		if tag == 0x12 {
			found.Body = content
			return
		}
		var name, value string
		fields(content, func(tag byte, content []byte) {
			if tag == 0x0a {
				name = string(content)
			} else {
				value = string(content)
			}
		})
		found.Header[name] = value
	})
	return found
}

func field(to []byte, tag byte, content []byte) []byte {
	to = append(to, tag)
	size := len(content)
	for ; size > 127; size >>= 7 {
		to = append(to, byte(size)|128)
	}
	return append(append(to, byte(size)), content...)
}

func encode(message Message) []byte {
	var to []byte
	for name, value := range message.Header {
		to = field(to, 0x0a, field(field(nil, 0x0a, []byte(name)), 0x12, []byte(value)))
	}
	return field(to, 0x12, message.Body)
}

// Call calls an endpoint of a service.
func Call(service, endpoint string, body []byte) ([]byte, error) {
	message := encode(Message{map[string]string{"Micro-Service": service, "Micro-Endpoint": endpoint}, body})
	return taken(rawCall(at(message)))
}

// Publish publishes on a topic and returns the event's id.
func Publish(topic string, body []byte) (string, error) {
	id, err := taken(rawPublish(at(encode(Message{map[string]string{"Micro-Topic": topic}, body}))))
	return string(id), err
}

// Log writes a line to the service's log: 0 debug, 1 information, 2 warning, 3 error.
func Log(level int, line string) {
	pointer, length := at([]byte(line))
	rawLog(int32(level), pointer, length)
}

// Config returns a setting of the service as JSON, nil where there is none.
func Config(path string) ([]byte, error) { return taken(rawConfig(at([]byte(path)))) }

// Read returns what is kept under a key, nil for nothing.
func Read(key string) ([]byte, error) { return taken(rawStoreRead(at([]byte(key)))) }

// Write keeps a value, for ever where expirySeconds is 0.
func Write(key string, value []byte, expirySeconds int) error {
	keyAt, keyLength := at([]byte(key))
	valueAt, length := at(value)
	return done(rawStoreWrite(keyAt, keyLength, valueAt, length, int32(expirySeconds)))
}

// Delete forgets a key; it tells whether it was there.
func Delete(key string) (bool, error) {
	outcome := rawStoreDelete(at([]byte(key)))
	return outcome == 0, done(outcome)
}

// List returns keys that begin so.
func List(prefix string, limit int) (keys []string, err error) {
	pointer, length := at([]byte(prefix))
	found, err := taken(rawStoreList(pointer, length, int32(limit)))
	if err == nil {
		err = json.Unmarshal(found, &keys)
	}
	return keys, err
}

// Open opens a stream to an endpoint and returns its number.
func Open(service, endpoint string, body []byte) (int, error) {
	outcome := rawStreamOpen(at(encode(Message{map[string]string{"Micro-Service": service, "Micro-Endpoint": endpoint}, body})))
	return int(outcome), done(outcome)
}

// Send sends a message on a stream; 0 is the one that is served.
func Send(number int, body []byte) error {
	pointer, length := at(body)
	return done(rawStreamSend(int32(number), pointer, length))
}

// Receive returns the next message of a stream; it tells whether there was one.
func Receive(number int) ([]byte, bool, error) {
	outcome := rawStreamReceive(int32(number))
	body, err := taken(outcome)
	return body, outcome >= 0, err
}

// End says that no more is sent on a stream.
func End(number int) error { return done(rawStreamEnd(int32(number))) }

// Close withdraws from a stream that was opened here.
func Close(number int) error { return done(rawStreamClose(int32(number))) }

func settle(body []byte, err error, gives bool) {
	if err != nil {
		fault, ok := err.(*Fault)
		if !ok {
			fault = &Fault{Code: 500, Detail: err.Error()}
		}
		pointer, length := at([]byte(fault.Detail))
		rawFail(int32(fault.Code), pointer, length)
	} else if gives {
		rawAnswer(at(body))
	}
}

//go:wasmexport micro_describe
func exportDescribe() { rawAnswer(at([]byte(Describe))) }

//go:wasmexport micro_call
func exportCall(length int32) {
	request, _ := taken(length)
	body, err := OnCall(decode(request))
	settle(body, err, true)
}

//go:wasmexport micro_serve
func exportServe(length int32) {
	request, _ := taken(length)
	settle(nil, OnServe(decode(request)), false)
}

//go:wasmexport micro_event
func exportEvent(length int32) {
	event, _ := taken(length)
	settle(nil, OnEvent(decode(event)), false)
}

// A program of somebody who knows go-micro and nothing else; the test puts the path of one generation for MICRO.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	micro "MICRO"
	"MICRO/client"
	"MICRO/errors"
	"MICRO/server"
)

type Request struct {
	Name string `json:"name"`
}

type Response struct {
	Msg string `json:"msg"`
}

type Say struct{}

func (s *Say) Hello(ctx context.Context, req *Request, rsp *Response) error {
	rsp.Msg = "Hello " + req.Name
	return nil
}

func (s *Say) Fail(ctx context.Context, req *Request, rsp *Response) error {
	return errors.BadRequest("greeter.Say.Fail", "no name %s", req.Name)
}

func (s *Say) Plain(ctx context.Context, req *Request, rsp *Response) error {
	return fmt.Errorf("plain error")
}

// Chat echoes until somebody says bye.
func (s *Say) Chat(ctx context.Context, stream server.Stream) error {
	for {
		var req Request
		if err := stream.Recv(&req); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if req.Name == "bye" {
			return nil
		}
		if err := stream.Send(&Response{Msg: "echo " + req.Name}); err != nil {
			return err
		}
	}
}

// Count sends three messages, slowly: go-micro sends rapid ones from one buffer, and they arrive as the last one.
func (s *Say) Count(ctx context.Context, stream server.Stream) error {
	var req Request
	if err := stream.Recv(&req); err != nil {
		return err
	}
	for n := 0; n < 3; n++ {
		if err := stream.Send(&Response{Msg: fmt.Sprintf("%s %d", req.Name, n)}); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

type Pb struct{}

func (p *Pb) Hello(ctx context.Context, req *wrapperspb.StringValue, rsp *wrapperspb.StringValue) error {
	rsp.Value = "Hello " + req.Value
	return nil
}

func say(what string, found interface{}, err error) {
	line := map[string]interface{}{"what": what, "found": found}
	if err != nil {
		line["error"] = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(line)
}

func heard(ctx context.Context, req *Request) error {
	say("heard", req.Name, nil)
	return nil
}

func serve(service micro.Service) {
	micro.RegisterHandler(service.Server(), new(Say))
	micro.RegisterHandler(service.Server(), new(Pb))
	topic, queue := os.Getenv("INTEROP_TOPIC"), os.Getenv("INTEROP_QUEUE")
	if queue != "" {
		micro.RegisterSubscriber(topic, service.Server(), heard, server.SubscriberQueue(queue))
	} else if topic != "" {
		micro.RegisterSubscriber(topic, service.Server(), heard)
	}
	go func() {
		time.Sleep(500 * time.Millisecond)
		say("serving", service.Server().Options().Address, nil)
	}()
	if err := service.Run(); err != nil {
		say("run", nil, err)
		os.Exit(1)
	}
}

func call(c client.Client, service, endpoint, contentType string, req, rsp interface{}) error {
	return c.Call(context.Background(), c.NewRequest(service, endpoint, req, client.WithContentType(contentType)), rsp)
}

// talk opens a stream, sends the names one after the other, and takes so many answers to each; none to bye.
func talk(c client.Client, service, endpoint string, names []string, answers int) ([]string, error) {
	found := []string{}
	opening := c.NewRequest(service, endpoint, &Request{}, client.WithContentType("application/json"))
	stream, err := c.Stream(context.Background(), opening)
	if err != nil {
		return found, err
	}
	defer stream.Close()
	for _, name := range names {
		if err := stream.Send(&Request{Name: name}); err != nil {
			return found, err
		}
		for n := 0; n < answers && name != "bye"; n++ {
			var rsp Response
			if err := stream.Recv(&rsp); err != nil {
				return found, err
			}
			found = append(found, rsp.Msg)
		}
	}
	var rest Response
	return found, stream.Recv(&rest)
}

func ask(c client.Client, service string) {
	const JSON = "application/json"
	var rsp Response
	err := call(c, service, "Say.Hello", JSON, &Request{Name: "John"}, &rsp)
	say("unary JSON", rsp.Msg, err)
	var value wrapperspb.StringValue
	err = call(c, service, "Pb.Hello", "application/protobuf", &wrapperspb.StringValue{Value: "John"}, &value)
	say("unary protobuf", value.Value, err)
	said, err := talk(c, service, "Say.Chat", []string{"a", "b", "bye"}, 1)
	say("bidirectional stream", said, err)
	said, err = talk(c, service, "Say.Count", []string{"John"}, 3)
	say("server stream", said, err)
	err = call(c, service, "Say.Fail", JSON, &Request{Name: "John"}, &rsp)
	say("structured error", nil, err)
	err = call(c, service, "Say.Plain", JSON, &Request{Name: "John"}, &rsp)
	say("plain error", nil, err)
}

// Greeting is what a greeter of either make says.
type Greeting struct {
	Msg  string `json:"msg"`
	Text string `json:"text"`
}

// load has so many callers ask an address, each one call after the other, and says how many were answered.
func load(c client.Client, service, address string, callers int, lasts time.Duration) {
	var answered int64
	var wait sync.WaitGroup
	failed := make(chan error, callers)
	until := time.Now().Add(lasts)
	for n := 0; n < callers; n++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(until) {
				var rsp Greeting
				req := c.NewRequest(service, "Say.Hello", &Request{Name: "Ann"}, client.WithContentType("application/json"))
				if err := c.Call(context.Background(), req, &rsp, client.WithAddress(address)); err != nil {
					failed <- err
					return
				}
				if rsp.Msg+rsp.Text != "Hello Ann" {
					failed <- fmt.Errorf("another answer: %v", rsp)
					return
				}
				atomic.AddInt64(&answered, 1)
			}
		}()
	}
	wait.Wait()
	close(failed)
	say("load", answered, <-failed)
}

func number(name string) int {
	n, _ := strconv.Atoi(os.Getenv(name))
	return n
}

func main() {
	service := newService(os.Getenv("INTEROP_NAME"))
	switch os.Getenv("INTEROP_DO") {
	case "serve":
		serve(service)
	case "ask":
		ask(service.Client(), os.Getenv("INTEROP_SERVICE"))
	case "load":
		lasts := time.Duration(number("INTEROP_MILLISECONDS")) * time.Millisecond
		load(service.Client(), os.Getenv("INTEROP_SERVICE"), os.Getenv("INTEROP_ADDRESS"), number("INTEROP_CALLERS"), lasts)
	case "publish":
		c := service.Client()
		message := c.NewMessage(os.Getenv("INTEROP_TOPIC"), &Request{Name: "John"}, client.WithMessageContentType("application/json"))
		say("publish", nil, c.Publish(context.Background(), message))
		time.Sleep(time.Second) // go-micro publishes behind the back of its caller
	default:
		more(service, os.Getenv("INTEROP_DO"))
	}
}

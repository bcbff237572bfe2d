// Asks a node by gRPC with go-micro v2 as it is: its default client, nothing set but the address. Prints what came.
// With INTEROP_DO=serve it is a service instead, on its default server, in protobuf and in JSON.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	micro "github.com/micro/go-micro/v2"
	"github.com/micro/go-micro/v2/client"
	"github.com/micro/go-micro/v2/errors"
	"github.com/micro/go-micro/v2/server"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type object map[string]interface{}

type Pb struct{}

func (p *Pb) Hello(ctx context.Context, req *wrapperspb.StringValue, rsp *wrapperspb.StringValue) error {
	rsp.Value = "Hello " + req.Value
	return nil
}

func (p *Pb) Fail(ctx context.Context, req *wrapperspb.StringValue, rsp *wrapperspb.StringValue) error {
	return errors.Conflict("greeter.Pb.Fail", "no name %s", req.Value)
}

// Chat echoes until nothing more comes.
func (p *Pb) Chat(ctx context.Context, stream server.Stream) error {
	for {
		var req wrapperspb.StringValue
		if err := stream.Recv(&req); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(&wrapperspb.StringValue{Value: "echo " + req.Value}); err != nil {
			return err
		}
	}
}

type Request struct {
	Name string `json:"name"`
}

type Answer struct {
	Msg string `json:"msg"`
}

// Say has types of Go, as most services have, and is asked in JSON alone.
type Say struct{}

func (s *Say) Hello(ctx context.Context, req *Request, rsp *Answer) error {
	rsp.Msg = "Hello " + req.Name
	return nil
}

func serve() {
	service := micro.NewService(micro.Name("go.cards"))
	service.Init()
	micro.RegisterHandler(service.Server(), new(Pb))
	micro.RegisterHandler(service.Server(), new(Say))
	if err := service.Run(); err != nil {
		panic(err)
	}
}

func main() {
	if os.Getenv("INTEROP_DO") == "serve" {
		serve()
		return
	}
	address := client.WithAddress(os.Args[1])
	asked := micro.NewService(micro.Name("go.asking")).Client()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	request := func(endpoint string, body object, options ...client.RequestOption) client.Request {
		options = append(options, client.WithContentType("application/json"))
		return asked.NewRequest("greeter", endpoint, body, options...)
	}
	said := object{}

	var answer object
	if err := asked.Call(ctx, request("Say.Hello", object{"name": "Go"}), &answer, address); err != nil {
		panic(err)
	}
	said["call"] = answer

	err := asked.Call(ctx, request("Say.Fail", object{"code": 409}), &answer, address)
	if fault, ok := err.(*errors.Error); ok {
		said["fault"] = []interface{}{fault.Id, fault.Code, fault.Detail, fault.Status}
	}

	counting, err := asked.Stream(ctx, request("Say.Count", object{}, client.StreamingRequest()), address)
	if err != nil {
		panic(err)
	}
	counting.Send(object{"to": 3})
	var items []object
	for {
		var item object
		if err := counting.Recv(&item); err == io.EOF {
			break
		} else if err != nil {
			panic(err)
		}
		items = append(items, item)
	}
	said["count"] = items

	room, err := asked.Stream(ctx, request("Say.Room", object{}, client.StreamingRequest()), address)
	if err != nil {
		panic(err)
	}
	room.Send(object{"prefix": "*"})
	room.Send(object{"result": "a"})
	var back object
	if err := room.Recv(&back); err != nil {
		panic(err)
	}
	said["room"] = back
	room.Close()
	json.NewEncoder(os.Stdout).Encode(said)
}

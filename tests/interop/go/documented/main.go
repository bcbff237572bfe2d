// A service as go-micro's documentation writes one; nothing in it knows of this network.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	micro "MICRO"
	"MICRO/client"
	"MICRO/errors"
	"MICRO/server"
)

type Request struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type Response struct {
	Greeting string `json:"greeting"`
}

type Greeter struct {
	client client.Client
}

func (g *Greeter) Hello(ctx context.Context, req *Request, rsp *Response) error {
	if req.Name == "" {
		return errors.BadRequest("greeter.Greeter.Hello", "no name")
	}
	rsp.Greeting = "Hello " + req.Name
	return nil
}

// Counted says hello to so many, one message each.
func (g *Greeter) Counted(ctx context.Context, stream server.Stream) error {
	var req Request
	if err := stream.Recv(&req); err != nil {
		return err
	}
	for n := 0; n < req.Count; n++ {
		if err := stream.Send(&Response{Greeting: fmt.Sprintf("Hello %s %d", req.Name, n)}); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// Shouted has another service shout the greeting.
func (g *Greeter) Shouted(ctx context.Context, req *Request, rsp *Response) error {
	request := g.client.NewRequest("shouter", "Shouter.Shout", &map[string]string{"text": "Hello " + req.Name}, client.WithContentType("application/json"))
	var answer struct {
		Result string `json:"result"`
	}
	if err := g.client.Call(ctx, request, &answer); err != nil {
		return err
	}
	rsp.Greeting = answer.Result
	return nil
}

// Announced publishes the name for whoever listens.
func (g *Greeter) Announced(ctx context.Context, req *Request, rsp *Response) error {
	message := g.client.NewMessage("greeted", req, client.WithMessageContentType("application/json"))
	return g.client.Publish(ctx, message)
}

func (g *Greeter) Crash(ctx context.Context, req *Request, rsp *Response) error {
	os.Exit(3)
	return nil
}

func heard(ctx context.Context, req *Request) error {
	log.Printf("heard of %s", req.Name)
	return nil
}

func main() {
	service := micro.NewService(micro.Name("go.micro.srv.greeter"), micro.Version("1.2.3"))
	service.Init()
	micro.RegisterHandler(service.Server(), &Greeter{client: service.Client()})
	micro.RegisterSubscriber("arrivals", service.Server(), heard, server.SubscriberQueue("greeters"))
	if err := service.Run(); err != nil {
		log.Fatal(err)
	}
}

// A node of a go-micro v2 network in one process: a service, and a client that asks through the network.
//
// It says on its standard output, a JSON object a line, what it is asked, and what came of what it asks.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/micro/go-micro/v2/client"
	cmucp "github.com/micro/go-micro/v2/client/mucp"
	"github.com/micro/go-micro/v2/errors"
	"github.com/micro/go-micro/v2/network"
	"github.com/micro/go-micro/v2/network/resolver"
	"github.com/micro/go-micro/v2/proxy"
	pmucp "github.com/micro/go-micro/v2/proxy/mucp"
	"github.com/micro/go-micro/v2/registry"
	"github.com/micro/go-micro/v2/registry/memory"
	"github.com/micro/go-micro/v2/router"
	"github.com/micro/go-micro/v2/server"
	smucp "github.com/micro/go-micro/v2/server/mucp"
	"github.com/micro/go-micro/v2/transport/grpc"
	"github.com/micro/go-micro/v2/tunnel"
)

type Request struct {
	Name string `json:"name"`
}

type Answer struct {
	Msg string `json:"msg"`
}

type Say struct{}

func (s *Say) Hello(ctx context.Context, req *Request, rsp *Answer) error {
	rsp.Msg = "Hello " + req.Name
	return nil
}

func (s *Say) Fail(ctx context.Context, req *Request, rsp *Answer) error {
	return errors.Conflict("go.greeter.Say.Fail", "no name %s", req.Name)
}

// Chat echoes until it is told "bye".
func (s *Say) Chat(ctx context.Context, stream server.Stream) error {
	for {
		var req Request
		if err := stream.Recv(&req); err != nil {
			return err
		}
		if req.Name == "bye" {
			return nil
		}
		if err := stream.Send(&Answer{"echo " + req.Name}); err != nil {
			return err
		}
	}
}

// Count waits between its answers: the server of go-micro v2 may send the last of several at once in place of each.
func (s *Say) Count(ctx context.Context, stream server.Stream) error {
	var req Request
	if err := stream.Recv(&req); err != nil {
		return err
	}
	for i := 0; i < 3; i++ {
		if err := stream.Send(&Answer{fmt.Sprintf("%s %d", req.Name, i)}); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// nobody finds no other nodes: they come to this one.
type nobody struct{}

func (nobody) Resolve(name string) ([]*resolver.Record, error) { return nil, nil }

func say(what string, value interface{}, err error) {
	line := map[string]interface{}{"did": what, "value": value}
	if err != nil {
		line["error"] = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(line)
}

func main() {
	address, token, wanted := os.Getenv("INTEROP_PEER"), os.Getenv("INTEROP_TOKEN"), os.Getenv("INTEROP_WANTED")
	reg := memory.NewRegistry()
	local := cmucp.NewClient(client.Registry(reg))

	greeter := smucp.NewServer(server.Name("go.greeter"), server.Registry(reg), server.Address("127.0.0.1:0"))
	greeter.Handle(greeter.NewHandler(&Say{}))
	if err := greeter.Start(); err != nil {
		say("serve", nil, err)
		return
	}

	tun := tunnel.NewTunnel(tunnel.Token(token), tunnel.Transport(grpc.NewTransport()), tunnel.Address(address))
	rtr := router.NewRouter(router.Id("go-peer"), router.Registry(reg), router.Network("go.micro"))
	net := network.NewNetwork(
		network.Id("go-peer"), network.Name("go.micro"), network.Address(address), network.Advertise(address),
		network.Tunnel(tun), network.Router(rtr), network.Resolver(nobody{}),
	)
	way := pmucp.NewProxy(proxy.WithRouter(rtr), proxy.WithClient(local), proxy.WithLink("network", net.Client()))
	net.Server().Init(server.WithRouter(way), server.Registry(memory.NewRegistry()))
	door := smucp.NewServer(server.Name("go.door"), server.Registry(reg), server.Address("127.0.0.1:0"), server.WithRouter(way))
	if err := door.Start(); err != nil {
		say("door", nil, err)
		return
	}
	if err := net.Connect(); err != nil {
		say("connect", nil, err)
		return
	}
	say("ready", address, nil)
	ask(local, reg, rtr, wanted)
	time.Sleep(time.Hour)
}

// talk streams, and returns what was answered and how it ended.
func talk(c client.Client, service, endpoint string, names []string, answers int, through client.CallOption) []string {
	request := c.NewRequest(service, endpoint, &Request{}, client.WithContentType("application/json"), client.StreamingRequest())
	stream, err := c.Stream(context.Background(), request, through)
	if err != nil {
		return []string{err.Error()}
	}
	defer stream.Close()
	found := []string{}
	for _, name := range names {
		if err := stream.Send(&Request{name}); err != nil {
			return append(found, err.Error())
		}
		for i := 0; i < answers && name != "bye"; i++ {
			answer := Answer{}
			if err := stream.Recv(&answer); err != nil {
				return append(found, err.Error())
			}
			found = append(found, answer.Msg)
		}
	}
	return append(found, fmt.Sprint(stream.Recv(&Answer{})))
}

// ask asks for a service of others until it is there, as a program does that goes through its network node.
func ask(c client.Client, reg registry.Registry, rtr router.Router, wanted string) {
	found, err := reg.GetService("go.door")
	if err != nil {
		say("door", nil, err)
		return
	}
	through := client.WithAddress(found[0].Nodes[0].Address)
	for {
		routes, _ := rtr.Table().Query(router.QueryService(wanted))
		if len(routes) > 0 {
			say("route", routes[0], nil)
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, endpoint := range []string{"Say.Hello", "Say.Fail"} {
		answer := Answer{}
		request := c.NewRequest(wanted, endpoint, &Request{"John"}, client.WithContentType("application/json"))
		err = c.Call(context.Background(), request, &answer, through, client.WithRequestTimeout(20*time.Second), client.WithRetries(0))
		say(endpoint, answer.Msg, err)
	}
	say("Say.Chat", talk(c, wanted, "Say.Chat", []string{"a", "b", "bye"}, 1, through), nil)
	say("Say.Count", talk(c, wanted, "Say.Count", []string{"John"}, 3, through), nil)
	for {
		routes, _ := rtr.Table().Query(router.QueryService(wanted))
		if len(routes) == 0 {
			say("gone", nil, nil)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

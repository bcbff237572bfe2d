package main

import (
	"context"
	"os"
	"strings"
	"time"

	micro "github.com/micro/go-micro/v2"
	authpb "github.com/micro/go-micro/v2/auth/service/proto"
	"github.com/micro/go-micro/v2/broker"
	brokersrv "github.com/micro/go-micro/v2/broker/service"
	"github.com/micro/go-micro/v2/client"
	"github.com/micro/go-micro/v2/client/mucp"
	clientpb "github.com/micro/go-micro/v2/client/service/proto"
	"github.com/micro/go-micro/v2/config/source"
	configsrv "github.com/micro/go-micro/v2/config/source/service"
	configpb "github.com/micro/go-micro/v2/config/source/service/proto"
	"github.com/micro/go-micro/v2/errors"
	"github.com/micro/go-micro/v2/metadata"
	"github.com/micro/go-micro/v2/registry"
	registrysrv "github.com/micro/go-micro/v2/registry/service"
	"github.com/micro/go-micro/v2/store"
	storesrv "github.com/micro/go-micro/v2/store/service"
)

// known says who asks, as a program does whose client adds a token to each request, and asks the node alone.
type known struct {
	client.Client
	token, address string
}

func (k known) Call(ctx context.Context, req client.Request, rsp interface{}, opts ...client.CallOption) error {
	opts = append(opts, client.WithAddress(k.address))
	return k.Client.Call(metadata.Set(ctx, "Authorization", "Bearer "+k.token), req, rsp, opts...)
}

func (k known) Stream(ctx context.Context, req client.Request, opts ...client.CallOption) (client.Stream, error) {
	opts = append(opts, client.WithAddress(k.address))
	return k.Client.Stream(metadata.Set(ctx, "Authorization", "Bearer "+k.token), req, opts...)
}

// nodeRegistry is what MICRO_REGISTRY=service makes, but for the client, which speaks MUCP.
func nodeRegistry(address string) registry.Registry {
	return registrysrv.NewRegistry(registrysrv.WithClient(mucp.NewClient()), registry.Addrs(address))
}

// code is that of an error; go-micro's MUCP client leaves to its user to take it out of the text.
func code(err error) int32 {
	if err == nil {
		return 0
	}
	return errors.Parse(err.Error()).Code
}

func watched(reg registry.Registry) {
	watcher, err := reg.Watch()
	if err != nil {
		say("watch", nil, err)
		return
	}
	service := &registry.Service{Name: "go.watched", Version: "1", Nodes: []*registry.Node{
		{Id: "go.watched-1", Address: "127.0.0.1:9", Metadata: map[string]string{"protocol": "other"}},
	}}
	go func() {
		time.Sleep(time.Second)
		reg.Register(service, registry.RegisterTTL(time.Minute))
		time.Sleep(time.Second)
		reg.Deregister(service)
	}()
	seen := []string{}
	for len(seen) < 2 {
		result, err := watcher.Next()
		if err != nil {
			say("watch", seen, err)
			return
		}
		if result.Service.Name == "go.watched" {
			seen = append(seen, result.Action+" "+result.Service.Nodes[0].Address)
		}
	}
	say("watch", seen, nil)
}

func registered(reg registry.Registry) {
	services, err := reg.ListServices()
	names := []string{}
	for _, service := range services {
		names = append(names, service.Name)
	}
	say("list", names, err)
	found, err := reg.GetService("greeter")
	if err == nil {
		say("get", found[0].Nodes[0].Metadata["protocol"], nil)
	}
	_, err = reg.GetService("nobody")
	say("missing", code(err), nil)
	watched(reg)
}

func brokered(address string) {
	b := brokersrv.NewBroker(broker.Addrs(address))
	heard := make(chan string, 1)
	_, err := b.Subscribe("spoken", func(event broker.Event) error {
		heard <- event.Message().Header["X-Test"] + " " + string(event.Message().Body)
		return nil
	}, broker.Queue("work"))
	if err == nil {
		time.Sleep(time.Second)
		header := map[string]string{"Content-Type": "application/json", "X-Test": "1", "Authorization": "Bearer secret"}
		err = b.Publish("spoken", &broker.Message{Header: header, Body: []byte(`{"name":"John"}`)})
	}
	if err != nil {
		say("broker", nil, err)
		return
	}
	say("broker", <-heard, nil)
}

func stored(c client.Client) {
	s := storesrv.NewStore(store.WithClient(c), store.Database("go-notes"), store.Table("things"))
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		if err := s.Write(&store.Record{Key: key, Value: []byte("value of " + key)}); err != nil {
			say("store", nil, err)
			return
		}
	}
	records, err := s.Read("a/", store.ReadPrefix())
	values := []string{}
	for _, record := range records {
		values = append(values, string(record.Value))
	}
	s.Delete("a/1")
	keys, _ := s.List()
	_, missing := s.Read("a/1")
	say("store", []interface{}{values, keys, code(missing)}, err)
}

func configured(c client.Client) {
	api := configpb.NewConfigService("go.micro.config", c)
	change := &configpb.Change{Namespace: "global", ChangeSet: &configpb.ChangeSet{Data: `{"colour":"red"}`, Format: "json"}}
	if _, err := api.Update(context.Background(), &configpb.UpdateRequest{Change: change}); err != nil {
		say("config", nil, err)
		return
	}
	found, err := configsrv.NewSource(source.WithClient(c)).Read()
	if err != nil || found == nil {
		say("config", nil, err)
		return
	}
	say("config", strings.TrimSpace(string(found.Data)), nil)
}

func authed(c client.Client) {
	accounts := authpb.NewAuthService("go.micro.auth", c)
	made, err := accounts.Generate(context.Background(), &authpb.GenerateRequest{Id: "ann", Scopes: []string{"notes"}})
	if err != nil {
		say("auth", nil, err)
		return
	}
	token, err := accounts.Token(context.Background(), &authpb.TokenRequest{Id: "ann", Secret: made.Account.Secret})
	if err != nil {
		say("auth", nil, err)
		return
	}
	found, err := accounts.Inspect(context.Background(), &authpb.InspectRequest{Token: token.Token.AccessToken})
	if err != nil {
		say("auth", nil, err)
		return
	}
	say("auth", []interface{}{found.Account.Id, found.Account.Scopes, token.Token.Expiry > token.Token.Created}, nil)
}

func bridged(c client.Client) {
	api := clientpb.NewClientService("go.micro.client", c)
	request := &clientpb.Request{Service: "greeter", Endpoint: "Say.Hello", ContentType: "application/json", Body: []byte(`{"name":"John"}`)}
	answer, err := api.Call(context.Background(), request)
	if err != nil {
		say("client", nil, err)
		return
	}
	say("client", string(answer.Body), nil)
}

// more does what only programs of this generation can.
func more(service micro.Service, do string) {
	address := os.Getenv("INTEROP_NODE")
	client.DefaultClient = mucp.NewClient()
	c := known{mucp.NewClient(), os.Getenv("INTEROP_TOKEN"), address}
	switch do {
	case "platform":
		registered(nodeRegistry(address))
		brokered(address)
		stored(c)
		configured(c)
		authed(c)
		bridged(c)
	}
}

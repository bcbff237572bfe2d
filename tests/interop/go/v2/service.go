package main

import (
	"os"

	micro "github.com/micro/go-micro/v2"
	"github.com/micro/go-micro/v2/client/mucp"
	server "github.com/micro/go-micro/v2/server/mucp"
)

// newService speaks MUCP, where v2 by itself speaks gRPC, unless it is to be as it is; a name counts for the server that was given before it.
func newService(name string) micro.Service {
	if os.Getenv("INTEROP_AS_IT_IS") != "" {
		service := micro.NewService(micro.Name(name))
		service.Init()
		return service
	}
	options := []micro.Option{micro.Client(mucp.NewClient()), micro.Server(server.NewServer()), micro.Name(name)}
	if address := os.Getenv("INTEROP_REGISTRY"); address != "" {
		options = append(options, micro.Registry(nodeRegistry(address)))
	}
	service := micro.NewService(options...)
	service.Init()
	return service
}

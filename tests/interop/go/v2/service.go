package main

import (
	micro "github.com/micro/go-micro/v2"
	"github.com/micro/go-micro/v2/client/mucp"
	server "github.com/micro/go-micro/v2/server/mucp"
)

// newService speaks MUCP, where v2 by itself speaks gRPC; a name counts for the server that was given before it.
func newService(name string) micro.Service {
	service := micro.NewService(micro.Client(mucp.NewClient()), micro.Server(server.NewServer()), micro.Name(name))
	service.Init()
	return service
}

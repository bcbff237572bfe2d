package main

import micro "github.com/asim/go-micro/v3"

func newService(name string) micro.Service {
	service := micro.NewService(micro.Name(name))
	service.Init()
	return service
}

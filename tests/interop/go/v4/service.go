package main

import micro "go-micro.dev/v4"

func newService(name string) micro.Service {
	service := micro.NewService(micro.Name(name))
	service.Init()
	return service
}

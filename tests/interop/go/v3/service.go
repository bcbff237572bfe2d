package main

import micro "github.com/asim/go-micro/v3"

func newService(name string) micro.Service {
	service := micro.NewService(micro.Name(name))
	service.Init()
	return service
}

// more does nothing: go-micro left its services behind after v2.
func more(service micro.Service, do string) {
	say(do, nil, nil)
}

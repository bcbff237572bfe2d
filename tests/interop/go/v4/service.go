package main

import micro "go-micro.dev/v4"

func newService(name string) micro.Service {
	service := micro.NewService(micro.Name(name))
	service.Init()
	return service
}

// more does nothing: go-micro left its services behind after v2.
func more(service micro.Service, do string) {
	say(do, nil, nil)
}

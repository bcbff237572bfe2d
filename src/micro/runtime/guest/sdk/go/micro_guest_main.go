// The main function that every program of Go has, and a guest never runs. The build puts this file beside the sources
// where none of them has one.
package main

func main() {}

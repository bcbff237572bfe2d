package main

import "fmt"

func main() {
	fmt.Println("this says " + 1)
}

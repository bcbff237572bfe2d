// Knows nothing of Micro: reads its input, writes it in capitals.
package main

import (
	"bytes"
	"io"
	"os"
)

func main() {
	input, _ := io.ReadAll(os.Stdin)
	os.Stdout.Write(bytes.ToUpper(input))
}

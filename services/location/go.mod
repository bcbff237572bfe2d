module location

go 1.21

module csv

go 1.21

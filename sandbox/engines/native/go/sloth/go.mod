module sandbox.invalid/sloth

go 1.24

require github.com/slok/sloth v0.12.0

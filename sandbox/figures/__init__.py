"""What the stack costs and how fast it is, measured on the machine at hand: `make figures`."""

"""What a run will take, told before it starts: a short measured probe, and arithmetic from it."""

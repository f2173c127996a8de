"""What makes test figures too good: leaks between splits, and labels that need no look at the lungs."""

"""Pictures: where their bytes lie, how they become gray pixels, and the one array that holds them all."""

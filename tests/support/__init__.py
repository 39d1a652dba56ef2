"""What tests share: contracts that every adapter of a seam must keep, clocks, recordings."""

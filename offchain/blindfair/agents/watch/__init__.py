"""The buyer's second machine: it proves a wrong chunk or takes the money back while the buyer is away."""

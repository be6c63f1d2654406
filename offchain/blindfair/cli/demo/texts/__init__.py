"""The demo of texts: one seller's mixture of sources, a buyer of one of them, and a small language model of both."""

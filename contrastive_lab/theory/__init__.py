"""The theory of negative samples, computed exactly: plain functions, and experiments that draw them."""

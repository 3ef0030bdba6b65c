"""QoS that users override: which policies may be, and what is wrong with what was given."""

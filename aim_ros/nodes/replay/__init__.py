"""The replay node: a recording or the rendered street as camera topics."""

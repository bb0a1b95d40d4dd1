"""Real processes that work in run directories and are killed or stopped, and what the provider has noted of them."""

"""Pure code: prompts out, replies in. No I/O, no clock, no event loop."""

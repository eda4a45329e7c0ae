"""Commands that make the figures of docs/testing.md; no test run collects them."""

"""The worked examples of .github/CONTRIBUTING.md: a signal, a target, a format, a check. Tests run them."""

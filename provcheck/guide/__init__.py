"""Scripts that show how provcheck is used from Python; README.md says what each is about."""

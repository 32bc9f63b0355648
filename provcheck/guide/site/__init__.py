"""The documentation as a site: pages stay where they lie, beside what they describe, and are gathered from there.

`navigation` says which page stands where, `command_page`, `field_page`, `check_page` and `api_page` write the reference
from the program itself, and `gather` lays out what `mkdocs build --strict` reads. `make docs` runs both.
"""

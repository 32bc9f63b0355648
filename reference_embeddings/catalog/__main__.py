"""Print the manifest of one list of the catalogue."""

import sys

from reference_embeddings.catalog import manifest

sys.stdout.write(manifest(sys.argv[1]))

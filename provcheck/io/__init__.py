"""Files: whatever is read here was written by strangers, and whatever is written is whole or not there.

untrusted    bounded reading of files, JSON, and the first fault of a record
yaml         YAML without aliases, tags and double keys, that knows the line of everything in it
text         foreign text made safe to keep and to print
safetensors  the one parser of safetensors headers, and arrays read through it
writing      files and folders written whole or not at all
digests      sha256 of files and arrays
data         where the files that ship with provcheck lie
"""

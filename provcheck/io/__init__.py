"""Files: everything read here is untrusted input, and everything written is whole or not there at all.

untrusted    bounded reading of files, JSON, and the first fault of a record
yaml         YAML without aliases, tags and duplicate keys, with the line of every value
text         untrusted text made safe to keep and to print
safetensors  the one parser of safetensors headers, and files of arrays read through it
tensor_files  the weights of a model, of which only what is asked for is read
partial_file  a file of which only some spans are here
retries      requests over a network that are tried again, and the pauses in between
writing      files and folders written whole or not at all
digests      sha256 of files and arrays
data         where the files that ship with provcheck are
"""

"""Banks in places that others read: pushed there as numbered releases, pulled from there and checked.

releases  one release of a bank: its number, its files by size and sha256, and the statement that is signed
remotes   what a place of releases must do; an address -> a place
folders   a folder
web       an https address, to read from
hub       a repository of the Hub
downloads one file by HTTP, resumed where it broke off
pushing   a bank -> the next release of a place
pulling   a release of a place -> a bank, checked before it takes another's place
"""

"""Tests of the guide: its pages, its sessions, its site."""

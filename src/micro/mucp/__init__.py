"""The language: MUCP's messages, headers, codecs, envelope and the frames of a link.

Pure.
"""

"""Guided output: grammars made from schemas, regexes and choices, tools by prompt, and the check of answers.

`plan` is the door; everything in here is pure.
"""

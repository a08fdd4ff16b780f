"""The verbs, each a file of its own with `add_parser(subparsers)` and `run(arguments)`.

The name of the file is that of the verb, but for import_.py: `import` is a keyword.
"""

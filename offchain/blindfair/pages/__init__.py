"""Pages for people, in a browser: a seller's catalogue for everybody, and a party's own directory on its own machine.

Everything is rendered on this side, and works without scripts. Not here: the service that strangers reach (`http`),
which sends finished pages and no more.
"""

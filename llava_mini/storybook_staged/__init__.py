"""Scenes of the storybook that are set up on purpose, for the probes of :mod:`..evaluation.probes`.

A probe needs pictures that chance does not give: two that differ in one exchange, six cats as often as one, a thing in
every corner. This package stands beside the storybook and not in it: what is in :mod:`..storybook` decides what the
parents have seen, and a change there would raise them anew. The same line holds: pictures and words go out, scenes do not.
"""

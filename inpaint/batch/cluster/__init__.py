"""Pictures on a cluster, as a stream of Ray Data.

engine   the engine
stream   pictures through the cluster: read, made by actors with a model each, and back
reading  pictures read on the cluster
actor    what an actor does
"""

// Nothing to call: what an executable that links this does before anything else.

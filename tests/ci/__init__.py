"""The unattended run (`bash .ci/run`): stand-in images, its own Docker engine, the bundle of a failure."""

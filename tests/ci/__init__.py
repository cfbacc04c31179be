"""The unattended run (`bash .ci/run`): stand-in images, a Docker engine of its own, what a failure leaves behind."""

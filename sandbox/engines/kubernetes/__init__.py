"""The engine that installs charts/sandbox on a cluster, and the node that it starts where there is none."""

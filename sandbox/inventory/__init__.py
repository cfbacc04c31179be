"""The inventory of the stack: versions and licences, a bill of materials, an audit for known vulnerabilities."""

"""What the stack is made of: versions and licences, a bill of materials, and an audit for known vulnerabilities."""

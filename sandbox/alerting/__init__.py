"""How alerts come to be and reach people: rules from objectives, routes from contacts, acknowledging, checks."""

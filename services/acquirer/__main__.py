"""`python -m acquirer --bind=0.0.0.0:8003`"""

from kit import parse_bind, run_server

run_server("acquirer.app:app", parse_bind(), log_level="warning")

"""Sets up a new error tracker for the sandbox: an administrator, a team, projects with known keys, a token.

REST cannot set a project's key, so this uses the tracker's own models. Running it again changes no existing data.
"""

import json
import os
import uuid

__all__ = ["seed"]


def seed() -> None:
    """Create what ADMIN (email:password), PROJECTS ([number:]name=key,...), API_TOKEN and WEBHOOK specify."""
    user = _administrator(*os.environ["ADMIN"].split(":", 1))
    for number, entry in enumerate(os.environ["PROJECTS"].split(","), start=1):
        name, key = entry.strip().split("=", 1)
        stated, _, name = name.rpartition(":")
        _webhook(_project(int(stated or number), name, key, user), os.environ["WEBHOOK"])
    _token(os.environ["API_TOKEN"])


def _administrator(email: str, password: str):
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    return users.filter(username=email).first() or users.create_superuser(
        username=email, email=email, password=password
    )


def _project(number: int, name: str, key: str, user):
    """Create a project. Its number, explicit or its position in the list, is part of the DSN."""
    from projects.models import Project, ProjectMembership, ProjectRole
    from teams.models import Team, TeamMembership, TeamRole

    team, _ = Team.objects.get_or_create(name="Sandbox")
    TeamMembership.objects.get_or_create(team=team, user=user, defaults={"role": TeamRole.ADMIN, "accepted": True})
    project, _ = Project.objects.update_or_create(
        id=number,
        defaults={
            "name": name,
            "slug": name,
            "team": team,
            "sentry_key": uuid.UUID(key),
            "alert_on_new_issue": True,
            "alert_on_regression": True,
        },
    )
    # Explicitly True: otherwise mail would depend on the preference of the account.
    ProjectMembership.objects.get_or_create(
        project=project,
        user=user,
        defaults={"role": ProjectRole.ADMIN, "accepted": True, "send_email_alerts": True},
    )
    return project


def _webhook(project, url: str) -> None:
    """Set the webhook for the project's new and regressed issues, in addition to mail."""
    from alerts.models import MessagingServiceConfig

    MessagingServiceConfig.objects.update_or_create(
        project=project,
        display_name="Alertmanager",
        defaults={"kind": "custom", "config": json.dumps({"webhook_url": url})},
    )


def _token(token: str) -> None:
    from bsmain.models import AuthToken

    if not AuthToken.objects.filter(token=token).exists():
        AuthToken.create_full_access(token=token, description="Sandbox: tests and command line")

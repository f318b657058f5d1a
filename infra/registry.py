"""The registry of the flow's images."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws


class Registry(pulumi.ComponentResource):
    """An ECR repository: tags that never move, scans, and only the latest images kept."""

    repository: aws.ecr.Repository

    def __init__(
        self, name: str, kept_images: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gridletter:aws:Registry", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        self.repository = aws.ecr.Repository(
            f"{name}-flows",
            name=f"{name}/flows",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "AES256"}],
            # Images can be built again from the repository at any time.
            force_delete=True,
            opts=here,
        )
        rules = [
            _expire(1, "Untagged images are what a push was interrupted in.", "untagged", 1),
            _expire(2, "Older images are built again where they are needed.", "any", kept_images),
        ]
        aws.ecr.LifecyclePolicy(
            f"{name}-flows-lifecycle",
            repository=self.repository.name,
            policy=json.dumps({"rules": rules}),
            opts=here,
        )
        self.register_outputs({"repository_url": self.repository.repository_url})


def _expire(priority: int, why: str, status: str, kept: int) -> dict[str, object]:
    return {
        "rulePriority": priority,
        "description": why,
        "selection": {"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": kept},
        "action": {"type": "expire"},
    }

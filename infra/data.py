"""What holds for every resource that holds data: kept against accidents, until it is let go."""

from __future__ import annotations

import pulumi


def kept(parent: pulumi.Resource, *, let_go: bool) -> pulumi.ResourceOptions:
    """Return options that protect a resource, and leave it on AWS when its stack goes.

    Args:
        parent: The component that it belongs to.
        let_go: The stack's one switch `let_data_go`: neither holds then.
    """
    return pulumi.ResourceOptions(parent=parent, protect=not let_go, retain_on_delete=not let_go)

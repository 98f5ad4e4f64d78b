"""Step five: let every tag mean the target's image again. The images themselves are here since preflight."""

from __future__ import annotations

from typing import Any

from watchdog.errors import StepFailed
from watchdog.rollback.run import Run


async def pull_images(run: Run) -> dict[str, Any]:
    """Facts: `retagged`, the references that meant another image.

    A mutable tag (`:latest`) came back with the bad image otherwise; a pinning override would change the
    config hash and not outlive the user's next `up`.
    """
    engine = run.hands.engine
    wanted = {
        s.image: s.image_id for s in run.target.services if "@" not in s.image and s.image != s.image_id
    }
    current = await engine.image_ids(wanted)
    stray = {image: image_id for image, image_id in wanted.items() if current.get(image) != image_id}
    for image, image_id in stray.items():
        await engine.tag(image_id, image)
    meant = await engine.image_ids(wanted)
    if wrong := sorted(image for image, image_id in wanted.items() if meant.get(image) != image_id):
        raise StepFailed(f"{', '.join(wrong)} cannot be made to mean the images of release {run.target.id}")
    return {"retagged": sorted(stray)}

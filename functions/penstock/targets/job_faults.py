"""What is wrong with a target whose batches a machine of one's own works off, one sentence a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.targets.routes import Target


def job_faults(target: Target) -> list[str]:
    if target.runner != "job":
        return [
            f"has a {field}, which only runner: job uses: leave it out."
            for field in ("drain", "job", "spot")
            if field in target.model_fields_set
        ]
    faults = []
    if target.drain is None:
        faults.append("has runner: job and needs a drain: gs://BUCKET, or a folder, where its files lie.")
    if target.job is not None and target.spot is not None:
        faults.append("has a job and a spot: say which of the two works its files off.")
    if not target.rented and target.base_url is None:
        faults.append(
            "has runner: job and needs a job, projects/P/locations/R/jobs/J, or a spot, "
            "projects/P/locations/R, or the base_url of an engine beside which a process of this machine "
            "works its files off."
        )
    if target.rented and target.drain is not None and not target.drain.startswith("gs://"):
        where = "a job on Cloud Run" if target.job is not None else "jobs on Spot VMs"
        faults.append(
            f"has {where}, and what runs there reads no folder of this machine: say drain: gs://BUCKET."
        )
    return faults

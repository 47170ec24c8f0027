"""Kinds that run Pods, and those that scale and protect them."""

from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.validate.api.fields import (
    LABEL,
    Fields,
    Found,
    choice,
    int_or_percent,
    integer,
    items,
    quantity,
    required,
    text,
)
from bootstrap.delivery.validate.api.metadata import labels, selector, selects
from bootstrap.delivery.validate.api.pods import check_template
from bootstrap.delivery.validate.api.schedules import check_schedule
from bootstrap.delivery.validate.structure import Mistake


def deployment(document: Fields) -> Found:
    """Yield what is wrong with a Deployment: ValidateDeploymentSpec in apps."""
    spec = section(document, "spec")
    yield from integer(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    ready, given = spec.get("minReadySeconds") or 0, spec.get("progressDeadlineSeconds")
    deadline = 600 if given is None else given  # SetDefaults_Deployment in pkg/apis/apps/v1/defaults.go
    if 0 <= deadline <= ready:
        message = f"got {deadline}; allowed: more than minReadySeconds, {ready}"
        yield Mistake(path="spec.progressDeadlineSeconds", text=message)
    yield from _selected(spec)
    yield from check_template(section(spec, "template"), "spec.template", "Always")
    strategy, path = section(spec, "strategy"), "spec.strategy"
    yield from choice(strategy, path, "type", "Recreate", "RollingUpdate")
    rolling = section(strategy, "rollingUpdate")
    if strategy.get("type") == "Recreate" and strategy.get("rollingUpdate") is not None:
        yield Mistake(path=f"{path}.rollingUpdate", text="is there; allowed with Recreate: none")
    yield from int_or_percent(rolling, f"{path}.rollingUpdate", "maxUnavailable")
    yield from int_or_percent(rolling, f"{path}.rollingUpdate", "maxSurge", most=None)
    if _is_zero(rolling.get("maxUnavailable")) and _is_zero(rolling.get("maxSurge")):
        yield Mistake(path=f"{path}.rollingUpdate.maxUnavailable", text="is 0, as is maxSurge; allowed: one of them")


def stateful_set(document: Fields) -> Found:
    """Yield what is wrong with a StatefulSet: ValidateStatefulSetSpec in apps."""
    spec = section(document, "spec")
    yield from integer(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit")
    yield from choice(spec, "spec", "podManagementPolicy", "OrderedReady", "Parallel")
    update, path = section(spec, "updateStrategy"), "spec.updateStrategy"
    if (kind := update.get("type") or "RollingUpdate") not in {"RollingUpdate", "OnDelete"}:
        yield Mistake(path=path, text=f"got {kind!r}; allowed: RollingUpdate, OnDelete")
    if kind == "OnDelete" and update.get("rollingUpdate") is not None:
        yield Mistake(path=f"{path}.rollingUpdate", text="is there; allowed with OnDelete: none")
    yield from integer(section(update, "rollingUpdate"), f"{path}.rollingUpdate", "partition")
    yield from text(spec, "spec", "serviceName", LABEL)
    yield from _selected(spec)
    claims = frozenset(
        str(section(claim, "metadata").get("name")) for claim in entries(spec.get("volumeClaimTemplates"))
    )
    yield from check_template(section(spec, "template"), "spec.template", "Always", claims=claims)
    for where, item in items(spec, "volumeClaimTemplates", "spec"):
        yield from _claim(section(item, "spec"), f"{where}.spec")


def job(document: Fields) -> Found:
    """Yield what is wrong with a Job: ValidateJobSpec in batch."""
    yield from _job(section(document, "spec"), "spec")


def cron_job(document: Fields) -> Found:
    """Yield what is wrong with a CronJob: validateCronJobSpec in batch."""
    spec = section(document, "spec")
    yield from check_schedule(spec, "spec")
    yield from choice(spec, "spec", "concurrencyPolicy", "Allow", "Forbid", "Replace")
    limits = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    yield from integer(spec, "spec", *limits)
    template = section(spec, "jobTemplate")
    yield from labels(section(template, "metadata"), "spec.jobTemplate.metadata")
    yield from _job(section(template, "spec"), "spec.jobTemplate.spec")


def autoscaler(document: Fields) -> Found:
    """Yield what is wrong with a HorizontalPodAutoscaler: validateHorizontalPodAutoscalerSpec in autoscaling."""
    spec = section(document, "spec")
    yield from integer(spec, "spec", "minReplicas", "maxReplicas", least=1)
    least, most = spec.get("minReplicas") or 1, spec["maxReplicas"]
    if most < least:
        yield Mistake(path="spec.maxReplicas", text=f"got {most}; allowed: minReplicas, {least}, or more")
    yield from required(section(spec, "scaleTargetRef"), "spec.scaleTargetRef", "kind", "name")
    for where, metric in items(spec, "metrics", "spec"):
        allowed = ("Object", "Pods", "Resource", "ContainerResource", "External")
        yield from choice(metric, where, "type", *allowed)
        for kind in ("resource", "containerResource"):
            if metric.get(kind) is not None:
                yield from _target(section(metric, kind, "target"), f"{where}.{kind}.target")
    for direction in ("scaleUp", "scaleDown"):
        rules, path = section(spec, "behavior", direction), f"spec.behavior.{direction}"
        yield from integer(rules, path, "stabilizationWindowSeconds", most=3600)
        yield from choice(rules, path, "selectPolicy", "Max", "Min", "Disabled")
        for where, policy in items(rules, "policies", path):
            yield from choice(policy, where, "type", "Pods", "Percent")
            yield from integer(policy, where, "value", least=1)
            yield from integer(policy, where, "periodSeconds", least=1, most=1800)


def disruption_budget(document: Fields) -> Found:
    """Yield what is wrong with a PodDisruptionBudget: ValidatePodDisruptionBudgetSpec in policy."""
    spec = section(document, "spec")
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield Mistake(path="spec", text="got minAvailable and maxUnavailable; allowed: one of them")
    yield from int_or_percent(spec, "spec", "minAvailable", "maxUnavailable")
    yield from selector(section(spec, "selector"), "spec.selector")
    yield from choice(spec, "spec", "unhealthyPodEvictionPolicy", "IfHealthyBudget", "AlwaysAllow")


def volume_claim(document: Fields) -> Found:
    """Yield what is wrong with a PersistentVolumeClaim: ValidatePersistentVolumeClaimSpec in core."""
    yield from _claim(section(document, "spec"), "spec")


def _claim(spec: Fields, path: str) -> Found:
    yield from required(spec, path, "accessModes")
    modes = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
    for mode in entries(spec.get("accessModes")):
        if mode not in modes:
            yield Mistake(path=f"{path}.accessModes", text=f"got {mode!r}; allowed: {', '.join(modes)}")
    storage = section(spec, "resources", "requests").get("storage")
    amount = quantity(storage)
    if storage is None:
        yield Mistake(path=f"{path}.resources[storage]", text="is missing")
    elif amount is None or amount <= 0:
        message = f"got {storage!r}; allowed: a quantity above 0 such as 10Gi"
        yield Mistake(path=f"{path}.resources[storage]", text=message)
    yield from choice(spec, path, "volumeMode", "Filesystem", "Block")


def _job(spec: Fields, path: str) -> Found:
    limits = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    yield from integer(spec, path, *limits)
    yield from choice(spec, path, "completionMode", "NonIndexed", "Indexed")
    if (
        spec.get("completionMode") == "Indexed"
        and spec.get("completions") is None
        and spec.get("parallelism") is not None
    ):
        # without parallelism both are 1: SetDefaults_Job in pkg/apis/batch/v1/defaults.go
        yield Mistake(path=f"{path}.completions", text="is missing; Indexed with parallelism needs it")
    yield from check_template(section(spec, "template"), f"{path}.template", "OnFailure", "Never")


def _selected(spec: Fields) -> Found:
    """Yield a selector that is empty, or that the template's labels do not match."""
    given, path = section(spec, "selector"), "spec.selector"
    yield from selector(given, path)
    if not section(given, "matchLabels") and not entries(given.get("matchExpressions")):
        yield Mistake(path=path, text="is empty; allowed: labels of the template")
    elif not selects(given, section(spec, "template", "metadata", "labels")):
        yield Mistake(path="spec.template.metadata.labels", text="are not those of spec.selector")


def _target(target: Fields, path: str) -> Found:
    # autoscaling validateMetricTarget, validateResourceMetricSource
    yield from choice(target, path, "type", "Utilization", "Value", "AverageValue")
    yield from integer(target, path, "averageUtilization", least=1)
    if target.get("averageUtilization") is None and target.get("averageValue") is None:
        yield Mistake(path=f"{path}.averageUtilization", text="is missing, as is averageValue")
    elif target.get("averageUtilization") is not None and target.get("averageValue") is not None:
        yield Mistake(path=f"{path}.averageValue", text="is there beside averageUtilization; allowed: one of them")


def _is_zero(value: object) -> bool:
    return value == 0 or (isinstance(value, str) and value.rstrip("%").strip("0") == "" and value != "")

"""Names, labels, annotations, and selectors of labels."""

from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.validate.api.fields import (
    LABEL,
    LABEL_VALUE,
    SUBDOMAIN,
    Fields,
    Format,
    Found,
    form,
    is_qualified_name,
    items,
    text,
)
from bootstrap.delivery.validate.structure import Mistake

_KEY = "a name of at most 63 letters, digits, -, _ and ., behind a DNS name and a slash if any"

_NAMES = {
    # NameIsDNSLabel: apps ValidateStatefulSetName, core ValidateNamespaceName and ValidateService (since 1.36 a
    # Service may begin with a digit)
    "Namespace": LABEL,
    "Service": LABEL,
    "StatefulSet": LABEL,
    # batch ValidateCronJobCreate: the controller appends 11 characters to make a Job's name
    "CronJob": Format(SUBDOMAIN.pattern, 52, f"{SUBDOMAIN.words}; 52 for a CronJob"),
    # batch ValidateJob: the name is a label of the Pods
    "Job": Format(SUBDOMAIN.pattern, 63, f"{SUBDOMAIN.words}; 63 for a Job"),
}


def check_metadata(document: Fields) -> Found:
    """Yield what is wrong with an object's own metadata: ValidateObjectMeta in apimachinery's objectmeta.go."""
    metadata = section(document, "metadata")
    yield from text(metadata, "metadata", "name", _NAMES.get(str(document.get("kind")), SUBDOMAIN))
    yield from text(metadata, "metadata", "namespace", LABEL)
    yield from labels(metadata, "metadata")


def labels(metadata: Fields, path: str) -> Found:
    """Yield labels and annotations that cannot be: ValidateLabels, ValidateAnnotations."""
    yield from label_map(section(metadata, "labels"), f"{path}.labels")
    annotations = section(metadata, "annotations")
    for key in annotations:
        if not is_qualified_name(key.lower()):
            yield Mistake(path=f"{path}.annotations", text=f"got the key {key!r}; allowed: {_KEY}")
    size = sum(len(f"{key}{value}".encode()) for key, value in annotations.items())
    if size > 256 * 1024:
        yield Mistake(path=f"{path}.annotations", text=f"got {size} bytes; allowed: 262144 in all")


def label_map(found: Fields, path: str) -> Found:
    """Yield keys and values that no label has."""
    for key, value in found.items():
        if not is_qualified_name(key):
            yield Mistake(path=path, text=f"got the key {key!r}; allowed: {_KEY}")
        if not LABEL_VALUE.fits(value):
            yield Mistake(path=path, text=f"got {key}: {value!r}; allowed: {LABEL_VALUE.words}")


def selector(fields: Fields, path: str) -> Found:
    """Yield what is wrong with a LabelSelector: ValidateLabelSelector in apimachinery's meta/v1/validation."""
    yield from label_map(section(fields, "matchLabels"), f"{path}.matchLabels")
    for where, requirement in items(fields, "matchExpressions", path):
        if not is_qualified_name(requirement["key"]):
            yield Mistake(path=f"{where}.key", text=f"got {requirement['key']!r}; allowed: {_KEY}")
        values, operator = entries(requirement.get("values")), requirement["operator"]
        if operator in {"In", "NotIn"}:
            if not values:
                yield Mistake(path=f"{where}.values", text=f"is missing; {operator} needs one")
        elif operator in {"Exists", "DoesNotExist"}:
            if values:
                yield Mistake(path=f"{where}.values", text=f"is there; allowed with {operator}: none")
        else:
            text = f"got {operator!r}; allowed: In, NotIn, Exists, DoesNotExist"
            yield Mistake(path=f"{where}.operator", text=text)
        for index, value in enumerate(values):
            yield from form(value, f"{where}.values[{index}]", LABEL_VALUE)


def selects(selector_: Fields, own: Fields) -> bool:
    """Whether a LabelSelector matches labels: LabelSelectorAsSelector in apimachinery's meta/v1/helpers.go."""
    if any(own.get(key) != value for key, value in section(selector_, "matchLabels").items()):
        return False
    for requirement in entries(selector_.get("matchExpressions")):
        key, values = requirement["key"], entries(requirement.get("values"))
        matched = {
            "In": own.get(key) in values,
            "NotIn": own.get(key) not in values,
            "Exists": key in own,
            "DoesNotExist": key not in own,
        }
        if not matched.get(requirement["operator"], True):
            return False
    return True

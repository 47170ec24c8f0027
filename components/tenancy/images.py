"""Images come from the registries that the namespace allows."""

from components.tenancy.pod_shapes import PODS, SHAPES, Shape
from components.tenancy.policy import Policy, allowed, check, listed, policy, quoted
from conventions import DIGESTS_ANNOTATION, IMAGE_DIGEST, IMAGE_REPOSITORY, REGISTRIES_ANNOTATION


def policies() -> list[Policy]:
    """Return the policies of images: of containers of every sort, and of volumes that hold one."""
    return [_policy(shape) for shape in SHAPES]


def _policy(shape: Shape) -> Policy:
    return policy(
        f"{shape.name}-images",
        {"": ("pods", "pods/ephemeralcontainers")} if shape is PODS else shape.resources,
        judged=[f"object.{shape.spec}"],
        variables={
            "images": _images(f"object.{shape.spec}"),
            "registries": allowed(REGISTRIES_ANNOTATION),
            "foreign": f"variables.images.filter(image, ![{_full('image')}].exists(name, {_admitted('name')}))",
            "byTag": f"variables.images.filter(image, !image.matches({quoted(IMAGE_DIGEST)}))",
        },
        validations=[
            check(
                "size(variables.foreign) == 0",
                f"'{shape.spec}: got the image ' + variables.foreign.join(', ') + '; allowed: images of '"
                f" + {listed('variables.registries')}",
            ),
            check(
                f"namespaceObject.metadata.?annotations[?'{DIGESTS_ANNOTATION}'].orValue('') != 'true'"
                " || size(variables.byTag) == 0",
                f"'{shape.spec}: got the image ' + variables.byTag.join(', ')"
                " + '; allowed: images by digest, such as example.azurecr.io/shop@sha256:...'",
            ),
        ],
    )


def _images(spec: str) -> str:
    """Return every image; a template may leave one out, and the Pod is refused then by its own schema."""
    sources = [
        f"{spec}.?{field}.orValue([]).map(it, it.?image.orValue(''))" for field in ("initContainers", "containers")
    ]
    sources += [
        f"{spec}.?ephemeralContainers.orValue([]).map(it, it.?image.orValue(''))",
        f"{spec}.?volumes.orValue([]).map(it, it.?image.?reference.orValue(''))",
    ]
    return f"({' + '.join(sources)}).filter(image, image != '')"


def _full(image: str) -> str:
    """Return an image's name without tag and digest, with its registry, as the container runtime completes it.

    https://github.com/distribution/reference/blob/main/normalize.go: without a dot, a colon or a capital in its first
    part, the registry is Docker Hub's; there, a name of one part is in ``library``.
    """
    name = f"{image}.split('@')[0].find(r'(?s)^(?:.*/)?[^/:]*')"
    registry = "(?:[^/]*[.:A-Z][^/]*|localhost)/"
    # maps of one element stand for names of intermediate results
    return (
        f"[{name}].map(name, name.matches(r'^{registry}') ? name : 'docker.io/' + name)"
        ".map(name, name.startsWith('index.docker.io/') ? name.substring(6) : name)"
        ".map(name, name.matches(r'^docker[.]io/[^/]*$') ? 'docker.io/library/' + name.substring(10) : name)[0]"
    )


def _admitted(name: str) -> str:
    return (
        f"{name}.matches({quoted(f'^{IMAGE_REPOSITORY}$')})"
        f" && variables.registries.exists(registry, ({name} + '/').startsWith(registry + '/'))"
    )

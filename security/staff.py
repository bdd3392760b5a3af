"""Members of staff as sources: what a person posts, asks for or decides is attributed to a source of their own, for ever."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from metrics.repository import observed
from security.approval_models import StaffSource
from security.limits import CLIENT_NAME_CHARS_LIMIT
from security.models import Source


@observed(repository="staff")
def source_of_staff(*, user_id: int, username: str) -> int:
    """Return the id of the person's source; it is made at the first call. Safe under concurrency.

    It bears the name that the person has then. Where that is taken (a former colleague had it), the person's number follows it.
    """
    found = StaffSource.objects.filter(user_id=user_id).values_list("source_id", flat=True).first()
    if found is not None:
        return found
    name = f"staff:{username}"[: CLIENT_NAME_CHARS_LIMIT - 22]
    for candidate in (name, f"{name}:{user_id}"):
        try:
            with transaction.atomic():
                source = Source.objects.create(kind=Source.Kind.STAFF, name=candidate, created_at=timezone.now())
                StaffSource.objects.create(user_id=user_id, source=source)
        except IntegrityError:
            continue
        return source.pk
    return StaffSource.objects.get(user_id=user_id).source_id

"""The administration of people: accounts and groups of Django in our look, with what an operator needs in an emergency.

Who administers people does not thereby become somebody else: nobody but a superuser touches superusers, gives single permissions,
or changes their own rights.
"""

from typing import Any

from axes.utils import reset
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from security import second_factor
from security.enrolment import new_enrolment_code
from security.limits import ENROLMENT_HOURS
from security.sessions import end_sessions
from security.staff_models import StaffSession

RIGHTS = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")

for model in (User, Group):
    admin.site.unregister(model)


@admin.register(User)
class StaffAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg,misc] # unfold has no types
    """People who work in the administration."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "last_login")
    filter_horizontal = ()
    actions = ["end_all_sessions", "unlock", "forget_second_factor", "make_enrolment_code"]  # noqa: RUF012 - the way of Django

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Superusers are made by superusers; rights come in groups."""
        fields = tuple(super().get_readonly_fields(request, obj))
        if _is_superuser(request):
            return fields
        if obj is not None and obj.pk == request.user.pk:
            return (*fields, *RIGHTS)
        return (*fields, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As granted; superusers only by superusers."""
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never where records are attributed to the person; make the account inactive."""
        attributed = obj is not None and hasattr(obj, "staff_source")
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj) and not attributed

    @admin.action(description="End all sessions of the selected people", permissions=["change"])
    def end_all_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Log the people out everywhere."""
        for person in self._touchable(request, queryset):
            ended = end_sessions(user_id=person.pk)
            self.log_change(request, person, "Ended all sessions.")
            self.message_user(request, f"{person}: {ended} sessions ended.", messages.SUCCESS)

    @admin.action(description="Unlock the log-in of the selected people", permissions=["change"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Forget failed log-ins."""
        for person in self._touchable(request, queryset):
            reset(username=person.get_username())
            self.log_change(request, person, "Unlocked the log-in.")
            self.message_user(request, f"{person} can log in again.", messages.SUCCESS)

    @admin.action(description="Forget the second factor of the selected people", permissions=["change"])
    def forget_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For who lost the authenticator and the recovery codes; sessions end too. Not for oneself."""
        for person in self._touchable(request, queryset):
            if person.pk == request.user.pk:
                self.message_user(request, "Somebody else must do this for you.", messages.ERROR)
                continue
            second_factor.remove(user_id=person.pk)
            end_sessions(user_id=person.pk)
            self.log_change(request, person, "Removed the second factor.")
            self.message_user(request, f"{person} sets up a new second factor at the next log-in.", messages.SUCCESS)

    @admin.action(description="Make an enrolment code for the selected person", permissions=["change"])
    def make_enrolment_code(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Show, once, the code with which a person sets up a first second factor. Not for oneself."""
        people = self._touchable(request, queryset)
        if len(people) != 1 or people[0].pk == request.user.pk or second_factor.has_authenticator(user_id=people[0].pk):
            sentence = "Choose one person, not yourself, who has no second factor; forget a lost one first."
            self.message_user(request, sentence, messages.ERROR)
            return None
        with transaction.atomic():
            code = new_enrolment_code(user_id=people[0].pk, now=timezone.now())
            self.log_change(request, people[0], "Made an enrolment code.")
        title = f"Enrolment code of {people[0]}"
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "code": code}
        response = TemplateResponse(request, "admin/enrolment_code.html", {**context, "hours": ENROLMENT_HOURS})
        response["Cache-Control"] = "no-store"
        return response

    def _touchable(self, request: HttpRequest, queryset: QuerySet[User]) -> list[User]:
        return [person for person in queryset.order_by("pk") if self._may_touch(request, person)]

    def _may_touch(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None or not obj.is_superuser or _is_superuser(request)


@admin.register(Group)
class StaffGroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Groups: what people may do."""

    filter_horizontal = ()


@admin.register(StaffSession)
class StaffSessionAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Sessions of all people; ending one logs its browser out."""

    list_display = ("user", "created_at", "address", "browser", "expire_date")
    list_select_related = ("user",)
    fields = ("user", "created_at", "address", "browser", "expire_date")
    search_fields = ("user__username", "address")
    ordering = ("-expire_date", "pk")

    def has_add_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        """Only a log-in makes one."""
        return False

    def has_change_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        """There is nothing to change."""
        return False


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))

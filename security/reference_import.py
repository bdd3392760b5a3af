"""The import of reference data from a file, with a preview before anything is stored: what its pages share."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseRedirect
from import_export.admin import ImportMixin
from import_export.formats.base_formats import CSV, XLSX
from unfold.contrib.import_export.forms import ImportForm

from security.limits import IMPORT_BYTES_LIMIT


class FileRefused(Exception):  # noqa: N818 - an answer, not a defect
    """Nothing of the file can be imported; the text is the sentence that the person reads."""


class ReferenceImportForm(ImportForm):  # type: ignore[misc]  # unfold has no types
    """Unfold's form, for files that are read whole."""

    def clean_import_file(self) -> Any:
        """A file of reference data is short."""
        file = self.cleaned_data["import_file"]
        if file.size > IMPORT_BYTES_LIMIT:
            raise ValidationError(f"A file of reference data has at most {IMPORT_BYTES_LIMIT:,} bytes.")
        return file


class ReferenceImport(ImportMixin):  # type: ignore[misc]  # the library has no types
    """Import of reference data with a preview; mixed in before an admin page."""

    import_form_class = ReferenceImportForm
    skip_admin_log = True  # what is opened leaves a record of its own

    def get_import_formats(self) -> list[Any]:
        """What people have."""
        return [CSV, XLSX]

    def process_result(self, result: Any, request: HttpRequest) -> Any:
        """Where something changed between the preview and now, nothing was stored: say so, which the library does not."""
        if not (result.has_errors() or result.has_validation_errors()):
            return super().process_result(result, request)
        reasons = [str(error.error) for error in result.base_errors] or ["Look at the preview again."]
        messages.error(request, f"Nothing was imported. {' '.join(reasons)}")
        return HttpResponseRedirect(request.path.replace("process_import", "import"))

"""Static files under names that say what is in them, so that browsers keep them for good."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

_IMPORT = r"""(?m)^(?P<matched>import (?P<names>[^;'"]+) from "(?P<url>\./[^"]+)";)$"""


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Also the modules that our JavaScript imports: a page never runs an old module beside a new one.

    Django can do so itself (`support_js_module_import_aggregation`), but then it also takes examples in the comments of other
    people's files for imports, such as htmx's, and stops.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("*.js", ((_IMPORT, """import %(names)s from "%(url)s";"""),)),
    )

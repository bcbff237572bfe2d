"""The error that travels."""

STATUS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 500: "Internal Server Error"}


class Fault(Exception):
    """An error that travels: a sentence for a person, a code, where it arose."""

    def __init__(self, detail, *, id="", code=500, status=None):
        super().__init__(detail)
        self.detail, self.id, self.code = detail, id, code
        self.status = status or STATUS.get(code, "")

"""The one exception a reader of this course is meant to see."""


class InputError(ValueError):
    """Something the user brought cannot be used.

    The message is one sentence that says what is wrong, where (file, line, field or sample id)
    and what to do about it::

        raise InputError("samples.json, sample 'cat-17': the picture cat-17.jpg is missing; "
                         "put it into pictures/ or remove the sample.")
    """

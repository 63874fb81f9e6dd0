# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The kernels in typed Cython: memory views, no bounds checks, the hash of OpenSSL (by hashlib).

The canonicalizations look at 64 octets in one step that the C compiler turns into vector compares, and
copy what holds nothing to change as it stands; only the rest is looked at octet by octet.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport PyObject
from libc.string cimport memchr, memcmp, memcpy

from hashlib import sha256

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize" (const char *octets, Py_ssize_t size) except NULL
    char *contents "PyBytes_AS_STRING" (PyObject *octets) noexcept
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t size) except -1
    void Py_XDECREF(PyObject *object)

ctypedef const unsigned char[::1] Octets
ctypedef const unsigned char *Pointer

cdef enum:
    TAB = 9
    LF = 10
    CR = 13
    SPACE = 32
    BLOCK = 64

cdef inline bint is_blank(unsigned char octet) noexcept nogil:
    return octet == SPACE or octet == TAB

cdef inline Pointer start_of(Octets octets) noexcept:
    return &octets[0] if octets.shape[0] else NULL

cdef inline bytes shortened(PyObject *octets, Py_ssize_t size):
    """Take over octets that nobody else holds, without what was not written."""
    _PyBytes_Resize(&octets, size)
    whole = <bytes>octets
    Py_XDECREF(octets)
    return whole

cdef inline bytes cut(Pointer octets, Py_ssize_t start, Py_ssize_t end):
    return PyBytes_FromStringAndSize(<const char *>octets + start, end - start)

# --- canonical forms (RFC 6376 3.4)

cdef inline bint is_clean(Pointer at, bint relaxed) noexcept nogil:
    """True when 64 octets hold nothing to change; looks at one more on either side.

    For `relaxed` a space before any control octet counts as well: one comparison, where four would
    become a test of bits that is no vector.
    """
    cdef unsigned char found = 0
    cdef int i
    if relaxed:
        for i in range(BLOCK):
            found |= (at[i] == TAB) | ((at[i] == LF) & (at[i - 1] != CR)) | (
                (at[i] == SPACE) & (at[i + 1] <= SPACE)
            )
    else:
        for i in range(BLOCK):
            found |= (at[i] == LF) & (at[i - 1] != CR)
    return found == 0

cdef Py_ssize_t body_end(Pointer body, Py_ssize_t end, bint relaxed) noexcept nogil:
    """Return where a body ends without the empty lines at its end."""
    while end > 0:
        if body[end - 1] == LF:
            end -= 2 if end > 1 and body[end - 2] == CR else 1
        elif relaxed and is_blank(body[end - 1]):
            end -= 1
        else:
            break
    return end

cdef Py_ssize_t write_body(Pointer body, Py_ssize_t end, bint relaxed, unsigned char *out) noexcept nogil:
    """Write a body without its last line end; return the octets written."""
    cdef Py_ssize_t position = 0, run, written = 0, clean
    cdef unsigned char octet
    while position < end:
        clean = position
        while clean > 0 and clean + BLOCK < end and is_clean(body + clean, relaxed):
            clean += BLOCK
        if clean > position:
            memcpy(out + written, body + position, clean - position)
            written += clean - position
            position = clean
        # Up to one block octet by octet, then the quick way again.
        clean = position + BLOCK if position + BLOCK < end else end
        while position < clean:
            octet = body[position]
            if octet == LF:
                if position == 0 or body[position - 1] != CR:
                    out[written] = CR
                    written += 1
            elif relaxed and (octet == SPACE or octet == TAB):
                run = position + 1
                while run < end and is_blank(body[run]):
                    run += 1
                position = run
                if run < end and body[run] == LF:
                    # The CR that this line end lacks; before it stands a blank.
                    out[written] = CR
                    out[written + 1] = LF
                    written += 2
                    position += 1
                elif not (run + 1 < end and body[run] == CR and body[run + 1] == LF):
                    out[written] = SPACE
                    written += 1
                continue
            out[written] = octet
            written += 1
            position += 1
    return written

cdef inline Py_ssize_t room(Py_ssize_t octets) noexcept nogil:
    """Octets that a form has at most: each may be a bare LF, and one line end comes last."""
    return octets * 2 + 2

cpdef bytes canonicalize_body(Octets octets, bint relaxed):
    """Return the canonical body."""
    cdef Pointer body = start_of(octets)
    cdef Py_ssize_t end = body_end(body, octets.shape[0], relaxed), written
    cdef PyObject *form
    cdef unsigned char *out
    if end == 0:
        return b"" if relaxed else b"\r\n"
    form = new_bytes(NULL, room(end))
    out = <unsigned char *>contents(form)
    written = write_body(body, end, relaxed, out)
    out[written] = CR
    out[written + 1] = LF
    return shortened(form, written + 2)

def body_hash(Octets octets, bint relaxed):
    """Return the SHA-256 of the canonical body."""
    return sha256(canonicalize_body(octets, relaxed)).digest()

cdef Py_ssize_t name_end(Pointer octets, Py_ssize_t end, Py_ssize_t *colon) noexcept nogil:
    """Return where a field's name ends and set its colon; 0 for what is no field (RFC 5322 2.2, 4.5.8)."""
    cdef Py_ssize_t name = 0
    while name < end and 33 <= octets[name] <= 126 and octets[name] != 58:
        name += 1
    colon[0] = name
    while colon[0] < end and is_blank(octets[colon[0]]):
        colon[0] += 1
    if colon[0] == end or octets[colon[0]] != 58:
        return 0
    return name

cpdef bytes canonicalize_field(Octets field, bint relaxed):
    """Return a field's canonical form with its CRLF."""
    cdef Pointer raw = start_of(field)
    cdef Py_ssize_t end = field.shape[0], colon = 0, name = 0, written = 0, i
    cdef unsigned char octet
    cdef bint is_apart = False
    cdef PyObject *form
    cdef unsigned char *out
    if end > 0 and raw[end - 1] == LF:
        end -= 2 if end > 1 and raw[end - 2] == CR else 1
    name = name_end(raw, end, &colon) if relaxed else 0
    form = new_bytes(NULL, room(end))
    out = <unsigned char *>contents(form)
    if name == 0:
        if end > 0:
            written = write_body(raw, end, False, out)
    else:
        for i in range(name):
            octet = raw[i]
            out[i] = octet + 32 if 65 <= octet <= 90 else octet
        out[name] = 58
        written = name + 1
        for i in range(colon + 1, end):
            octet = raw[i]
            if is_blank(octet) or octet == LF or (octet == CR and i + 1 < end and raw[i + 1] == LF):
                is_apart = True
                continue
            # White space counts when something follows that is not the first.
            if is_apart and written > name + 1:
                out[written] = SPACE
                written += 1
            is_apart = False
            out[written] = octet
            written += 1
    out[written] = CR
    out[written + 1] = LF
    return shortened(form, written + 2)

# --- header fields (RFC 5322 2.2)

cdef Py_ssize_t line_end(Pointer octets, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    """Return where the line that begins at `start` ends, its line end included."""
    cdef Pointer found = <Pointer>memchr(octets + start, LF, end - start)
    return end if found == NULL else found - octets + 1

def header_index(Octets octets):
    """Return start, colon and end of each header field; headers within the engine's limits."""
    cdef Pointer raw = start_of(octets)
    cdef Py_ssize_t end = octets.shape[0], start = 0, colon = 0, stop, quote
    cdef list fields = []
    if end == 0:
        return fields
    quote = raw[0] == 62
    if end - quote >= 5 and memcmp(raw + quote, b"From ", 5) == 0 and not name_end(raw, end, &colon):
        start = line_end(raw, 0, end)
    while start < end and name_end(raw + start, end - start, &colon):
        stop = line_end(raw, start, end)
        while stop < end and is_blank(raw[stop]):
            stop = line_end(raw, stop, end)
        fields.append((start, start + colon, stop))
        start = stop
    return fields

# --- tags

cdef inline bint is_fws(unsigned char octet) noexcept nogil:
    return is_blank(octet) or octet == CR or octet == LF

cdef inline void trim(Pointer octets, Py_ssize_t *start, Py_ssize_t *end) noexcept nogil:
    """Leave out folding white space at both ends; a CR alone is none."""
    while start[0] < end[0]:
        if is_blank(octets[start[0]]) or octets[start[0]] == LF:
            start[0] += 1
        elif octets[start[0]] == CR and start[0] + 1 < end[0] and octets[start[0] + 1] == LF:
            start[0] += 2
        else:
            break
    while end[0] > start[0]:
        if octets[end[0] - 1] == LF:
            end[0] -= 2 if end[0] - start[0] > 1 and octets[end[0] - 2] == CR else 1
        elif is_blank(octets[end[0] - 1]):
            end[0] -= 1
        else:
            break

cdef inline bint is_name(Pointer octets, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned char octet
    for i in range(start, end):
        octet = octets[i]
        if not (65 <= octet <= 90 or 97 <= octet <= 122 or (i > start and (48 <= octet <= 57 or octet == 95))):
            return False
    return end > start

cdef inline bint is_text(Pointer octets, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned char octet
    for i in range(start, end):
        octet = octets[i]
        if octet < 32:
            if octet == CR:
                if i + 1 == end or octets[i + 1] != LF:
                    return False
            elif octet != TAB and octet != LF:
                return False
        elif octet == 127:
            return False
    return True

def tag_list(Octets octets):
    """Return names and values of a list of tags (RFC 6376 3.2); None when it is invalid."""
    cdef Pointer raw = start_of(octets), found
    cdef Py_ssize_t size = octets.shape[0], start = 0, end, name, stop, value, last
    cdef dict tags = {}
    cdef bytes key
    while True:
        found = <Pointer>memchr(raw + start, 59, size - start) if start < size else NULL
        end = size if found == NULL else found - raw
        name, stop = start, end
        trim(raw, &name, &stop)
        if name == stop and end == size and start > 0:
            break
        found = <Pointer>memchr(raw + name, 61, stop - name) if name < stop else NULL
        if found == NULL:
            return None
        value = found - raw + 1
        stop, last = value - 1, end
        trim(raw, &name, &stop)
        if not is_name(raw, name, stop) or not is_text(raw, value, end):
            return None
        trim(raw, &value, &last)
        key = cut(raw, name, stop)
        if key in tags:
            return None
        tags[key] = cut(raw, value, last)
        if end == size:
            break
        start = end + 1
    return list(tags.items())

cdef unsigned char[256] DIGITS
for _octet in range(256):
    DIGITS[_octet] = 255
cdef const unsigned char *ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
for _octet in range(64):
    DIGITS[ALPHABET[_octet]] = _octet

def decode_base64(Octets octets):
    """Return the octets of a base64 text, white space ignored (RFC 6376 2.10); None for none."""
    cdef Pointer raw = start_of(octets)
    cdef Py_ssize_t size = octets.shape[0], written = 0, i
    cdef unsigned int group = 0, digits = 0, padding = 0
    cdef unsigned char octet, digit
    cdef PyObject *whole = new_bytes(NULL, size // 4 * 3 + 3)
    cdef unsigned char *out = <unsigned char *>contents(whole)
    cdef bint is_good = True
    for i in range(size):
        octet = raw[i]
        digit = DIGITS[octet]
        if digit == 255:
            if octet == 61:
                padding += 1
            elif not is_fws(octet):
                is_good = False
                break
            continue
        if padding:
            is_good = False
            break
        group = group << 6 | digit
        digits += 1
        if digits % 4 == 0:
            out[written] = group >> 16 & 255
            out[written + 1] = group >> 8 & 255
            out[written + 2] = group & 255
            written += 3
            group = 0
    if digits % 4 == 2:
        out[written] = group >> 4
        written += 1
        is_good = is_good and group & 15 == 0
    elif digits % 4 == 3:
        out[written] = group >> 10
        out[written + 1] = group >> 2 & 255
        written += 2
        is_good = is_good and group & 3 == 0
    decoded = shortened(whole, written)
    # Bits that no encoder leaves behind would make several texts mean one signature.
    return decoded if is_good and digits and padding <= 2 and digits % 4 != 1 else None

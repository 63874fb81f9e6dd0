//! Reads the value of an Authentication-Results field (RFC 8601 §2.2 with EID 6026), tolerantly and in one pass.
//!
//! Knows the grammar and the forms beyond it that large receivers write; keeps unknown methods, words and properties,
//! which a consumer must ignore (RFC 8601 §4.1). Must not judge whether the field can be believed.

use super::cursor::{Cursor, is_line_end};
use super::{
    AuthenticationResults, MethodResult, PROPERTY_LIMIT, Property, RESULT_LIMIT, ReadFault,
};
use crate::message::is_wsp;

/// The only version of the field that exists (RFC 8601 §2.2).
const SUPPORTED_VERSION: u32 = 1;

/// Reads a field's value, folded or not; never fails, linear in its length.
///
/// What cannot be read sets `error`; everything before it is kept. Octets that are not UTF-8 become U+FFFD.
pub fn parse(value: &[u8]) -> AuthenticationResults {
    read(Cursor::new(value))
}

/// Reads the value of an ARC-Authentication-Results field: its instance, `None` when there is none, and the rest.
pub fn parse_arc(value: &[u8]) -> (Option<u32>, AuthenticationResults) {
    let mut cursor = Cursor::new(value);
    match read_instance(&mut cursor) {
        Ok(Some(instance)) => (Some(instance), read(cursor)),
        _ => (None, parse(value)),
    }
}

/// Reads only what stands before the first result: whose field it is, or why that cannot be said.
pub(super) fn parse_start(value: &[u8]) -> AuthenticationResults {
    let mut field = AuthenticationResults::default();
    field.error = read_start(&mut Cursor::new(value), &mut field).err();
    field
}

fn read(mut cursor: Cursor<'_>) -> AuthenticationResults {
    let mut field = AuthenticationResults::default();
    field.error = read_all(&mut cursor, &mut field).err();
    field
}

fn read_all(cursor: &mut Cursor<'_>, field: &mut AuthenticationResults) -> Result<(), ReadFault> {
    read_start(cursor, field)?;
    let mut says_none = false;
    loop {
        // Deviation: RFC 8601 §2.2 has one semicolon before each statement; doubled and final ones are seen.
        cursor.skip_cfws()?;
        while cursor.take(b';') {
            cursor.skip_cfws()?;
        }
        if cursor.peek().is_none() {
            break;
        }
        if skip_repeated_id(cursor, field.authserv_id.as_deref()) {
            continue;
        }
        let method = read_keyword(cursor);
        cursor.skip_cfws()?;
        if method == "none" && cursor.is_at_statement_end() {
            says_none = true;
            continue;
        }
        read_result(cursor, method, field)?;
    }
    if field.results.is_empty() && !says_none {
        return Err(ReadFault::NoResults);
    }
    Ok(())
}

/// Passes a statement that is nothing but the authserv-id again.
///
/// Deviation: RFC 8601 §2.2 has it once; Microsoft joins whole values by semicolons (`a.example; dkim=none;a.example; dmarc=none`).
fn skip_repeated_id(cursor: &mut Cursor<'_>, authserv_id: Option<&str>) -> bool {
    let mut ahead = cursor.clone();
    let is_repeated = Some(ahead.run(is_id_octet)) == authserv_id.map(str::as_bytes)
        && ahead.skip_cfws().is_ok()
        && ahead.is_at_statement_end();
    if is_repeated {
        *cursor = ahead;
    }
    is_repeated
}

/// RFC 8617 §4.1.1: instance [CFWS] ";" before the payload; §4.2.1: instance = [CFWS] "i" [CFWS] "=" ...
fn read_instance(cursor: &mut Cursor<'_>) -> Result<Option<u32>, ReadFault> {
    cursor.skip_cfws()?;
    let is_instance = read_keyword(cursor) == "i";
    cursor.skip_cfws()?;
    let has_value = cursor.take(b'=');
    cursor.skip_cfws()?;
    let instance = read_number(cursor);
    cursor.skip_cfws()?;
    Ok(instance.filter(|_| is_instance && has_value && cursor.take(b';')))
}

/// RFC 8601 §2.2: authres-payload = [CFWS] authserv-id [ CFWS authres-version ] ...
fn read_start(cursor: &mut Cursor<'_>, field: &mut AuthenticationResults) -> Result<(), ReadFault> {
    cursor.skip_cfws()?;
    if cursor.peek().is_none() {
        return Err(ReadFault::Empty);
    }
    // Deviation: RFC 8601 §2.2 demands an authserv-id; Microsoft's fields begin with the first result.
    if cursor.is_at_statement_end() || begins_with_method(cursor.clone()) {
        return Ok(());
    }
    let authserv_id = match cursor.quoted_string()? {
        Some(string) => text(&string.content),
        None => text(cursor.run(is_id_octet)),
    };
    field.authserv_id = Some(authserv_id).filter(|id| !id.is_empty());
    cursor.skip_cfws()?;
    field.version = read_number(cursor);
    cursor.skip_cfws()?;
    if !cursor.is_at_statement_end() {
        return Err(ReadFault::MissingSemicolon);
    }
    // RFC 8601 §2.6: what follows an unknown version may have any format.
    match field.version {
        None | Some(SUPPORTED_VERSION) => Ok(()),
        Some(_) => Err(ReadFault::UnsupportedVersion),
    }
}

/// True when a methodspec stands here; no authserv-id can look like one, since a token holds no `=`.
fn begins_with_method(mut cursor: Cursor<'_>) -> bool {
    let is_keyword = !read_keyword(&mut cursor).is_empty();
    is_keyword && read_method_version(&mut cursor).is_ok() && cursor.take(b'=')
}

/// RFC 8601 §2.2: methodspec [ CFWS reasonspec ] and, by RFC 8601 EID 6026, any number of propspec.
fn read_result(
    cursor: &mut Cursor<'_>,
    method: String,
    field: &mut AuthenticationResults,
) -> Result<(), ReadFault> {
    if method.is_empty() {
        return Err(ReadFault::MissingMethod);
    }
    let version = read_method_version(cursor)?;
    if !cursor.take(b'=') {
        return Err(ReadFault::MissingResult);
    }
    let result = read_value(cursor)?.to_ascii_lowercase();
    if result.is_empty() {
        return Err(ReadFault::MissingResult);
    }
    if field.results.len() >= RESULT_LIMIT {
        return Err(ReadFault::ResultLimit);
    }
    let mut read = MethodResult {
        method,
        version,
        result,
        ..MethodResult::default()
    };
    let outcome = read_properties(cursor, &mut read);
    field.results.push(read);
    outcome
}

fn read_properties(cursor: &mut Cursor<'_>, read: &mut MethodResult) -> Result<(), ReadFault> {
    loop {
        cursor.skip_cfws()?;
        if cursor.is_at_statement_end() {
            return Ok(());
        }
        let property = read_property(cursor)?;
        let is_reason = property.ptype.is_none() && property.name == "reason";
        if is_reason && read.reason.is_none() {
            read.reason = Some(property.value);
        } else if read.properties.len() < PROPERTY_LIMIT {
            read.properties.push(property);
        } else {
            return Err(ReadFault::PropertyLimit);
        }
    }
}

/// RFC 8601 §2.2: propspec = ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue, and reasonspec, which has no ptype.
///
/// Deviation: a property without a ptype (`action=none`), dots and underscores in its name, and an empty value are read.
fn read_property(cursor: &mut Cursor<'_>) -> Result<Property, ReadFault> {
    let mut property = Property {
        ptype: None,
        name: read_keyword(cursor),
        value: String::new(),
    };
    cursor.skip_cfws()?;
    if cursor.take(b'.') {
        cursor.skip_cfws()?;
        let name = cursor.run(|octet| is_keyword(octet) || octet == b'.');
        let name = text(name).to_ascii_lowercase();
        property.ptype = Some(std::mem::replace(&mut property.name, name));
        cursor.skip_cfws()?;
    }
    let is_named = !property.name.is_empty() && property.ptype.as_deref() != Some("");
    if !is_named || !cursor.take(b'=') {
        return Err(ReadFault::MalformedProperty);
    }
    property.value = read_value(cursor)?;
    Ok(property)
}

/// RFC 8601 §2.2: pvalue = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS].
///
/// Deviation: outside of quotes everything up to white space, a semicolon, a quote or a comment is taken, because base64
/// and IPv6 addresses are seen there (RFC 2045 §5.1 has neither `/`, `=` nor `:` in a token).
fn read_value(cursor: &mut Cursor<'_>) -> Result<String, ReadFault> {
    cursor.skip_cfws()?;
    let Some(string) = cursor.quoted_string()? else {
        return Ok(text(cursor.run(is_bare)));
    };
    if cursor.peek() != Some(b'@') {
        return Ok(text(&string.content));
    }
    // RFC 5322 §3.4.1: a local-part may be a quoted string; its quotes belong to the address.
    let domain = cursor.run(is_bare);
    Ok(text(&[b"\"", &*string.written, b"\"", domain].concat()))
}

/// `[CFWS] [ "/" [CFWS] method-version ] [CFWS]`.
fn read_method_version(cursor: &mut Cursor<'_>) -> Result<Option<u32>, ReadFault> {
    cursor.skip_cfws()?;
    let mut version = None;
    if cursor.take(b'/') {
        cursor.skip_cfws()?;
        version = read_number(cursor);
        cursor.skip_cfws()?;
    }
    Ok(version)
}

/// Digits; a number beyond 32 bits is as good as the greatest: no version or instance is near it.
fn read_number(cursor: &mut Cursor<'_>) -> Option<u32> {
    let digits = cursor.run(|octet| octet.is_ascii_digit());
    (!digits.is_empty()).then(|| text(digits).parse().unwrap_or(u32::MAX))
}

fn read_keyword(cursor: &mut Cursor<'_>) -> String {
    text(cursor.run(is_keyword)).to_ascii_lowercase()
}

/// RFC 5321 §4.1.2 Keyword, and the underscore that is seen in extension names.
const fn is_keyword(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

const fn is_id_octet(octet: u8) -> bool {
    octet != b'=' && is_bare(octet)
}

const fn is_bare(octet: u8) -> bool {
    !is_wsp(octet) && !is_line_end(octet) && !matches!(octet, b';' | b'(' | b'"')
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/* libopendkim over a corpus folder: one thread, keys from a table through dkim_set_key_lookup.
 *
 * `peer-opendkim FOLDER dkim LIMIT VERDICTS` prints one JSON line; see bench/peers/__main__.py.
 * Beside messages.bin it reads keys.tsv: a name, a tab, the text of its key record, one a line.
 */
#define _GNU_SOURCE
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

#define WARM_UP 256
#define NAME_OCTETS 512

static struct hsearch_data keys;

static void stop(const char *sentence)
{
	fprintf(stderr, "%s\n", sentence);
	exit(1);
}

/* Reads a whole file; one octet more is allocated and zero. */
static char *contents(const char *folder, const char *name, size_t *length)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		stop("a file of the corpus cannot be opened");
	*length = (size_t)ftell(file);
	rewind(file);
	char *octets = calloc(*length + 1, 1);
	if (octets == NULL || fread(octets, 1, *length, file) != *length)
		stop("a file of the corpus cannot be read");
	fclose(file);
	return octets;
}

static void load_keys(const char *folder)
{
	size_t length, lines = 1;
	char *text = contents(folder, "keys.tsv", &length);
	for (char *end = text; (end = strchr(end, '\n')) != NULL; end++)
		lines++;
	if (hcreate_r(lines * 2, &keys) == 0)
		stop("no memory for the keys");
	char *rest = text, *line;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *name = strsep(&line, "\t");
		ENTRY entry = { .key = name, .data = line }, *found;
		if (line != NULL && hsearch_r(entry, ENTER, &found, &keys) == 0)
			stop("no memory for the keys");
	}
}

static DKIM_CBSTAT key_lookup(DKIM *dkim, DKIM_SIGINFO *signature, unsigned char *buffer, size_t size)
{
	char name[NAME_OCTETS];
	(void)dkim;
	snprintf(name, sizeof name, "%s._domainkey.%s", dkim_sig_getselector(signature),
	         dkim_sig_getdomain(signature));
	ENTRY wanted = { .key = name }, *found;
	if (hsearch_r(wanted, FIND, &found, &keys) == 0)
		return DKIM_CBSTAT_NOTFOUND;
	if (strlen(found->data) >= size)
		return DKIM_CBSTAT_ERROR;
	strcpy((char *)buffer, found->data);
	return DKIM_CBSTAT_CONTINUE;
}

/* Hands over every header field without its CRLF; returns where the body begins. */
static unsigned char *give_header(DKIM *dkim, unsigned char *at, unsigned char *end)
{
	while (at < end) {
		unsigned char *field = at, *line_end;
		do {
			line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
			if (line_end == NULL)
				line_end = end;
			at = line_end + 2 < end ? line_end + 2 : end;
		} while (at < end && (*at == ' ' || *at == '\t') && line_end > field);
		if (line_end == field)
			return at;
		dkim_header(dkim, field, (size_t)(line_end - field));
	}
	return end;
}

static const char *word(DKIM *dkim, DKIM_SIGINFO *signature)
{
	/* Without a final callback the library may stop at the first that passes. */
	if ((dkim_sig_getflags(signature) & DKIM_SIGFLAG_PROCESSED) == 0)
		dkim_sig_process(dkim, signature);
	if (DKIM_SIG_CHECK(signature))
		return "pass";
	int error = dkim_sig_geterror(signature);
	return error == DKIM_SIGERROR_OK || error == DKIM_SIGERROR_BADSIG ? "fail" : "permerror";
}

static void verify(DKIM_LIB *library, unsigned char *octets, size_t length, FILE *verdicts)
{
	DKIM_STAT status;
	DKIM_SIGINFO **signatures = NULL;
	int count = 0;
	DKIM *dkim = dkim_verify(library, (const unsigned char *)"peer", NULL, &status);
	if (dkim == NULL)
		stop("dkim_verify failed");
	unsigned char *end = octets + length, *body = give_header(dkim, octets, end);
	if (dkim_eoh(dkim) == DKIM_STAT_OK && body < end)
		dkim_body(dkim, body, (size_t)(end - body));
	dkim_eom(dkim, NULL);
	if (dkim_getsiglist(dkim, &signatures, &count) != DKIM_STAT_OK)
		count = 0;
	for (int position = 0; position < count; position++)
		fprintf(verdicts, "%s%s", position > 0 ? "," : "", word(dkim, signatures[position]));
	fputc('\n', verdicts);
	dkim_free(dkim);
}

static size_t verify_all(DKIM_LIB *library, char *octets, size_t length, size_t limit, FILE *verdicts)
{
	size_t count = 0;
	for (size_t at = 0; count < limit && at + 4 <= length; count++) {
		unsigned char *head = (unsigned char *)octets + at;
		size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
		if (size > length - at - 4)
			break;
		verify(library, head + 4, size, verdicts);
		at += 4 + size;
	}
	return count;
}

static double cpu_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
	       + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **arguments)
{
	if (count != 5)
		stop("FOLDER dkim LIMIT VERDICTS");
	size_t length, limit = strtoul(arguments[3], NULL, 10);
	char *octets = contents(arguments[1], "messages.bin", &length);
	load_keys(arguments[1]);
	DKIM_LIB *library = dkim_init(NULL, NULL);
	if (library == NULL || dkim_set_key_lookup(library, key_lookup) != DKIM_STAT_OK)
		stop("dkim_init failed");
	FILE *nowhere = fopen("/dev/null", "w"), *verdicts = fopen(arguments[4], "w");
	if (nowhere == NULL || verdicts == NULL)
		stop("the verdicts cannot be written");
	verify_all(library, octets, length, limit < WARM_UP ? limit : WARM_UP, nowhere);
	double begun = cpu_seconds();
	size_t verified = verify_all(library, octets, length, limit, verdicts);
	double seconds = cpu_seconds() - begun;
	if (fclose(verdicts) != 0)
		stop("the verdicts cannot be written");
	printf("{\"peer\": \"libopendkim\", \"version\": \"%s\", \"cpu_seconds\": %.6f, "
	       "\"messages\": %zu, \"verdicts\": \"%s\"}\n",
	       LIBRARY_VERSION, seconds, verified, arguments[4]);
	dkim_close(library);
	return 0;
}

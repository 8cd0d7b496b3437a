/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacements: lines of a file that only root may write, each of which puts
 * other text in the place of what the stub nvidia-smi would print. This is
 * how faults that a GPU reports of itself are planted; see README.md.
 */
#ifndef REPLACEMENTS_H
#define REPLACEMENTS_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REPLACEMENTS_FILE "/run/nvidia-stub/replace"
#define MAX_REPLACEMENTS 64

struct replacement {
	int gpu;	   /* index, or -1: each */
	const char *path;  /* "/driver_version", "@id", "ecc_errors/volatile/…", "table" */
	const char *value; /* of "table": "OLD=NEW" */
	int used;
};

static struct replacement replacements[MAX_REPLACEMENTS];
static int replacement_count;

/* "[N:]path=value"; a line that is none is passed over. */
static void parse_replacement(char *line)
{
	struct replacement *r = &replacements[replacement_count];
	char *equals = strchr(line, '=');
	int length = 0;

	if (!equals || line[0] == '#' || replacement_count == MAX_REPLACEMENTS)
		return;
	*equals = '\0';
	r->value = equals + 1;
	r->gpu = -1;
	if (sscanf(line, "%d:%n", &r->gpu, &length) != 1 || !length) {
		r->gpu = -1;
		length = 0;
	}
	r->path = line + length;
	replacement_count++;
}

/* A file that another than root owns or may write is not used. */
static void read_replacements(void)
{
	static char text[16384];
	char *line, *rest = text;
	struct stat st;
	FILE *file = fopen(REPLACEMENTS_FILE, "re");

	if (!file)
		return;
	if (!fstat(fileno(file), &st) && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    !(st.st_mode & (S_IWGRP | S_IWOTH))) {
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		while ((line = strsep(&rest, "\n")))
			parse_replacement(line);
	}
	fclose(file);
}

/* What stands for `path` of the GPU with that index (-1: outside of any), or NULL. */
static const char *replacement_of(int gpu, const char *path)
{
	const char *value = NULL;
	int i;

	for (i = 0; i < replacement_count; i++) {
		struct replacement *r = &replacements[i];

		if ((r->gpu >= 0 && r->gpu != gpu) || strcmp(r->path, path))
			continue;
		r->used = 1;
		value = r->value;
	}
	return value;
}

/* The text of the table with each "table=OLD=NEW" done, to stdout. */
static void put_table(char *text)
{
	int i;

	for (i = 0; i < replacement_count; i++) {
		const struct replacement *r = &replacements[i];
		const char *equals = strchr(r->value, '=');
		size_t old = equals ? (size_t)(equals - r->value) : 0;
		char *at = text, *out = NULL;
		size_t size;
		FILE *stream;

		if (strcmp(r->path, "table") || !old || !(stream = open_memstream(&out, &size)))
			continue;
		for (; *at; at++) {
			if (strncmp(at, r->value, old)) {
				fputc(*at, stream);
				continue;
			}
			fputs(equals + 1, stream);
			at += old - 1;
		}
		fclose(stream);
		text = out; /* the one before stays until exit */
	}
	fputs(text, stdout);
}

#endif

/*
 * Skynet's C library beside ours: the same messages, as C structs, through its callbacks.
 *
 *     shim DIRECTORY MESSAGE OPERATION REPETITIONS
 *
 * DIRECTORY holds the schema as a bundle (`schema`), each message (`move`, `chat`, ...) and each
 * message packed (`move.packed`, ...), as ours wrote them. Writes the nanoseconds of the processor
 * that all repetitions took and the bytes of the message, or says what is wrong and fails.
 *
 * What is read stays where it was: strings are pointers into the message, arrays have room
 * beforehand, and nothing tells absent fields from zeros. So no allocation is measured.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sproto.h"

#define BYTES_MAX 65536
#define TITLES_MAX 8
#define SKILLS_MAX 64
#define BAG_MAX 256
#define ENTITIES_MAX 256

struct text { const char *bytes; int length; };

struct move { int64_t id, x, y, z, facing; };

struct chat {
	int64_t id, channel, at;
	struct text from, text;
};

struct item {
	int64_t id, kind, count;
	struct text name;
	int bound;
};

struct stats { int64_t strength, agility, stamina, wisdom, health, health_max; };

struct place {
	int64_t map;
	double x, y, z;
};

struct sheet {
	int64_t id, level, experience;
	struct text name, guild;
	struct stats stats;
	struct place place;
	int title_count, skill_count, bag_count;
	struct text titles[TITLES_MAX];
	int64_t skills[SKILLS_MAX];
	struct item bag[BAG_MAX];
};

struct entity { int64_t id, x, y, facing, health; };

struct update {
	int64_t tick;
	int entity_count;
	struct entity entities[ENTITIES_MAX];
};

static int
put_integer(const struct sproto_arg *arg, int64_t value) {
	if (value >= INT32_MIN && value <= INT32_MAX) {
		int32_t small = (int32_t)value;
		memcpy(arg->value, &small, sizeof small);
		return sizeof small;
	}
	memcpy(arg->value, &value, sizeof value);
	return sizeof value;
}

static int
put_double(const struct sproto_arg *arg, double value) {
	memcpy(arg->value, &value, sizeof value);
	return sizeof value;
}

static int
put_text(const struct sproto_arg *arg, struct text text) {
	if (text.length > arg->length)
		return SPROTO_CB_ERROR;
	memcpy(arg->value, text.bytes, text.length);
	return text.length;
}

static int
put_struct(const struct sproto_arg *arg, sproto_callback put, const void *value) {
	int bytes = sproto_encode(arg->subtype, arg->value, arg->length, put, (void *)value);
	return bytes < 0 ? SPROTO_CB_ERROR : bytes;
}

static int64_t
integer_of(const struct sproto_arg *arg) {
	int64_t value;
	memcpy(&value, arg->value, sizeof value);
	return value;
}

static double
double_of(const struct sproto_arg *arg) {
	double value;
	memcpy(&value, arg->value, sizeof value);
	return value;
}

static struct text
text_of(const struct sproto_arg *arg) {
	struct text text = { arg->value, arg->length };
	return text;
}

static int
take_struct(const struct sproto_arg *arg, sproto_callback take, void *value) {
	/* As in Skynet: what is behind the struct in its block is an error. */
	int bytes = sproto_decode(arg->subtype, arg->value, arg->length, take, value);
	return bytes == arg->length ? 0 : SPROTO_CB_ERROR;
}

/* The place of an item in an array of `max`, counted in `count`; none for an empty array. */
static int
place_of(const struct sproto_arg *arg, int max, int *count) {
	if (arg->index < 1 || arg->index > max)
		return -1;
	*count = arg->index;
	return arg->index - 1;
}

static int
put_move(const struct sproto_arg *arg) {
	const struct move *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->id);
	case 1: return put_integer(arg, it->x);
	case 2: return put_integer(arg, it->y);
	case 3: return put_integer(arg, it->z);
	case 4: return put_integer(arg, it->facing);
	}
	return SPROTO_CB_ERROR;
}

static int
take_move(const struct sproto_arg *arg) {
	struct move *it = arg->ud;
	switch (arg->tagid) {
	case 0: it->id = integer_of(arg); break;
	case 1: it->x = integer_of(arg); break;
	case 2: it->y = integer_of(arg); break;
	case 3: it->z = integer_of(arg); break;
	case 4: it->facing = integer_of(arg); break;
	}
	return 0;
}

static int
put_chat(const struct sproto_arg *arg) {
	const struct chat *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->id);
	case 1: return put_text(arg, it->from);
	case 2: return put_integer(arg, it->channel);
	case 3: return put_text(arg, it->text);
	case 4: return put_integer(arg, it->at);
	}
	return SPROTO_CB_ERROR;
}

static int
take_chat(const struct sproto_arg *arg) {
	struct chat *it = arg->ud;
	switch (arg->tagid) {
	case 0: it->id = integer_of(arg); break;
	case 1: it->from = text_of(arg); break;
	case 2: it->channel = integer_of(arg); break;
	case 3: it->text = text_of(arg); break;
	case 4: it->at = integer_of(arg); break;
	}
	return 0;
}

static int
put_item(const struct sproto_arg *arg) {
	const struct item *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->id);
	case 1: return put_integer(arg, it->kind);
	case 2: return put_integer(arg, it->count);
	case 3: return put_text(arg, it->name);
	case 4: return put_integer(arg, it->bound);
	}
	return SPROTO_CB_ERROR;
}

static int
take_item(const struct sproto_arg *arg) {
	struct item *it = arg->ud;
	switch (arg->tagid) {
	case 0: it->id = integer_of(arg); break;
	case 1: it->kind = integer_of(arg); break;
	case 2: it->count = integer_of(arg); break;
	case 3: it->name = text_of(arg); break;
	case 4: it->bound = (int)integer_of(arg); break;
	}
	return 0;
}

static int
put_stats(const struct sproto_arg *arg) {
	const struct stats *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->strength);
	case 1: return put_integer(arg, it->agility);
	case 2: return put_integer(arg, it->stamina);
	case 3: return put_integer(arg, it->wisdom);
	case 4: return put_integer(arg, it->health);
	case 5: return put_integer(arg, it->health_max);
	}
	return SPROTO_CB_ERROR;
}

static int
take_stats(const struct sproto_arg *arg) {
	struct stats *it = arg->ud;
	switch (arg->tagid) {
	case 0: it->strength = integer_of(arg); break;
	case 1: it->agility = integer_of(arg); break;
	case 2: it->stamina = integer_of(arg); break;
	case 3: it->wisdom = integer_of(arg); break;
	case 4: it->health = integer_of(arg); break;
	case 5: it->health_max = integer_of(arg); break;
	}
	return 0;
}

static int
put_place(const struct sproto_arg *arg) {
	const struct place *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->map);
	case 1: return put_double(arg, it->x);
	case 2: return put_double(arg, it->y);
	case 3: return put_double(arg, it->z);
	}
	return SPROTO_CB_ERROR;
}

static int
take_place(const struct sproto_arg *arg) {
	struct place *it = arg->ud;
	switch (arg->tagid) {
	case 0: it->map = integer_of(arg); break;
	case 1: it->x = double_of(arg); break;
	case 2: it->y = double_of(arg); break;
	case 3: it->z = double_of(arg); break;
	}
	return 0;
}

static int
put_sheet(const struct sproto_arg *arg) {
	const struct sheet *it = arg->ud;
	int place = arg->index - 1;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->id);
	case 1: return put_text(arg, it->name);
	case 2: return put_integer(arg, it->level);
	case 3: return put_integer(arg, it->experience);
	case 4: return put_struct(arg, put_stats, &it->stats);
	case 5: return put_struct(arg, put_place, &it->place);
	case 6: return put_text(arg, it->guild);
	case 7:
		if (place == it->title_count)
			return SPROTO_CB_NIL;
		return put_text(arg, it->titles[place]);
	case 8:
		if (place == it->skill_count)
			return SPROTO_CB_NIL;
		return put_integer(arg, it->skills[place]);
	case 9:
		if (place == it->bag_count)
			return SPROTO_CB_NIL;
		return put_struct(arg, put_item, &it->bag[place]);
	}
	return SPROTO_CB_ERROR;
}

static int
take_sheet(const struct sproto_arg *arg) {
	struct sheet *it = arg->ud;
	int place;
	switch (arg->tagid) {
	case 0: it->id = integer_of(arg); break;
	case 1: it->name = text_of(arg); break;
	case 2: it->level = integer_of(arg); break;
	case 3: it->experience = integer_of(arg); break;
	case 4: return take_struct(arg, take_stats, &it->stats);
	case 5: return take_struct(arg, take_place, &it->place);
	case 6: it->guild = text_of(arg); break;
	case 7:
		place = place_of(arg, TITLES_MAX, &it->title_count);
		if (place >= 0)
			it->titles[place] = text_of(arg);
		break;
	case 8:
		place = place_of(arg, SKILLS_MAX, &it->skill_count);
		if (place >= 0)
			it->skills[place] = integer_of(arg);
		break;
	case 9:
		place = place_of(arg, BAG_MAX, &it->bag_count);
		if (place >= 0)
			return take_struct(arg, take_item, &it->bag[place]);
		break;
	}
	return 0;
}

static int
put_entity(const struct sproto_arg *arg) {
	const struct entity *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->id);
	case 1: return put_integer(arg, it->x);
	case 2: return put_integer(arg, it->y);
	case 3: return put_integer(arg, it->facing);
	case 4: return put_integer(arg, it->health);
	}
	return SPROTO_CB_ERROR;
}

static int
take_entity(const struct sproto_arg *arg) {
	struct entity *it = arg->ud;
	switch (arg->tagid) {
	case 0: it->id = integer_of(arg); break;
	case 1: it->x = integer_of(arg); break;
	case 2: it->y = integer_of(arg); break;
	case 3: it->facing = integer_of(arg); break;
	case 4: it->health = integer_of(arg); break;
	}
	return 0;
}

static int
put_update(const struct sproto_arg *arg) {
	const struct update *it = arg->ud;
	switch (arg->tagid) {
	case 0: return put_integer(arg, it->tick);
	case 1:
		if (arg->index - 1 == it->entity_count)
			return SPROTO_CB_NIL;
		return put_struct(arg, put_entity, &it->entities[arg->index - 1]);
	}
	return SPROTO_CB_ERROR;
}

static int
take_update(const struct sproto_arg *arg) {
	struct update *it = arg->ud;
	int place;
	switch (arg->tagid) {
	case 0: it->tick = integer_of(arg); break;
	case 1:
		place = place_of(arg, ENTITIES_MAX, &it->entity_count);
		if (place >= 0)
			return take_struct(arg, take_entity, &it->entities[place]);
		break;
	}
	return 0;
}

static union {
	struct move move;
	struct chat chat;
	struct sheet sheet;
	struct update update;
} value;

static const struct message {
	const char *name, *type;
	sproto_callback put, take;
} MESSAGES[] = {
	{ "move", "Move", put_move, take_move },
	{ "chat", "Chat", put_chat, take_chat },
	{ "sheet", "Sheet", put_sheet, take_sheet },
	{ "update", "Update", put_update, take_update },
};

static void
fail(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static int
load(const char *directory, const char *name, const char *ending, uint8_t *bytes) {
	char path[4096];
	FILE *file;
	size_t count;
	snprintf(path, sizeof path, "%s/%s%s", directory, name, ending);
	file = fopen(path, "rb");
	if (file == NULL)
		fail(path);
	count = fread(bytes, 1, BYTES_MAX, file);
	fclose(file);
	return (int)count;
}

static uint8_t bundle[BYTES_MAX], encoded[BYTES_MAX], packed[BYTES_MAX], out[BYTES_MAX];
static int encoded_bytes, packed_bytes;
static const struct message *message;
static struct sproto_type *type;

static int
once(char operation) {
	switch (operation) {
	case 'e': return sproto_encode(type, out, BYTES_MAX, message->put, &value);
	case 'd': return sproto_decode(type, encoded, encoded_bytes, message->take, &value);
	case 'p': return sproto_pack(encoded, encoded_bytes, out, BYTES_MAX);
	default: return sproto_unpack(packed, packed_bytes, out, BYTES_MAX);
	}
}

static void
check(const uint8_t *expected, int bytes) {
	if (memcmp(out, expected, bytes) != 0)
		fail("other bytes came out");
}

static long long
ran_ns(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Each operation once, with everything compared. */
static void
check_all(void) {
	if (once('d') != encoded_bytes || once('e') != encoded_bytes)
		fail("encoding does not undo decoding");
	check(encoded, encoded_bytes);
	if (once('p') != packed_bytes)
		fail("packing gives another length");
	check(packed, packed_bytes);
	if (once('u') != (encoded_bytes + 7) / 8 * 8)
		fail("unpacking gives another length");
	check(encoded, encoded_bytes);
}

int
main(int count, char **words) {
	struct sproto *schema;
	long repetitions, index;
	long long before, after;
	int expected;
	char operation;
	if (count != 5)
		fail("usage: shim DIRECTORY MESSAGE OPERATION REPETITIONS");
	for (index = 0; index < 4; index++) {
		if (strcmp(MESSAGES[index].name, words[2]) == 0)
			message = &MESSAGES[index];
	}
	schema = sproto_create(bundle, load(words[1], "schema", "", bundle));
	if (schema == NULL || message == NULL)
		fail("no schema, or no such message");
	type = sproto_type(schema, message->type);
	encoded_bytes = load(words[1], message->name, "", encoded);
	packed_bytes = load(words[1], message->name, ".packed", packed);
	operation = words[3][0];
	repetitions = atol(words[4]);
	check_all();
	expected = once(operation);
	for (index = 0; index <= repetitions / 8; index++)
		once(operation);
	before = ran_ns();
	for (index = 0; index < repetitions; index++) {
		if (once(operation) != expected)
			fail("another length came out");
		/* What came out may be looked at, so it has to be made. */
		__asm__ volatile("" : : "r"(out), "r"(&value) : "memory");
	}
	after = ran_ns();
	check_all();
	printf("%lld %d\n", after - before, operation == 'e' || operation == 'd' ? encoded_bytes : packed_bytes);
	return 0;
}

/*
 * The yardstick: a packed virtqueue (virtio 1.4, 2.8) with a driver and a device on one thread, written as one would
 * write it in C. It touches the same memory as the C# driver and its benchmark do, in the same order and widths: ring,
 * event suppression, a 16-byte record per buffer, and what is handed to the caller. It makes the same checks of what
 * the device wrote, and is compiled as a whole, so that everything can be inlined.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { NEXT = 1, WRITE = 2, AVAIL = 1 << 7, USED = 1 << 15, BOTH = AVAIL | USED };
enum { EVENT_DISABLE = 1, MAXIMUM_BATCH = 256, RETURNED = 0xFFFF };

struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
    uint16_t flags;
};

struct event {
    uint16_t desc;
    uint16_t flags;
};

struct record {
    uint32_t token;
    uint32_t writable;
    uint16_t descriptors;
    uint16_t table_length;
    uint16_t sequence;
    uint16_t next;
};

struct used {
    uint32_t token;
    uint32_t written;
};

struct segment {
    uint64_t addr;
    uint32_t len;
};

struct queue {
    struct descriptor *ring;
    struct event *device_event;
    struct record *records;
    uint32_t size;
    uint32_t free;
    uint16_t first_free;
    uint32_t avail_slot;
    uint32_t avail_flags;
    uint32_t used_slot;
    uint32_t used_flags;
    uint64_t added;
    uint64_t used;
    uint64_t announced;
    int broken;
};

struct device {
    struct descriptor *ring;
    uint32_t size;
    uint32_t slot;
    uint32_t avail_flags;
    uint64_t sum;
};

struct bench {
    struct queue queue;
    struct device device;
    struct segment segments[MAXIMUM_BATCH];
    struct used completed[MAXIMUM_BATCH];
};

static int add(struct queue *q, const struct segment *segment, uint32_t token)
{
    if (q->broken || segment->len == 0 || q->free == 0)
        return 0;

    uint16_t id = q->first_free;
    struct record *record = &q->records[id];
    record->token = token;
    record->writable = segment->len;
    record->descriptors = 1;
    record->table_length = 0;
    record->sequence = (uint16_t)q->added;
    q->first_free = record->next;

    struct descriptor *d = &q->ring[q->avail_slot];
    d->addr = segment->addr;
    d->len = segment->len;
    d->id = id;
    __atomic_store_n(&d->flags, (uint16_t)(q->avail_flags | WRITE), __ATOMIC_RELEASE);

    if (++q->avail_slot == q->size) {
        q->avail_slot = 0;
        q->avail_flags ^= BOTH;
    }
    q->free--;
    q->added++;
    return 1;
}

static int needs_notification(struct queue *q)
{
    if (q->added == q->announced)
        return 0;

    q->announced = q->added;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&q->device_event->flags, __ATOMIC_RELAXED) != EVENT_DISABLE;
}

static uint32_t get_used(struct queue *q, struct used *out, uint32_t room)
{
    uint32_t count = 0;
    while (count < room && q->free != q->size && !q->broken) {
        struct descriptor *d = &q->ring[q->used_slot];
        uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
        if ((flags & BOTH) != q->used_flags)
            break;

        uint16_t id = d->id;
        uint32_t len = d->len;
        struct record *record = &q->records[id];
        if (id >= q->size || record->descriptors == 0 || record->descriptors == RETURNED
            || (record->writable != 0 && len > record->writable)) {
            q->broken = 1;
            break;
        }

        out[count].token = record->token;
        out[count].written = record->writable == 0 ? 0 : len;
        count++;
        q->used_slot += record->descriptors;
        if (q->used_slot >= q->size) {
            q->used_slot -= q->size;
            q->used_flags ^= BOTH;
        }
        q->free += record->descriptors;
        q->used++;
        record->descriptors = RETURNED;
        record->next = q->first_free;
        q->first_free = id;
    }
    return count;
}

static void use_all(struct device *device)
{
    for (;;) {
        struct descriptor *d = &device->ring[device->slot];
        uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
        if ((flags & BOTH) != device->avail_flags)
            return;

        device->sum += d->addr;
        uint32_t len = d->len;
        uint16_t id = d->id;
        d->len = len;
        d->id = id;
        __atomic_store_n(&d->flags, (uint16_t)(device->avail_flags == AVAIL ? BOTH : 0), __ATOMIC_RELEASE);
        if (++device->slot == device->size) {
            device->slot = 0;
            device->avail_flags ^= BOTH;
        }
    }
}

EXPORT struct bench *bench_create(uint32_t size)
{
    struct bench *b = calloc(1, sizeof *b);
    struct queue *q = &b->queue;
    q->ring = aligned_alloc(64, size * sizeof *q->ring);
    memset(q->ring, 0, size * sizeof *q->ring);
    q->device_event = aligned_alloc(64, 64);
    memset(q->device_event, 0, 64);
    q->device_event->flags = EVENT_DISABLE;
    q->records = calloc(size, sizeof *q->records);
    for (uint32_t i = 0; i < size; i++)
        q->records[i].next = (uint16_t)(i + 1 < size ? i + 1 : 0);
    q->size = q->free = size;
    q->avail_flags = AVAIL;
    q->used_flags = BOTH;
    b->device.ring = q->ring;
    b->device.size = size;
    b->device.avail_flags = AVAIL;
    for (uint32_t i = 0; i < MAXIMUM_BATCH; i++)
        b->segments[i] = (struct segment){ (uint64_t)i << 12, 2048 };
    return b;
}

/* Moves batches of buffers through the ring. Returns how many came back. */
EXPORT uint64_t bench_run(struct bench *b, uint32_t batches, uint32_t batch)
{
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < batches; i++) {
        for (uint32_t j = 0; j < batch; j++)
            add(&b->queue, &b->segments[j], j);
        if (needs_notification(&b->queue))
            return 0;
        use_all(&b->device);
        pairs += get_used(&b->queue, b->completed, batch);
    }
    return pairs;
}

EXPORT void bench_destroy(struct bench *b)
{
    free(b->queue.ring);
    free(b->queue.device_event);
    free(b->queue.records);
    free(b);
}

/*
 * The first and only program of the Linux guest of "bench --against linux". It loads the kernel modules that the
 * initramfs has in /modules (0, 1, ... in this order), runs the jobs that its arguments name, and switches off.
 *
 *     NAME:disk:OPERATION:SIZE:DEPTH:COUNT:MILLISECONDS
 *
 * OPERATION is read, write, randread or randwrite; SIZE is in bytes; DEPTH requests are submitted together and waited
 * for, then the next; that ends after COUNT requests or after MILLISECONDS, whichever is not 0.
 *
 *     NAME:net:OPERATION:SIZE:BURST:COUNT:MILLISECONDS:NETWORK
 *
 * OPERATION is tx, rx, rr (UDP), tcp-tx or tcp-rx; SIZE is in bytes; up to BURST datagrams go in one call; NETWORK is
 * the first three numbers of the addresses, of which the peer has 1 and this guest gets 2.
 *
 *     NAME:manage
 *     NAME:entropy:BYTES
 *
 * These measure nothing: a disk is flushed, told to write through and back again, and has ranges discarded and zeroed,
 * as far as it can; so many bytes come from the source of random bytes. A driver that is judged does all that.
 *
 * For each measured job there is one line of JSON on the console. Whatever fails ends everything with a line that begins with
 * "error: ".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MILLION 1000000ull
#define BILLION 1000000000ull
#define DEVICE_SIZE 0x80081272ul /* BLKGETSIZE64 of linux/fs.h */
#define DISK "/dev/vda"
#define SCHEDULER "/sys/block/vda/queue/scheduler"
#define FEATURES "/sys/bus/virtio/devices/virtio0/features"

#define DISCARD_RANGE 0x1277ul /* BLKDISCARD */
#define ZERO_RANGE 0x127Ful /* BLKZEROOUT */
#define CACHE_TYPE "/sys/block/vda/cache_type"
#define SERIAL "/sys/block/vda/serial"
#define ENTROPY "/dev/hwrng"

enum { FIELDS = 8, TEXT = 65536, HUGE_PAGE = 2 << 20, MAXIMUM_DEPTH = 256, WARM_UP_BATCHES = 16 };
enum { RING_PACKED = 34, DEVICE_ATTEMPTS = 1000 };

/* From linux/aio_abi.h, which the C library's headers do not have. */
enum { READ = 0, WRITE = 1 };

struct request {
    uint64_t data;
    uint32_t key;
    uint32_t rw_flags;
    uint16_t operation;
    int16_t priority;
    uint32_t file;
    uint64_t buffer;
    uint64_t length;
    int64_t offset;
    uint64_t reserved;
    uint32_t flags;
    uint32_t event_file;
};

struct completion {
    uint64_t data;
    uint64_t request;
    int64_t result;
    int64_t result2;
};

/* What the guest has spent so far. */
struct meter {
    uint64_t ticks;
    uint64_t nanoseconds;
    uint64_t idle_nanoseconds;
    uint64_t interrupts;
};

struct disk {
    int file;
    unsigned long context;
    uint64_t size;
    uint64_t position;
    uint32_t depth;
    uint32_t length;
    int is_random;
    struct request requests[MAXIMUM_DEPTH];
    struct request *pointers[MAXIMUM_DEPTH];
    struct completion completions[MAXIMUM_DEPTH];
};

static char text[TEXT];

static _Noreturn void switch_off(void)
{
    tcdrain(STDOUT_FILENO);
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static _Noreturn void fail(const char *format, ...)
{
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    printf("error: ");
    vprintf(format, arguments);
    printf(": %s\n", strerror(error));
    va_end(arguments);
    switch_off();
}

static void check(long result, const char *what)
{
    if (result < 0)
        fail("%s", what);
}

/* A whole file, with a zero behind it. Files of /proc have to be read to the end. */
static char *read_text(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    check(file, path);
    size_t length = 0;
    ssize_t count;
    while ((count = read(file, text + length, TEXT - 1 - length)) > 0)
        length += (size_t)count;
    check(count, path);
    close(file);
    text[length] = 0;
    return text;
}

static void write_text(const char *path, const char *what)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    check(file, path);
    check(write(file, what, strlen(what)), path);
    close(file);
}

static uint64_t timestamp(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * BILLION + (uint64_t)now.tv_nsec;
}

/* Of all virtio devices; the guest has the one that is measured. A line is "NUMBER: COUNT CONTROLLER ... NAME". */
static uint64_t count_interrupts(void)
{
    uint64_t sum = 0;
    for (char *line = strtok(read_text("/proc/interrupts"), "\n"); line; line = strtok(NULL, "\n")) {
        char *count = strchr(line, ':');
        if (count && strstr(line, " virtio"))
            sum += strtoull(count + 1, NULL, 10);
    }
    return sum;
}

static uint64_t count_idle_nanoseconds(void)
{
    static const char label[] = ".idle_sleeptime";
    const char *found = strstr(read_text("/proc/timer_list"), label);
    const char *number = found ? strchr(found, ':') : NULL;
    if (!number)
        fail("/proc/timer_list does not have %s", label);
    return strtoull(number + 1, NULL, 10);
}

/* A reading takes long itself; what it takes is outside of the span between two readings. */
static struct meter begin(void)
{
    struct meter meter;
    meter.interrupts = count_interrupts();
    meter.idle_nanoseconds = count_idle_nanoseconds();
    meter.nanoseconds = nanoseconds();
    meter.ticks = timestamp();
    return meter;
}

static struct meter since(const struct meter *start)
{
    struct meter meter;
    meter.ticks = timestamp() - start->ticks;
    meter.nanoseconds = nanoseconds() - start->nanoseconds;
    meter.idle_nanoseconds = count_idle_nanoseconds() - start->idle_nanoseconds;
    meter.interrupts = count_interrupts() - start->interrupts;
    return meter;
}

static void report(const char *name, uint64_t requests, const struct meter *spent)
{
    struct utsname system;
    check(uname(&system), "uname");
    const char *features = read_text(FEATURES);
    const char *ring = strlen(features) > RING_PACKED && features[RING_PACKED] == '1' ? "packed" : "split";
    printf("{\"workload\":\"%s\",\"release\":\"%s\",\"ring\":\"%s\",\"requests\":%llu,\"ticks\":%llu,"
           "\"nanoseconds\":%llu,\"idleNanoseconds\":%llu,\"interrupts\":%llu}\n",
           name, system.release, ring, (unsigned long long)requests, (unsigned long long)spent->ticks,
           (unsigned long long)spent->nanoseconds, (unsigned long long)spent->idle_nanoseconds,
           (unsigned long long)spent->interrupts);
}

static uint64_t splitmix64(uint64_t x)
{
    uint64_t z = x + 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static void run_batch(struct disk *disk)
{
    uint64_t places = disk->size / disk->length;
    for (uint32_t i = 0; i < disk->depth; i++) {
        uint64_t position = disk->position++;
        disk->requests[i].offset = (int64_t)((disk->is_random ? splitmix64(position) : position) % places
                                             * disk->length);
    }
    long count = syscall(SYS_io_submit, disk->context, (long)disk->depth, disk->pointers);
    if (count != disk->depth)
        fail("io_submit took %ld of %u requests", count, disk->depth);
    long done = 0;
    while (done < disk->depth) {
        /* Without a limit, which would cost a timer for every call: whoever started the guest has one. */
        count = syscall(SYS_io_getevents, disk->context, disk->depth - done, disk->depth - done,
                        disk->completions + done, NULL);
        if (count <= 0)
            fail("io_getevents gave %ld after %ld of %u requests", count, done, disk->depth);
        done += count;
    }
    for (uint32_t i = 0; i < disk->depth; i++)
        if (disk->completions[i].result != disk->length)
            fail("a request ended with %lld", (long long)disk->completions[i].result);
}

/* The fields behind the kind: OPERATION, SIZE, DEPTH, COUNT, MILLISECONDS. */
static void run_disk(const char *name, char *const *fields)
{
    static struct disk disk;
    memset(&disk, 0, sizeof(disk));
    int is_write = strstr(fields[0], "write") != NULL;
    uint64_t count = strtoull(fields[3], NULL, 10);
    uint64_t limit = strtoull(fields[4], NULL, 10) * MILLION;
    disk.is_random = strncmp(fields[0], "rand", 4) == 0;
    disk.length = (uint32_t)strtoul(fields[1], NULL, 10);
    disk.depth = (uint32_t)strtoul(fields[2], NULL, 10);
    errno = EINVAL;
    if (disk.depth == 0 || disk.depth > MAXIMUM_DEPTH || disk.length == 0 || (count == 0 && limit == 0))
        fail("job %s", name);
    disk.file = -1;
    for (int attempt = 0; attempt < DEVICE_ATTEMPTS && disk.file < 0; attempt++) {
        disk.file = open(DISK, (is_write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
        if (disk.file < 0)
            usleep(10000);
    }
    check(disk.file, DISK);
    check(ioctl(disk.file, DEVICE_SIZE, &disk.size), "size of " DISK);
    /* As is usual for a disk whose order somebody else decides; the kernel's own choice costs a fifth more. */
    write_text(SCHEDULER, "none");
    check(syscall(SYS_io_setup, MAXIMUM_DEPTH, &disk.context), "io_setup");

    /* Aligned for huge pages, which keep the segments of a request few. */
    size_t needed = (size_t)disk.depth * disk.length + HUGE_PAGE;
    char *memory = mmap(NULL, needed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("memory for the requests");
    char *buffers = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    memset(buffers, 0x5A, (size_t)disk.depth * disk.length);
    for (uint32_t i = 0; i < disk.depth; i++) {
        disk.requests[i].operation = is_write ? WRITE : READ;
        disk.requests[i].file = (uint32_t)disk.file;
        disk.requests[i].buffer = (uintptr_t)(buffers + (size_t)i * disk.length);
        disk.requests[i].length = disk.length;
        disk.pointers[i] = &disk.requests[i];
    }

    for (int batch = 0; batch < WARM_UP_BATCHES; batch++)
        run_batch(&disk);
    struct meter start = begin();
    uint64_t done = 0;
    while ((count == 0 || done < count) && (limit == 0 || nanoseconds() - start.nanoseconds < limit)) {
        run_batch(&disk);
        done += disk.depth;
    }
    struct meter spent = since(&start);
    report(name, done, &spent);

    check(syscall(SYS_io_destroy, disk.context), "io_destroy");
    munmap(memory, needed);
    close(disk.file);
}

/* Waits until a file is there. */
static int open_device(const char *path, int flags)
{
    int file = -1;
    for (int attempt = 0; attempt < DEVICE_ATTEMPTS && file < 0; attempt++) {
        file = open(path, flags | O_CLOEXEC);
        if (file < 0)
            usleep(10000);
    }
    check(file, path);
    return file;
}

static void run_manage(const char *name, char *const *fields)
{
    static char block[4096];
    (void)fields;
    int file = open_device(DISK, O_RDWR);
    memset(block, 0x5A, sizeof(block));
    check(pwrite(file, block, sizeof(block), 65536), "pwrite");
    check(fsync(file), "fsync");
    uint64_t range[2] = { 1 << 20, 256 << 10 };
    if (ioctl(file, DISCARD_RANGE, range) < 0 && errno != EOPNOTSUPP)
        fail("discard");
    range[0] = 2 << 20;
    check(ioctl(file, ZERO_RANGE, range), "zeroes");
    read_text(SERIAL);
    const char *mode = strstr(read_text(CACHE_TYPE), "back") ? "write back" : "write through";
    /* A device without the choice refuses it. */
    int cache = open(CACHE_TYPE, O_WRONLY | O_CLOEXEC);
    if (cache >= 0) {
        if (write(cache, "write through", 13) == 13)
            check(pwrite(file, block, sizeof(block), 131072), "pwrite");
        if (write(cache, mode, strlen(mode)) < 0 && errno != EINVAL)
            fail("%s", CACHE_TYPE);
        close(cache);
    }
    check(fsync(file), "fsync");
    close(file);
    printf("%s done\n", name);
}

static void run_entropy(const char *name, char *const *fields)
{
    static char bytes[256];
    int file = open_device(ENTROPY, O_RDONLY);
    for (long left = strtol(fields[0], NULL, 10); left > 0;) {
        ssize_t count = read(file, bytes, sizeof(bytes));
        check(count, ENTROPY);
        left -= count;
    }
    close(file);
    printf("%s done\n", name);
}

struct network {
    int file;
    uint32_t burst;
    uint32_t length;
    struct mmsghdr messages[MAXIMUM_DEPTH];
    struct iovec parts[MAXIMUM_DEPTH];
};

enum { ECHO_PORT = 7, DISCARD_PORT = 9, GENERATOR_PORT = 19, HTTP_PORT = 80, CARD_ATTEMPTS = 1000 };

/* Gives the card its address, once it is there. */
static void configure(const char *network)
{
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(file, "socket");
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    strcpy(request.ifr_name, "eth0");
    int result = -1;
    for (int attempt = 0; attempt < CARD_ATTEMPTS && result < 0; attempt++) {
        result = ioctl(file, SIOCGIFFLAGS, &request);
        if (result < 0)
            usleep(10000);
    }
    check(result, "eth0");
    char text_address[32];
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    snprintf(text_address, sizeof(text_address), "%s.2", network);
    address->sin_addr.s_addr = inet_addr(text_address);
    check(ioctl(file, SIOCSIFADDR, &request), "address of eth0");
    address->sin_addr.s_addr = htonl(0xFFFFFF00);
    check(ioctl(file, SIOCSIFNETMASK, &request), "mask of eth0");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    check(ioctl(file, SIOCSIFFLAGS, &request), "eth0 up");
    close(file);
}

static void send_burst(struct network *network)
{
    for (uint32_t sent = 0; sent < network->burst;) {
        int count = sendmmsg(network->file, network->messages + sent, network->burst - sent, 0);
        check(count, "sendmmsg");
        sent += (uint32_t)count;
    }
}

/* How many datagrams; 0 where none has come for a second. */
static uint32_t receive_some(struct network *network, uint32_t most)
{
    int count = recvmmsg(network->file, network->messages, most, MSG_WAITFORONE, NULL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    check(count, "recvmmsg");
    return (uint32_t)count;
}

static uint32_t run_tx(struct network *network)
{
    send_burst(network);
    return network->burst;
}

static uint32_t run_rx(struct network *network)
{
    uint32_t count = receive_some(network, network->burst);
    if (count == 0)
        /* Nobody sends yet: asks for it. */
        check(send(network->file, network->parts[0].iov_base, network->length, 0), "send");
    return count;
}

static uint32_t run_rr(struct network *network)
{
    send_burst(network);
    uint32_t back = 0;
    for (uint32_t count = 1; back < network->burst && count != 0; back += count)
        count = receive_some(network, network->burst - back);
    return back;
}

static uint32_t run_tcp_tx(struct network *network)
{
    for (uint32_t sent = 0; sent < network->length;) {
        ssize_t count = send(network->file, network->parts[0].iov_base, network->length - sent, 0);
        check(count, "send");
        sent += (uint32_t)count;
    }
    return 1;
}

static uint32_t run_tcp_rx(struct network *network)
{
    for (uint32_t received = 0; received < network->length;) {
        ssize_t count = recv(network->file, network->parts[0].iov_base, network->length - received, 0);
        check(count, "recv");
        if (count == 0)
            fail("the peer has ended the connection");
        received += (uint32_t)count;
    }
    return 1;
}

static void send_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = send(file, bytes, length, 0);
        check(count, "send");
        bytes += count;
        length -= (size_t)count;
    }
}

/* Answers what has come of requests, whose bodies are empty; the answer is the same for all (RFC 9112). */
static uint32_t run_http(struct network *network)
{
    static char request[8192], answer[(1 << 20) + 256];
    static size_t length, answer_length;
    if (answer_length == 0) {
        int head = snprintf(answer, 256, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n",
                            network->length);
        memset(answer + head, '.', network->length);
        answer_length = (size_t)head + network->length;
    }

    ssize_t count = recv(network->file, request + length, sizeof(request) - 1 - length, 0);
    check(count, "recv");
    if (count == 0)
        fail("the peer has ended the connection");
    length += (size_t)count;
    request[length] = 0;
    uint32_t answered = 0;
    char *end;
    while ((end = strstr(request, "\r\n\r\n"))) {
        size_t rest = (size_t)(end + 4 - request);
        memmove(request, request + rest, length - rest + 1);
        length -= rest;
        send_all(network->file, answer, answer_length);
        answered++;
    }
    return answered;
}

/* Waits until somebody has connected. */
static int accept_one(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(listener, "socket");
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(HTTP_PORT) };
    check(bind(listener, (struct sockaddr *)&address, sizeof(address)), "bind");
    check(listen(listener, 1), "listen");
    int file = accept(listener, NULL, NULL);
    check(file, "accept");
    close(listener);
    return file;
}

static const struct load {
    const char *name;
    int is_stream;
    uint16_t local_port;
    uint16_t port;
    uint32_t (*run)(struct network *network);
} loads[] = {
    { "tx", 0, 0, DISCARD_PORT, run_tx },
    { "rx", 0, DISCARD_PORT, GENERATOR_PORT, run_rx },
    { "rr", 0, 0, ECHO_PORT, run_rr },
    { "tcp-tx", 1, 0, DISCARD_PORT, run_tcp_tx },
    { "tcp-rx", 1, 0, GENERATOR_PORT, run_tcp_rx },
    { "http", 1, HTTP_PORT, 0, run_http },
};

static int connect_to(const struct load *load, const char *network)
{
    int file = socket(AF_INET, (load->is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    check(file, "socket");
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(load->local_port) };
    check(bind(file, (struct sockaddr *)&address, sizeof(address)), "bind");
    char peer[32];
    snprintf(peer, sizeof(peer), "%s.1", network);
    address.sin_addr.s_addr = inet_addr(peer);
    address.sin_port = htons(load->port);
    check(connect(file, (struct sockaddr *)&address, sizeof(address)), "connect");
    return file;
}

/* The fields behind the kind: OPERATION, SIZE, BURST, COUNT, MILLISECONDS, NETWORK. */
static void run_net(const char *name, char *const *fields)
{
    static struct network network;
    memset(&network, 0, sizeof(network));
    const struct load *load = NULL;
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (strcmp(loads[i].name, fields[0]) == 0)
            load = &loads[i];
    network.length = (uint32_t)strtoul(fields[1], NULL, 10);
    network.burst = (uint32_t)strtoul(fields[2], NULL, 10);
    uint64_t count = strtoull(fields[3], NULL, 10);
    uint64_t limit = strtoull(fields[4], NULL, 10) * MILLION;
    errno = EINVAL;
    if (!load || network.burst == 0 || network.burst > MAXIMUM_DEPTH || network.length == 0
        || (count == 0 && limit == 0))
        fail("job %s", name);
    configure(fields[5]);
    char *memory = calloc(network.burst, network.length);
    if (!memory)
        fail("memory for the datagrams");
    for (uint32_t i = 0; i < network.burst; i++) {
        network.parts[i].iov_base = memory + (size_t)i * network.length;
        network.parts[i].iov_len = network.length;
        network.messages[i].msg_hdr.msg_iov = &network.parts[i];
        network.messages[i].msg_hdr.msg_iovlen = 1;
    }

    network.file = load->port == 0 ? accept_one() : connect_to(load, fields[5]);
    struct timeval patience = { .tv_sec = 1 };
    check(setsockopt(network.file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), "SO_RCVTIMEO");
    if (load->run == run_rx)
        check(send(network.file, memory, network.length, 0), "send");
    for (int batch = 0; batch < WARM_UP_BATCHES; batch++)
        load->run(&network);
    struct meter start = begin();
    uint64_t done = 0;
    while ((count == 0 || done < count) && (limit == 0 || nanoseconds() - start.nanoseconds < limit))
        done += load->run(&network);
    struct meter spent = since(&start);
    report(name, done, &spent);
    close(network.file);
    free(memory);
}

static const struct kind {
    const char *name;
    int fields;
    void (*run)(const char *name, char *const *fields);
} kinds[] = {
    { "disk", 5, run_disk },
    { "net", 6, run_net },
    { "manage", 0, run_manage },
    { "entropy", 1, run_entropy },
};

static void run_job(char *job)
{
    char *fields[FIELDS] = { job };
    int count = 1;
    for (char *colon = strchr(job, ':'); colon && count < FIELDS; colon = strchr(colon + 1, ':')) {
        *colon = 0;
        fields[count++] = colon + 1;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (count == kinds[i].fields + 2 && strcmp(fields[1], kinds[i].name) == 0) {
            kinds[i].run(fields[0], fields + 2);
            return;
        }
    }
    errno = EINVAL;
    fail("job %s", job);
}

static void load_modules(void)
{
    for (int i = 0;; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/modules/%d", i);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 && errno == ENOENT)
            return;
        check(file, path);
        if (syscall(SYS_finit_module, file, "", 0) < 0)
            fail("the kernel does not take %s", path);
        close(file);
    }
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    check(mount("devtmpfs", "/dev", "devtmpfs", 0, ""), "mounting /dev");
    check(mount("proc", "/proc", "proc", 0, ""), "mounting /proc");
    check(mount("sysfs", "/sys", "sysfs", 0, ""), "mounting /sys");
    load_modules();
    for (int i = 1; i < count; i++)
        run_job(arguments[i]);
    switch_off();
}

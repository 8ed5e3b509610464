/* What the three C programs share: clocks, samples, base64, RTP with a time in its payload, command lines.

   They stand for everything around the server under test (phones, the customer's app) and for the floor
   beside it, so they do as little as possible and take their times from the kernel where they can. */
#ifndef BENCHMARK_WIRE_H
#define BENCHMARK_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FRAME 160        /* 20 ms of PCMU */
#define RTP_HEADER 12    /* RFC 3550 §5.1 */
#define BASE64_FRAME 216 /* 160 octets in base64 */
#define STAMP 20         /* sixteen nibbles of a time, then the four octets of `MAGIC` */
#define MILLISECOND 1000000LL

static const uint8_t MAGIC[4] = {0x21, 0x12, 0x23, 0x32};

static inline int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline int64_t monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static inline int64_t utc_ns(void) { return clock_ns(CLOCK_REALTIME); }

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

/* Samples in microseconds, for percentiles. */

typedef struct {
    uint32_t *values;
    size_t count, room;
} Samples;

static inline void sample(Samples *samples, int64_t ns) {
    if (samples->count == samples->room) {
        samples->room = samples->room ? 2 * samples->room : 65536;
        samples->values = realloc(samples->values, samples->room * sizeof *samples->values);
        if (!samples->values) die("realloc");
    }
    samples->values[samples->count++] = ns < 0 ? 0 : (uint32_t)(ns / 1000);
}

static inline int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Writes "name":{"n":…,"p50":…,"p99":…,"max":…}, milliseconds; the samples are sorted and kept. */
static inline void print_samples(const char *name, Samples *samples) {
    size_t n = samples->count;
    qsort(samples->values, n, sizeof *samples->values, by_value);
    printf("\"%s\":{\"n\":%zu,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, n,
           n ? samples->values[n / 2] / 1e3 : 0.0, n ? samples->values[n * 99 / 100] / 1e3 : 0.0,
           n ? samples->values[n - 1] / 1e3 : 0.0);
}

/* A time inside the audio: one nibble an octet, so that every octet survives decoding and encoding PCMU. */

static inline void write_stamp(uint8_t *payload, int64_t ns) {
    for (int i = 0; i < 16; i++) payload[i] = (ns >> (60 - 4 * i)) & 15;
    memcpy(payload + 16, MAGIC, sizeof MAGIC);
}

static inline int64_t read_stamp(const uint8_t *payload) { /* 0 where there is none */
    int64_t ns = 0;
    if (memcmp(payload + 16, MAGIC, sizeof MAGIC)) return 0;
    for (int i = 0; i < 16; i++) ns = ns << 4 | (payload[i] & 15);
    return ns;
}

static inline int is_silent(const uint8_t *payload, int size) { /* both zeros of PCMU (ITU-T G.711) */
    for (int i = 0; i < size; i++)
        if ((payload[i] | 0x80) != 0xff) return 0;
    return 1;
}

/* Base64 (RFC 4648 §4). */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static inline size_t to_base64(const uint8_t *from, size_t size, char *to) {
    char *start = to;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t word = from[i] << 16 | (left > 1 ? from[i + 1] : 0) << 8 | (left > 2 ? from[i + 2] : 0);
        *to++ = ALPHABET[word >> 18];
        *to++ = ALPHABET[word >> 12 & 63];
        *to++ = left > 1 ? ALPHABET[word >> 6 & 63] : '=';
        *to++ = left > 2 ? ALPHABET[word & 63] : '=';
    }
    return to - start;
}

static inline size_t from_base64(const char *from, size_t size, uint8_t *to) {
    static int8_t values[256];
    if (!values['B'])
        for (int i = 0; i < 64; i++) values[(uint8_t)ALPHABET[i]] = i;
    uint8_t *start = to;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t word = 0;
        for (int k = 0; k < 4; k++) word = word << 6 | (uint32_t)values[(uint8_t)from[i + k]];
        *to++ = word >> 16;
        if (from[i + 2] != '=') *to++ = word >> 8;
        if (from[i + 3] != '=') *to++ = word;
    }
    return to - start;
}

/* Sockets. */

static inline void set_nonblocking(int fd) {
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) die("fcntl");
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline int port_of(int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) die("getsockname");
    return ntohs(address.sin_port);
}

static inline int udp_socket(void) {
    struct sockaddr_in any = loopback(0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("udp");
    return fd;
}

static inline void watch_fd(int epoll, int fd, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static inline int ticks_every(int64_t ns) {
    struct itimerspec every = {{0, ns}, {0, ns}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0) die("timerfd");
    return fd;
}

static inline void begin_program(void) {
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind when the benchmark is interrupted */
    prctl(PR_SET_TIMERSLACK, 1);      /* the default of 50 us would be counted as the server's jitter */
}

/* Reads what waits at standard input and calls `obey` with each line; its end ends the program. */
static inline void read_commands(void (*obey)(char *line)) {
    static char buffer[65536];
    static size_t filled;
    ssize_t size = read(0, buffer + filled, sizeof buffer - 1 - filled);
    if (size <= 0) exit(0);
    filled += size;
    buffer[filled] = 0;
    char *line = buffer, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        obey(line);
        line = end + 1;
    }
    filled -= line - buffer;
    memmove(buffer, line, filled);
    fflush(stdout);
}

#endif

/* The customer's app: takes webhooks, echoes media streams, serves a tone.

   usage: app             prints "port P", then obeys lines on standard input:
     reset                forget the figures
     report               print them, JSON
     ahead MS             streams opened from now on get so much sound before their first echo, as apps do
                          that send what they have at once
   Each webhook is a line on standard output: "hook NS SIGNED BODY": when its first byte was seen (UTC),
   whether it bore a signature, the body. */
#include "wire.h"

#define ROOM 65536
#define TONE_SAMPLES 4000 /* half a second at 8000 Hz */

typedef struct {
    int fd, stream, writing, ahead;
    int64_t began; /* when the first byte of the request was seen */
    size_t filled, waiting;
    char input[ROOM], output[ROOM];
} Connection;

static int epoll, ahead_ms;
static int64_t frames, echoed, dropped, opened, hooks;
static Samples latency;

static void obey(char *line) {
    if (!strcmp(line, "reset")) {
        frames = echoed = dropped = opened = hooks = 0;
        latency.count = 0;
    } else if (!strcmp(line, "report")) {
        printf("{\"frames\":%lld,\"echoed\":%lld,\"dropped\":%lld,\"opened\":%lld,\"hooks\":%lld,",
               (long long)frames, (long long)echoed, (long long)dropped, (long long)opened,
               (long long)hooks);
        print_samples("latency", &latency);
        printf("}\n");
    } else {
        sscanf(line, "ahead %d", &ahead_ms);
    }
}

/* SHA-1 (RFC 3174), for the one header of RFC 6455 §4.2.2 that wants it; `size` is at most 119. */
static uint32_t turned(uint32_t word, int by) { return word << by | word >> (32 - by); }

static void sha1(const uint8_t *text, size_t size, uint8_t digest[20]) {
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t message[128] = {0};
    size_t whole = size < 56 ? 64 : 128;
    memcpy(message, text, size);
    message[size] = 0x80;
    message[whole - 2] = size * 8 >> 8;
    message[whole - 1] = size * 8;
    for (size_t block = 0; block < whole; block += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const uint8_t *at = message + block + 4 * i;
            w[i] = (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
        }
        for (int i = 16; i < 80; i++) w[i] = turned(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? (b & c) | (~b & d)
                         : i < 40 ? b ^ c ^ d
                         : i < 60 ? (b & c) | (b & d) | (c & d)
                                  : b ^ c ^ d;
            uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
            uint32_t next = turned(a, 5) + f + e + k + w[i];
            e = d, d = c, c = turned(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static void forget(Connection *one) {
    close(one->fd);
    free(one);
}

static void wait_to_write(Connection *one, int on) {
    struct epoll_event event = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = one};
    one->writing = on;
    epoll_ctl(epoll, EPOLL_CTL_MOD, one->fd, &event);
}

/* Sends now or as soon as there is room; 0 when even the buffer is full. */
static int send_all(Connection *one, const char *data, size_t size) {
    if (!one->waiting) {
        ssize_t done = write(one->fd, data, size);
        if (done < 0) done = 0;
        data += done;
        size -= done;
    }
    if (!size) return 1;
    if (one->waiting + size > ROOM) return 0;
    memcpy(one->output + one->waiting, data, size);
    one->waiting += size;
    if (!one->writing) wait_to_write(one, 1);
    return 1;
}

static void send_rest(Connection *one) {
    ssize_t done = write(one->fd, one->output, one->waiting);
    if (done <= 0) return;
    one->waiting -= done;
    memmove(one->output, one->output + done, one->waiting);
    if (!one->waiting) wait_to_write(one, 0);
}

/* A header's value within a request of which `end` is the end; NULL where it is not there. */
static const char *header(const char *request, const char *end, const char *name) {
    size_t size = strlen(name);
    for (const char *line = request; line < end; line++) {
        line = memchr(line, '\n', end - line);
        if (!line) return NULL;
        if (!strncasecmp(line + 1, name, size) && line[1 + size] == ':') {
            line += 2 + size;
            while (*line == ' ') line++;
            return line;
        }
    }
    return NULL;
}

static void open_stream(Connection *one, const char *end) {
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 §1.3 */
    const char *key = header(one->input, end, "Sec-WebSocket-Key");
    char text[120], answer[256], accept[32] = "";
    uint8_t digest[20];
    if (!key) return;
    size_t size = strcspn(key, "\r\n");
    if (size > 40) return;
    memcpy(text, key, size);
    memcpy(text + size, magic, sizeof magic - 1);
    sha1((uint8_t *)text, size + sizeof magic - 1, digest);
    to_base64(digest, sizeof digest, accept);
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    one->stream = 1;
    one->ahead = ahead_ms / 20;
    opened++;
    send_all(one, answer, length);
}

static void serve_tone(Connection *one) {
    int16_t samples[TONE_SAMPLES];
    uint32_t size = sizeof samples, riff = 36 + size, format = 16, rate = 8000, bytes = 16000;
    uint16_t pcm = 1, channels = 1, block = 2, bits = 16;
    char answer[sizeof samples + 256];
    for (int i = 0; i < TONE_SAMPLES; i++) samples[i] = (i % 16 - 8) * 2000; /* 500 Hz, never silent long */
    int at = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: %u\r\n\r\n",
                     44 + size);
    struct {
        const void *data;
        size_t size;
    } parts[] = {{"RIFF", 4}, {&riff, 4}, {"WAVEfmt ", 8}, {&format, 4}, {&pcm, 2}, {&channels, 2}, {&rate, 4},
                 {&bytes, 4}, {&block, 2}, {&bits, 2}, {"data", 4}, {&size, 4}, {samples, size}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(answer + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    send_all(one, answer, at);
}

/* Takes one whole request off the input, if there is one. */
static int take_request(Connection *one) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char *end = memmem(one->input, one->filled, "\r\n\r\n", 4);
    if (!end) return 0;
    const char *length = header(one->input, end, "Content-Length");
    size_t head = end + 4 - one->input, size = length ? strtoul(length, NULL, 10) : 0;
    if (one->filled < head + size) return 0;
    if (header(one->input, end, "Upgrade")) {
        open_stream(one, end);
    } else if (!strncmp(one->input, "POST", 4)) {
        int is_signed = header(one->input, end, "telnyx-signature-ed25519") != NULL;
        hooks++;
        printf("hook %lld %d %.*s\n", (long long)one->began, is_signed, (int)size, one->input + head);
        send_all(one, ok, sizeof ok - 1);
    } else {
        serve_tone(one);
    }
    one->filled -= head + size;
    memmove(one->input, one->input + head + size, one->filled);
    return 1;
}

static void echo(Connection *one, const char *text, size_t size, int64_t now) {
    static const char before[] = "{\"event\":\"media\",\"media\":{\"payload\":\"", after[] = "\"}}";
    const char *payload = memmem(text, size, "\"payload\":\"", 11);
    if (!payload || !memmem(text, size, "\"media\"", 7)) return;
    payload += 11;
    size_t length = memchr(payload, '"', text + size - payload) ? strcspn(payload, "\"") : 0;
    uint8_t first[STAMP + 4];
    char frame[1024];
    if (length < 28 || length > 900) return;
    frames++;
    from_base64(payload, 28, first);
    int64_t stamp = read_stamp(first);
    if (stamp) sample(&latency, now - stamp);
    size_t whole = sizeof before - 1 + length + sizeof after - 1;
    frame[0] = (char)0x81;
    frame[1] = 126;
    frame[2] = whole >> 8;
    frame[3] = whole;
    memcpy(frame + 4, before, sizeof before - 1);
    memcpy(frame + 4 + sizeof before - 1, payload, length);
    memcpy(frame + 4 + sizeof before - 1 + length, after, sizeof after - 1);
    for (one->ahead++; one->ahead > 0; one->ahead--) {
        if (send_all(one, frame, 4 + whole))
            echoed++;
        else
            dropped++;
    }
}

/* Takes one whole WebSocket frame (RFC 6455 §5.2) off the input: its size, 0 for none yet, −1 for the end. */
static ssize_t take_frame(Connection *one, size_t at, int64_t now) {
    uint8_t *frame = (uint8_t *)one->input + at;
    size_t left = one->filled - at, size, head = 2;
    if (left < 2) return 0;
    size = frame[1] & 127;
    if (size == 126) head = 4;
    if (size == 127) return -1;
    if (left < head + 4) return 0;
    if (size == 126) size = frame[2] << 8 | frame[3];
    if (left < head + 4 + size) return 0;
    uint8_t *mask = frame + head, *text = mask + 4;
    for (size_t i = 0; i < size; i++) text[i] ^= mask[i & 3];
    switch (frame[0] & 15) {
    case 1:
        echo(one, (char *)text, size, now);
        break;
    case 8:
        return -1;
    case 9: {
        char pong[127] = {(char)0x8a, (char)size};
        memcpy(pong + 2, text, size < 125 ? size : 125);
        send_all(one, pong, 2 + size);
    }
    }
    return head + 4 + size;
}

static int read_connection(Connection *one) { /* 0 at its end */
    for (;;) {
        int64_t now = utc_ns();
        ssize_t got = read(one->fd, one->input + one->filled, ROOM - one->filled);
        if (got < 0 && errno == EAGAIN) return 1;
        if (got <= 0) return 0;
        if (!one->filled) one->began = now;
        one->filled += got;
        while (!one->stream && take_request(one)) {
        }
        if (!one->stream) continue;
        size_t at = 0;
        ssize_t size;
        while ((size = take_frame(one, at, now)) > 0) at += size;
        if (size < 0) return 0;
        one->filled -= at;
        memmove(one->input, one->input + at, one->filled);
    }
}

static void accept_all(int listener) {
    for (;;) {
        int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Connection *one = calloc(1, sizeof *one);
        one->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    }
}

int main(void) {
    begin_program();
    static char lines[1 << 16];
    setvbuf(stdout, lines, _IOFBF, sizeof lines);
    struct sockaddr_in any = loopback(0);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 4096) < 0)
        die("listen");
    epoll = epoll_create1(0);
    struct epoll_event on_input = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &on_input);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &on_listener);
    printf("port %d\n", port_of(listener));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (!events[i].data.ptr) {
                read_commands(obey);
            } else if (events[i].data.ptr == &listener) {
                accept_all(listener);
            } else {
                Connection *one = events[i].data.ptr;
                if (events[i].events & EPOLLOUT) send_rest(one);
                if (events[i].events & ~EPOLLOUT && !read_connection(one)) forget(one);
            }
        }
        fflush(stdout);
    }
}

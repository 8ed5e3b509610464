/* The floor: what N calls cost a program that does nothing but move them.

   RTP in → JSON frame → masked WebSocket frame to the app; the app's frame → RTP out, every 20 ms, in batches
   of 5 ms. No jitter buffer, no SIP, no API, no timeline, no events: whatever a real server costs beyond this
   is the price of being one.

   usage: floor N APP_PORT       prints "ports P1 … PN"; ends with its standard input */
#include "wire.h"

#define RING 64      /* frames of playout; a power of two */
#define INPUT 8192
#define QUIET (200 * MILLISECOND)

typedef struct {
    int udp, tcp, known;
    struct sockaddr_in peer;
    uint16_t sequence;
    uint32_t timestamp, chunk;
    int64_t last;
    uint8_t ring[RING][FRAME];
    unsigned head, tail;
    char input[INPUT];
    size_t filled;
} Call;

static Call *calls;
static int count;

static void obey(char *line) { (void)line; }

static void send_frame(Call *call, int number, const uint8_t *payload) {
    char text[512];
    uint8_t frame[528];
    uint32_t chunk = ++call->chunk;
    int size = snprintf(text, sizeof text,
                        "{\"event\":\"media\",\"sequence_number\":\"%u\",\"media\":{\"track\":\"inbound\","
                        "\"chunk\":\"%u\",\"timestamp\":\"%u\",\"payload\":\"",
                        chunk + 1, chunk, (chunk - 1) * 20);
    size += to_base64(payload, FRAME, text + size);
    size += snprintf(text + size, sizeof text - size,
                     "\"},\"stream_id\":\"00000000-0000-4000-8000-%012d\"}", number);
    uint8_t mask[4] = {0x5a, (uint8_t)chunk, 0x3c, (uint8_t)number}; /* RFC 6455 §5.3, but cheap */
    frame[0] = 0x81;
    frame[1] = 0x80 | 126;
    frame[2] = size >> 8;
    frame[3] = size;
    memcpy(frame + 4, mask, 4);
    for (int i = 0; i < size; i++) frame[8 + i] = text[i] ^ mask[i & 3];
    if (write(call->tcp, frame, 8 + size) < 0 && errno != EAGAIN) die("write");
}

static void read_rtp(Call *call, int number, int64_t now) {
    uint8_t packet[2048];
    struct sockaddr_in from;
    for (;;) {
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(call->udp, packet, sizeof packet, 0, (struct sockaddr *)&from, &length);
        if (size < 0) return;
        if (size != RTP_HEADER + FRAME) continue;
        call->peer = from;
        call->known = 1;
        call->last = now;
        send_frame(call, number, packet + RTP_HEADER);
    }
}

static void take_frame(Call *call, const char *text, size_t size) {
    const char *payload = memmem(text, size, "\"payload\":\"", 11);
    if (!payload || text + size - payload - 11 < BASE64_FRAME) return;
    if (call->head - call->tail == RING) call->tail++;
    from_base64(payload + 11, BASE64_FRAME, call->ring[call->head++ % RING]);
}

static void read_app(Call *call) {
    for (;;) {
        ssize_t got = read(call->tcp, call->input + call->filled, INPUT - call->filled);
        if (got == 0) exit(1);
        if (got < 0) return;
        call->filled += got;
        size_t at = 0;
        for (;;) {
            const uint8_t *frame = (const uint8_t *)call->input + at;
            size_t left = call->filled - at, size, head = 2;
            if (left < 4) break;
            size = frame[1] & 127;
            if (size == 126) size = frame[2] << 8 | frame[3], head = 4;
            if (left < head + size) break;
            take_frame(call, call->input + at + head, size);
            at += head + size;
        }
        call->filled -= at;
        memmove(call->input, call->input + at, call->filled);
    }
}

static void speak(Call *call, int number) {
    uint8_t packet[RTP_HEADER + FRAME];
    uint32_t ssrc = htonl(0x666c6f6f + number), timestamp = htonl(call->timestamp);
    uint16_t sequence = htons(call->sequence);
    packet[0] = 0x80;
    packet[1] = 0;
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    if (call->head == call->tail)
        memset(packet + RTP_HEADER, 0xff, FRAME);
    else
        memcpy(packet + RTP_HEADER, call->ring[call->tail++ % RING], FRAME);
    call->sequence++;
    call->timestamp += FRAME;
    sendto(call->udp, packet, sizeof packet, 0, (struct sockaddr *)&call->peer, sizeof call->peer);
}

static int connect_to_app(int port) {
    static const char request[] =
        "GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    struct sockaddr_in app = loopback(port);
    char answer[1024] = "";
    size_t filled = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&app, sizeof app) < 0) die("connect to the app");
    if (write(fd, request, sizeof request - 1) != sizeof request - 1) die("handshake");
    while (!strstr(answer, "\r\n\r\n")) {
        ssize_t size = read(fd, answer + filled, sizeof answer - 1 - filled);
        if (size <= 0) die("handshake");
        filled += size;
        answer[filled] = 0;
    }
    if (!strstr(answer, " 101 ")) die("the app refused the stream");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    set_nonblocking(fd);
    return fd;
}

int main(int argc, char **argv) {
    begin_program();
    count = argc == 3 ? atoi(argv[1]) : 0;
    if (count < 1) return fprintf(stderr, "usage: floor N APP_PORT\n"), 2;
    calls = calloc(count, sizeof *calls);
    int epoll = epoll_create1(0), timer = ticks_every(5 * MILLISECOND);
    watch_fd(epoll, 0, UINT64_MAX);
    printf("ports");
    for (int i = 0; i < count; i++) {
        calls[i].udp = udp_socket();
        calls[i].tcp = connect_to_app(atoi(argv[2]));
        watch_fd(epoll, calls[i].udp, 2 * i);
        watch_fd(epoll, calls[i].tcp, 2 * i + 1);
        printf(" %d", port_of(calls[i].udp));
    }
    printf("\n");
    fflush(stdout);
    for (unsigned slot = 0;;) {
        uint64_t ticks;
        struct epoll_event events[512];
        int ready;
        if (read(timer, &ticks, sizeof ticks) < 0) die("timer");
        int64_t now = monotonic_ns();
        do {
            ready = epoll_wait(epoll, events, 512, 0);
            for (int i = 0; i < ready; i++) {
                uint64_t which = events[i].data.u64;
                if (which == UINT64_MAX)
                    read_commands(obey);
                else if (which & 1)
                    read_app(&calls[which / 2]);
                else
                    read_rtp(&calls[which / 2], which / 2, now);
            }
        } while (ready == 512);
        for (; ticks; ticks--, slot++)
            for (int i = slot & 3; i < count; i += 4)
                if (calls[i].known && now - calls[i].last < QUIET) speak(&calls[i], i);
    }
}
